"""The source `openi`: Indiana University's chest X-ray collection as Open-i publishes it.

    NLMCXR_reports.tgz         ecgen-radiology/1.xml ...; read in place, or that folder unpacked
    gold_labels.csv            optional: the gold labels of 3,080 reports (NegBio's openi_gld_std14.csv)
    NLMCXR_png/                optional: CXR1_1_IM-0001-3001.png ..., as NLMCXR_png.tgz unpacks
    NLMCXR_dcm/                optional: 1/1_IM-0001-3001.dcm ..., as NLMCXR_dcm.tgz unpacks
    indiana_projections.csv    optional: filename, projection (Frontal or Lateral), a later list by hand

A report is a study, and a patient: nobody published who is who. Without a folder of images the set is reports alone.
The reports name their images, but seldom which is the frontal one; where neither the caption nor the list tells, the
order is theirs. Sources: Demner-Fushman et al. 2016 (JAMIA 23, 304-310); for the list, Kaggle's
raddar/chest-xrays-indiana-university.
"""

import csv
import re
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from model.errors import BadInput
from model.study import Section, Sentence, Study, StudyImage
from model.text import sentences
from pipelines.sources import Rejected

ARCHIVE = "NLMCXR_reports.tgz"
FOLDER = "ecgen-radiology"
IMAGES = ("NLMCXR_dcm", "NLMCXR_png")
MAX_BYTES = 1 << 16  # the longest has 9 kB
MAX_REPORTS = 100_000  # of the 3,955

# The gold columns of an observation. Where they are all that it is, 0 denies it.
WHOLE = {
    "No Finding": ("normal",),
    "Cardiomegaly": ("Cardiomegaly",),
    "Lung Lesion": ("Nodule", "Mass"),
    "Edema": ("Edema",),
    "Consolidation": ("Consolidation",),
    "Pneumonia": ("Pneumonia",),
    "Atelectasis": ("Atelectasis",),
    "Pneumothorax": ("Pneumothorax",),
    "Pleural Effusion": ("Effusion",),
}
# Where they are a part of it, 0 says nothing.
PART = {"Lung Opacity": ("Infiltration",), "Pleural Other": ("Pleural_Thickening",)}

# The terms that indexers gave a report, and those that a program did.
MESH = ("major", "automatic")

_IMAGE_ID = re.compile(r"CXR\d+_(?:\d+_)?(?P<series>IM-[\d-]+)")

# What a caption, which speaks of the study's images together, calls a view.
_VIEWS = {
    "PA": re.compile(r"\bpa\b", re.IGNORECASE),
    "AP": re.compile(r"\bap\b|\bportable\b", re.IGNORECASE),
    "LATERAL": re.compile(r"\blat(?:eral)?\b", re.IGNORECASE),
}


def open(root: Path) -> "OpenISource":  # noqa: A001 - every source module has this name
    """The data set at `root`.

    Raises:
        BadInput: no reports, a damaged archive, or images that are still packed.
    """
    packed = [name for name in IMAGES if (root / f"{name}.tgz").is_file() and not (root / name).is_dir()]
    if packed:
        raise BadInput(f"archive {root / packed[0]}.tgz", "images are read from folders", f"unpack it as {packed[0]}/")
    folder = next((root / name for name in IMAGES if (root / name).is_dir()), None)
    return OpenISource(_reports(root), folder, _rows(root / "gold_labels.csv"), _projections(root))


def _reports(root: Path) -> dict[str, bytes | None]:
    """The XML of each report by its file's stem, in the order of the numbers; None of a file that is too large."""
    if (root / FOLDER).is_dir():
        files = sorted((root / FOLDER).glob("*.xml"))
        found = {path.stem: path.read_bytes() if path.stat().st_size <= MAX_BYTES else None for path in files}
    elif (root / ARCHIVE).is_file():
        found = _archived(root / ARCHIVE)
    else:
        raise BadInput(f"root {root}", f"Open-i's reports are {ARCHIVE} or {FOLDER}/", "put one of them in the root")
    return {stem: found[stem] for stem in sorted(found, key=lambda stem: (len(stem), stem))}


def _archived(path: Path) -> dict[str, bytes | None]:
    """Members are read one after the other, none beyond its bound: what is large is passed over, never held."""
    found: dict[str, bytes | None] = {}
    try:
        with tarfile.open(path, "r|gz") as archive:
            for member in archive:
                if not member.name.endswith(".xml"):
                    continue
                if len(found) == MAX_REPORTS:
                    raise BadInput(f"archive {path}", f"at most {MAX_REPORTS} reports are read", "fetch it again")
                content = archive.extractfile(member) if member.size <= MAX_BYTES else None
                found[PurePosixPath(member.name).stem] = content.read() if content else None
    except (tarfile.TarError, EOFError, OSError, zlib.error) as fault:
        raise BadInput(f"archive {path}", f"it is damaged: {type(fault).__name__}", "fetch it again") from fault
    return found


