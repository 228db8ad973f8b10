"""One study at the door: into the set, known already, or into quarantine with a reason. Any process may decide it."""

import hashlib
import io
import json
import re
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.findings import OBSERVATIONS
from model.pixels import PixelsRefused, Refusal, to_display
from model.pixels.dataset import MAX_BYTES
from model.study import Sentence, Study
from pipelines.deidentify import StoredImage, stored_form
from pipelines.manifest import SentenceRow, StudyRow
from pipelines.pseudonyms import Pseudonyms
from pipelines.sources import Rejected
from pipelines.splits import Split

STUDY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,90}")


@dataclass(frozen=True, slots=True)
class Known:
    """What the set holds of a study id."""

    patient_id: str
    image_sha256: str | None
    content_sha256: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A study as its source hands it on, and what the set holds under the same study id."""

    study: Study | Rejected
    known: Known | None = None


@dataclass(frozen=True, slots=True)
class Admitted:
    """A new study: its members, and its row, still without shard and with the source's split or none ("")."""

    row: StudyRow
    members: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Same:
    """A study that the set holds already, content and all."""

    study_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A study for the quarantine."""

    study_id: str
    reason: str


def admit(
    candidate: Candidate, source: str, pseudonyms: Pseudonyms, *, reports_only: bool = False
) -> Admitted | Same | Refused:
    """Read a study's files and decide.

    Args:
        source: the name that the manifest gives it.
        reports_only: the source has no images, so that a study may have none.
    """
    study, known = candidate.study, candidate.known
    if isinstance(study, Rejected):
        return Refused(study.study_id, study.reason)
    if fault := _fault(study, reports_only):
        return Refused(study.study_id, fault)
    try:
        stored = [stored_form(_read(image.path), pseudonyms) for image in study.images]
    except OSError as error:
        return Refused(study.study_id, f"image file: {error.strerror}")
    except PixelsRefused as refused:
        return Refused(study.study_id, str(refused))
    sentences, masks = _sentences(study)
    patient = pseudonyms.patient(study.patient_id)
    first = stored[0] if stored else None
    image_sha256 = _sha256(first.content) if first else None
    held = Known(patient, image_sha256, _content_sha256(study, patient, stored, sentences, masks))
    if known is not None:
        return Same(study.study_id) if held == known else Refused(study.study_id, conflict(held, known))
    try:
        pictures = [to_display(image.content) for image in stored]
    except PixelsRefused as refused:
        return Refused(study.study_id, str(refused))
    height, width = pictures[0].shape if pictures else (0, 0)
    if misfit := _misfit(study.sentences, (height, width)):
        return Refused(study.study_id, misfit)
    names = [f"{study.study_id}/image_{index}.{image.extension}" for index, image in enumerate(stored)]
    views = [given.view or image.view for given, image in zip(study.images, stored, strict=True)]
    row: StudyRow = {
        "study_id": study.study_id,
        "patient_id": patient,
        "split": study.split or "",
        "source": source,
        "shard": "",
        "images": [{"member": name, "view": view} for name, view in zip(names, views, strict=True)],
        "image_sha256": held.image_sha256,
        "pixels_sha256": _pixels_sha256(pictures[0]) if pictures else None,
        "content_sha256": held.content_sha256,
        "width": width,
        "height": height,
        "findings": study.findings,
        "impression": study.impression,
        "indication": study.indication,
        "technique": study.technique,
        "comparison": study.comparison,
        "sentences": sentences,
        "labels": None if study.labels is None else {name: study.labels.get(name) for name in OBSERVATIONS},
        "age": study.age,
        "sex": study.sex,
        "race_ethnicity": study.race_ethnicity,
        "site": study.site,
        "device": study.device or (first.device if first else None),
        "modality": study.modality or (first.modality if first else None),
    }
    images = zip(names, (image.content for image in stored), strict=True)
    return Admitted(row, dict(chain(images, masks.items())))


def _read(path: Path) -> bytes:
    if (size := path.stat().st_size) > MAX_BYTES:
        raise PixelsRefused(Refusal.TOO_LARGE, f"{size} bytes: at most {MAX_BYTES} are read")
    return path.read_bytes()


def conflict(new: Known, known: Known) -> str:
    """Why a study is not the one of the same id that the set holds."""
    if new.patient_id != known.patient_id:
        what = "another patient"
    elif new.image_sha256 != known.image_sha256:
        what = "another image"
    else:
        what = "another report, other regions or other further images"
    return f"conflict: this study id is in the set with {what}"


def _fault(study: Study, reports_only: bool) -> str | None:
    """What makes a study unfit before any file is read."""
    if not STUDY_ID.fullmatch(study.study_id):
        return "study id: letters, digits, '.', '_' and '-' only, at most 91 of them, a letter or digit first"
    if not study.images and not reports_only:
        return "no image"
    if study.split is not None and study.split not in list(Split):
        return f"split {study.split!r}: train, validate or test"
    for name, value in (study.labels or {}).items():
        if name not in OBSERVATIONS or value not in (1, 0, -1):
            return f"label {name!r} = {value}: one of the 14 observations, 1, 0 or -1"
    return None


def _misfit(sentences: tuple[Sentence, ...], shape: tuple[int, ...]) -> str | None:
    for index, sentence in enumerate(sentences):
        if sentence.mask is not None and sentence.mask.shape != shape:
            return f"mask of sentence {index}: {sentence.mask.shape} (rows, columns) over an image of {shape}"
    return None


def _sentences(study: Study) -> tuple[list[SentenceRow], dict[str, bytes]]:
    """The sentences' rows and their masks by member name."""
    rows: list[SentenceRow] = []
    masks: dict[str, bytes] = {}
    for index, sentence in enumerate(study.sentences):
        name = None
        if sentence.mask is not None:
            name = f"{study.study_id}/mask_{index:02d}.png"
            masks[name] = bilevel_png(sentence.mask)
        rows.append(
            {
                "text": sentence.text,
                "section": sentence.section.value,
                "groundable": sentence.groundable,
                "mask": name,
                "boxes": None if sentence.boxes is None else [box.as_list() for box in sentence.boxes],
            }
        )
    return rows, masks


def bilevel_png(mask: NDArray[np.bool_]) -> bytes:
    """A mask (H, W) as a PNG of one bit a pixel."""
    out = io.BytesIO()
    Image.fromarray(mask).save(out, "PNG")
    return out.getvalue()


def _content_sha256(
    study: Study, patient: str, images: list[StoredImage], sentences: list[SentenceRow], masks: dict[str, bytes]
) -> str:
    """A digest of images, report and regions under their patient: what makes two studies of one id the same."""
    content = {
        "patient": patient,
        "images": [_sha256(image.content) for image in images],
        "report": [study.findings, study.impression, study.indication, study.technique, study.comparison],
        "sentences": sentences,
        "masks": {name: _sha256(mask) for name, mask in masks.items()},
    }
    return _sha256(json.dumps(content, sort_keys=True).encode())


def _pixels_sha256(picture: NDArray[np.uint8]) -> str:
    return _sha256(f"{picture.shape}".encode() + picture.tobytes())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
