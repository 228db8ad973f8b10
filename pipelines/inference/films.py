"""The files that are given: which are radiographs, of which study, and which one of a study is drafted.

Headers and pixels are read in processes of their own (`model.workers`): nobody vouches for a file. A study is what
shares a Study Instance UID; a file without a valid one is a study of its own, named by its content, for its name may be
the patient's.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.tag import Tag

from model.errors import BadInput
from model.fhir import StudyFacts
from model.pixels import Geometry, ModelInput, PixelParams, PixelsRefused, Refusal, to_input_and_display
from model.pixels.header import read_header
from model.pixels.plane import is_plane
from model.pixels.refusal import parser_faults
from model.prompt import prompt_text
from model.workers import Loss

FACTS = (
    "StudyInstanceUID",
    "PatientID",
    "AccessionNumber",
    "StudyDate",
    "StudyTime",
    "TimezoneOffsetFromUTC",
    "PatientAge",
    "PatientSex",
)
FRONTAL = ("PA", "AP", None)
"""Views that are drafted, the better first; a file that does not say its view is taken for a frontal one."""


@dataclass(frozen=True, slots=True)
class Label:
    """What a file says of itself. `study` names its folder; `prompt` is what the model may be told."""

    path: str
    study: str
    view: str | None
    facts: StudyFacts
    prompt: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A file without a draft, and why: a `Refusal`, or one of the two below."""

    path: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Film:
    """A radiograph as the model sees it, and as a person does: the bytes of uint8 (size, size) and (H, W)."""

    label: Label
    seen: bytes
    shown: bytes
    geometry: Geometry
    input_sha256: str

    def model_input(self, size: int) -> ModelInput:
        image = np.frombuffer(self.seen, np.uint8).reshape(size, size)
        return ModelInput(image, self.geometry, self.input_sha256, self.label.view, ())

    @property
    def display(self) -> NDArray[np.uint8]:
        return np.frombuffer(self.shown, np.uint8).reshape(self.geometry.original_height, self.geometry.original_width)


NOT_FRONTAL = "not_frontal"
ANOTHER_IMAGE = "another_image_drafted"


def find_files(paths: Sequence[Path], out: Path) -> list[str]:
    """The files given and those within the folders given, at any depth, each once; hidden ones are passed over, and so
    is what lies below `out`, where the drafts' own pictures are.

    Raises:
        BadInput: a path that does not exist; no file at all.
    """
    found: dict[str, None] = {}
    for path in paths:
        if not path.exists():
            raise BadInput(f"path {path}", "DICOM files or folders are read", "give one that exists")
        found |= dict.fromkeys(map(str, files_within(path, out) if path.is_dir() else [path]))
    if not found:
        raise BadInput(
            f"{', '.join(map(str, paths))}",
            f"there is no file within, {out} left out",
            "give DICOM files, or folders of them",
        )
    return list(found)


def files_within(folder: Path, out: Path) -> Iterator[Path]:
    drafts, root = out.resolve(), folder.resolve()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in name.parts)
        if path.is_file() and not hidden and not (root / name).is_relative_to(drafts):
            yield path


def read_label(path: str) -> Label | Refused:
    """What a file says of itself."""
    try:
        data = Path(path).read_bytes()
        if is_plane(data):
            return _label(path, data, Dataset(), None)
        view = read_header(data).view
        with parser_faults("reading the study's facts"):
            said = dcmread(BytesIO(data), force=True, stop_before_pixels=True, specific_tags=[Tag(k) for k in FACTS])
            return _label(path, data, said, view)
    except PixelsRefused as refused:
        return Refused(path, refused.reason.value, refused.detail)


def _label(path: str, data: bytes, said: Dataset, view: str | None) -> Label:
    uid = _text(said, "StudyInstanceUID")
    valid = uid if uid and re.fullmatch(r"[0-9]+(\.[0-9]+)*", uid) and len(uid) <= 64 else None
    study = valid or f"image-{hashlib.sha256(data).hexdigest()[:16]}"
    facts = StudyFacts(valid, _text(said, "PatientID"), _text(said, "AccessionNumber"), _taken(said))
    return Label(path, study, view, facts, prompt_text(_age(said), _text(said, "PatientSex"), None))


def _text(said: Dataset, keyword: str) -> str | None:
    """One line of at most 64 characters, as LO and UI have it."""
    words = "".join(c for c in str(said.get(keyword) or "") if c.isprintable()).strip()
    return words[:64] or None


def _taken(said: Dataset) -> str | None:
    """Study Date and Time as FHIR's dateTime; the date alone where the offset from UTC is not known; None for a day
    that no calendar has."""
    day, time = (_text(said, keyword) or "" for keyword in ("StudyDate", "StudyTime"))
    offset = _text(said, "TimezoneOffsetFromUTC") or ""
    if not re.fullmatch(r"(19|20)\d{6}", day):
        return None
    try:
        date = datetime.strptime(day, "%Y%m%d").date().isoformat()
    except ValueError:
        return None
    timed = re.match(r"([01]\d|2[0-3])[0-5]\d[0-5]\d", time)
    if not (timed and re.fullmatch(r"[+-]((0\d|1[0-3])[0-5]\d|1400)", offset)):
        return date
    return f"{date}T{time[:2]}:{time[2:4]}:{time[4:6]}{offset[:3]}:{offset[3:]}"


def _age(said: Dataset) -> int | None:
    """Years of an Age String (PS3.5 6.2) such as 064Y; months, weeks and days are years of 0."""
    match re.fullmatch(r"(\d{3})([DWMY])", _text(said, "PatientAge") or ""):
        case None:
            return None
        case found:
            return int(found[1]) if found[2] == "Y" else 0


def lost_label(path: str, why: Loss) -> Label | Refused:
    return Refused(path, Refusal(why.value).value, "reading the header was ended")


def choose(labels: Iterable[Label]) -> tuple[list[Label], list[Refused]]:
    """One frontal image a study, in the order of the files: PA before AP before what does not say. The others are not
    drafted, and say so."""
    of_study: dict[str, list[Label]] = {}
    for label in labels:
        of_study.setdefault(label.study, []).append(label)
    chosen, others = [], []
    for images in of_study.values():
        frontal = sorted((i for i in images if i.view in FRONTAL), key=lambda i: FRONTAL.index(i.view))
        chosen += frontal[:1]
        others += [Refused(i.path, ANOTHER_IMAGE, "another image of its study was drafted") for i in frontal[1:]]
        others += [
            Refused(i.path, NOT_FRONTAL, f"its view is {i.view}: frontal radiographs are drafted")
            for i in images
            if i.view not in FRONTAL
        ]
    return chosen, others


def read_film(label: Label, params: PixelParams) -> Film | Refused:
    """The pixels of a file."""
    try:
        made, shown = to_input_and_display(Path(label.path), params)
        return Film(label, made.image.tobytes(), shown.tobytes(), made.geometry, made.sha256)
    except PixelsRefused as refused:
        return Refused(label.path, refused.reason.value, refused.detail)


def lost_film(label: Label, why: Loss) -> Film | Refused:
    return Refused(label.path, Refusal(why.value).value, "decoding was ended")


ANSWERS = (Label, Refused, Film, Geometry, StudyFacts)
"""The classes that these processes answer with."""
