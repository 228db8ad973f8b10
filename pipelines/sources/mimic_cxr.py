"""The source `mimic_cxr`: a data set in the layout of MIMIC-CXR or MIMIC-CXR-JPG (`pipelines.sources.mimic_layout`).

The three tables may be of any version, plain or .gz. Reports stand beside the study folders or under
`mimic-cxr-reports/`. Age, sex and race come from MIMIC-IV's tables where they lie in the root; age and sex else from
the DICOM header. Device and modality are left to whoever reads the image. Where `sentence_masks/` has a study, its
sentences are those annotated there; else the sections are split into sentences of which nobody said where they rest.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.errors import BadInput
from model.findings import OBSERVATIONS
from model.pixels.refusal import PARSER_FAULTS
from model.study import Section, Sentence, Study, StudyImage
from model.text import BODY, sections, sentences
from pipelines.sources import Rejected
from pipelines.sources.mimic_layout import SENTENCES_FILE, image_folder, masks_folder, report_places
from pipelines.sources.mimic_tables import Listed, Person, Row, read_listed, read_people

SPLITS = ("train", "validate", "test")
SUFFIXES = (".dcm", ".jpg", ".jpeg", ".png")
FRONTALS = ("PA", "AP", "AP AXIAL", "PA LLD", "PA RLD", "AP LLD", "AP RLD")
LATERALS = ("LATERAL", "LL", "RL", "XTABLE LATERAL", "LAO", "RAO", "LPO", "RPO", "SWIMMERS")


@dataclass(frozen=True, slots=True)
class Report:
    """The sections of one report, as `model.text.sections` gives them; None for one that it has not."""

    findings: str | None
    impression: str | None
    indication: str | None
    technique: str | None
    comparison: str | None

    @classmethod
    def parse(cls, text: str) -> "Report":
        """A report without a findings section gives the text that stands under no header as its findings."""
        found = sections(text)
        findings = found.get("findings") or found.get(BODY)
        others = (found.get(name) for name in ("impression", "indication", "technique", "comparison"))
        return cls(findings, *others)


class MimicCxr(NamedTuple):
    """One split, study by study in the order of the ids: entry i of each field is the same study.

    `images` are the files of the leading images. `labels` is float32 (studies, 14) in the order of
    `model.findings.OBSERVATIONS`: 1 positive, 0 negative, -1 uncertain, NaN not mentioned.
    """

    images: tuple[Path, ...]
    reports: tuple[Report, ...]
    labels: NDArray[np.float32]


def load_mimic_cxr(data_dir: Path, split: str) -> MimicCxr:
    """Images, reports and labels of one split; studies whose image or report is missing are left out.

    Raises:
        BadInput: `split` is none of train, validate, test, or `data_dir` is not in MIMIC-CXR's layout.
    """
    if split not in SPLITS:
        raise BadInput(f"split {split!r}", f"a split is one of {', '.join(SPLITS)}", "pass one of them")
    found = [s for s in open(Path(data_dir)).studies() if isinstance(s, Study) and s.split == split]
    labels = [[(s.labels or {}).get(observation, np.nan) for observation in OBSERVATIONS] for s in found]
    return MimicCxr(
        tuple(s.images[0].path for s in found),
        tuple(Report(s.findings, s.impression, s.indication, s.technique, s.comparison) for s in found),
        np.array(labels, np.float32).reshape(-1, len(OBSERVATIONS)),
    )


def open(root: Path) -> "MimicCxrSource":  # noqa: A001 - every source module has this name
    """The data set at `root`, all splits.

    Raises:
        BadInput: a table is missing, or lacks a column.
    """
    return MimicCxrSource(root, read_listed(root), read_people(root))


@dataclass(frozen=True, slots=True)
class MimicCxrSource:
    """Studies by subject and study id. Each study that a table names is yielded, or rejected with the reason."""

    root: Path
    listed: dict[tuple[str, str], Listed]
    people: dict[str, Person]

    def __len__(self) -> int:
        return len(self.listed)

    def studies(self) -> Iterator[Study | Rejected]:
        for (subject, study), listed in self.listed.items():
            try:
                yield self._study(subject, study, listed)
            except _Unusable as unusable:
                yield Rejected(study, str(unusable))

    def _study(self, subject: str, study: str, listed: Listed) -> Study:
        lead, images, lacking = self._images(subject, study, listed.images)
        report = self._report(subject, study)
        person = self.people.get(subject, Person())
        header = {} if person.sex and person.anchor_age is not None else _header(images[0].path)
        age = person.age(lead.get("StudyDate", ""))
        return Study(
            study_id=study,
            patient_id=subject,
            images=images,
            sentences=self._sentences(subject, study, report),
            findings=_flat(report.findings),
            impression=_flat(report.impression),
            indication=_flat(report.indication),
            technique=_flat(report.technique),
            comparison=_flat(report.comparison),
            labels=listed.labels,
            age=_years(header.get("PatientAge", "")) if age is None else age,
            sex=person.sex or header.get("PatientSex"),
            race_ethnicity=person.race,
            split=listed.split,
            notes={"images_not_there": " ".join(lacking)} if lacking else {},
        )

    def _images(self, subject: str, study: str, rows: list[Row]) -> tuple[Row, tuple[StudyImage, ...], list[str]]:
        """The leading image's row, the images, frontal ones first, and the ids of those whose file is not there.

        A lateral image may be missing; one never leads a study that has a frontal.
        """
        if not rows:
            raise _Unusable("the metadata table lists no image of it")
        folder = self.root / image_folder(subject, study)
        ranked = sorted(rows, key=lambda row: (_rank(row), row["dicom_id"]))
        found = [(row, next((p for p in _places(folder, row["dicom_id"]) if p.is_file()), None)) for row in ranked]
        present = [(row, path) for row, path in found if path is not None]
        lacking = [row["dicom_id"] for row, path in found if path is None]
        if not present or (_is_lateral(present[0][0]) and not _is_lateral(ranked[0])):
            raise _Unusable(f"image {lacking[0]} is missing under {image_folder(subject, study)}")
        return present[0][0], tuple(StudyImage(path, row.get("ViewPosition") or None) for row, path in present), lacking

    def _report(self, subject: str, study: str) -> Report:
        places = report_places(subject, study)
        path = next((self.root / place for place in places if (self.root / place).is_file()), None)
        if path is None:
            raise _Unusable(f"its report {places[0]} is missing")
        text = path.read_text(encoding="utf-8", errors="replace")
        if not text.strip():
            raise _Unusable("its report is empty")
        return Report.parse(text)

    def _sentences(self, subject: str, study: str, report: Report) -> tuple[Sentence, ...]:
        folder = self.root / masks_folder(subject, study)
        if (folder / SENTENCES_FILE).is_file():
            try:
                return tuple(_annotated(entry, folder) for entry in json.loads((folder / SENTENCES_FILE).read_text()))
            except (OSError, ValueError, LookupError, TypeError) as fault:
                raise _Unusable(f"its sentence masks cannot be read: {type(fault).__name__}") from fault
        texts = ((Section.FINDINGS, report.findings), (Section.IMPRESSION, report.impression))
        return tuple(Sentence(text, section) for section, whole in texts for text in sentences(whole or ""))


class _Unusable(Exception):
    """Why a study cannot be handed on."""


def _annotated(entry: dict[str, Any], folder: Path) -> Sentence:
    mask = None
    if entry["mask"] is not None:
        with Image.open(folder / entry["mask"]) as image:
            mask = np.asarray(image.convert("1"), bool)
    return Sentence(entry["text"], Section(entry["section"]), mask=mask, groundable=entry["groundable"])


def _flat(section: str | None) -> str | None:
    """A section's text on one line."""
    return section and " ".join(section.split())


def _places(folder: Path, dicom_id: str) -> Iterator[Path]:
    return (folder / f"{dicom_id}{suffix}" for suffix in SUFFIXES)


def _is_lateral(row: Row) -> bool:
    return row.get("ViewPosition", "").upper() in LATERALS


def _rank(row: Row) -> int:
    """Frontal views in their order, then those of unknown view, then lateral ones."""
    view = row.get("ViewPosition", "").upper()
    return FRONTALS.index(view) if view in FRONTALS else len(FRONTALS) + (view in LATERALS)


def _years(age: str) -> int | None:
    """DICOM's age string (PS3.5 6.2, AS) where it counts years."""
    return int(age[:3]) if len(age) == 4 and age[:3].isdigit() and age[3] == "Y" else None


def _header(path: Path) -> dict[str, str]:
    """Age and sex as a DICOM header has them. Of a file that cannot be parsed the decoder will say why."""
    from pydicom import dcmread

    if path.suffix != ".dcm":
        return {}
    names = ["PatientAge", "PatientSex"]
    try:
        dataset = dcmread(path, stop_before_pixels=True, specific_tags=list(names))
        return {name: text for name in names if (text := str(dataset.get(name) or "").strip())}
    except PARSER_FAULTS:
        return {}