def _rows(path: Path) -> dict[str, dict[str, str]]:
    """A table by its column `filename`; {} where it does not lie in the root."""
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8-sig") as lines:
        return {row["filename"]: row for row in csv.DictReader(lines)}


def _projections(root: Path) -> dict[str, str]:
    """FRONTAL or LATERAL by the name of the DICOM file, without extension: 1_IM-0001-4001."""
    rows = _rows(root / "indiana_projections.csv")
    return {name.split(".")[0]: row["projection"].upper() for name, row in rows.items()}


@dataclass(frozen=True, slots=True)
class OpenISource:
    """Studies in the order of their numbers; one without text, or without image where others have one, is rejected."""

    reports: dict[str, bytes | None]
    images: Path | None
    gold: dict[str, dict[str, str]]
    projections: dict[str, str]

    @property
    def reports_only(self) -> bool:
        return self.images is None

    def __len__(self) -> int:
        return len(self.reports)

    def studies(self) -> Iterator[Study | Rejected]:
        for stem, content in self.reports.items():
            yield self._study(stem, content)

    def _study(self, stem: str, content: bytes | None) -> Study | Rejected:
        study_id = f"CXR{stem}"
        if content is None:
            return Rejected(study_id, f"its report has more than {MAX_BYTES} bytes")
        try:
            tree = fromstring(content, forbid_dtd=True)
        except (ParseError, DefusedXmlException) as fault:
            return Rejected(study_id, f"its report is no plain XML: {type(fault).__name__}")
        found = {part.get("Label"): " ".join((part.text or "").split()) or None for part in tree.iter("AbstractText")}
        findings, impression = found.get("FINDINGS"), found.get("IMPRESSION")
        if not findings and not impression:
            return Rejected(study_id, "its report is empty")
        images, lacking = self._images(study_id, tree)
        if self.images and not images:
            return Rejected(study_id, f"none of its {len(lacking)} images is there")
        texts = ((Section.FINDINGS, findings), (Section.IMPRESSION, impression))
        notes = {f"mesh_{kind}": "; ".join(filter(None, (e.text for e in tree.iter(kind)))) for kind in MESH}
        return Study(
            study_id=study_id,
            patient_id=study_id,
            images=images,
            sentences=tuple(Sentence(text, section) for section, whole in texts for text in sentences(whole or "")),
            findings=findings,
            impression=impression,
            indication=found.get("INDICATION"),
            comparison=found.get("COMPARISON"),
            labels=labels_of(self.gold[study_id]) if study_id in self.gold else None,
            notes={name: text for name, text in notes.items() if text}
            | ({"images_not_there": " ".join(lacking)} if images and lacking else {}),
        )

    def _images(self, study_id: str, tree: Element) -> tuple[tuple[StudyImage, ...], list[str]]:
        """The images that are there, lateral ones last, and the ids of the others."""
        present: list[StudyImage] = []
        lacking: list[str] = []
        for image in tree.iter("parentImage"):
            image_id, number = image.get("id", ""), study_id.removeprefix("CXR")
            known = _IMAGE_ID.fullmatch(image_id)
            name = f"{number}_{known['series']}" if known else ""
            places = _places(self.images, number, name, image_id) if self.images and known else ()
            path = next((place for place in places if place.is_file()), None)
            if path:
                view = view_of(image.findtext("caption") or "", self.projections.get(name))
                present.append(StudyImage(path, view))
            else:
                lacking.append(image_id)
        return tuple(sorted(present, key=lambda image: image.view == "LATERAL")), lacking


def _places(folder: Path, number: str, name: str, image_id: str) -> tuple[Path, Path]:
    return folder / number / f"{name}.dcm", folder / f"{image_id}.png"


def view_of(caption: str, projection: str | None) -> str | None:
    """PA, AP or LATERAL, where caption and projection leave one of them.

    >>> view_of("Xray Chest PA and Lateral", "FRONTAL"), view_of("Xray Chest PA and Lateral", None)
    ('PA', None)
    """
    named = [view for view, words in _VIEWS.items() if words.search(caption)]
    if projection == "LATERAL":
        return "LATERAL"
    if projection == "FRONTAL":
        named = [view for view in named if view != "LATERAL"]
    return named[0] if len(named) == 1 else None


def labels_of(row: dict[str, str]) -> dict[str, int]:
    """The observations that a row of gold labels states or denies."""
    labels = {name: int(any(row.get(column) == "1" for column in columns)) for name, columns in WHOLE.items()}
    return labels | {name: 1 for name, columns in PART.items() if any(row.get(column) == "1" for column in columns)}
