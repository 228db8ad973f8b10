"""The source `mimic_cxr`: a data set in the layout of MIMIC-CXR or MIMIC-CXR-JPG (`pipelines.sources.mimic_layout`).

The tables may be of any version, plain or .gz. Reports stand beside the study folders, under `mimic-cxr-reports/`, or
in `mimic-cxr-reports.zip`; those of fewer than 10 or more than 200 tokens are left out. Age, sex and race come from
MIMIC-IV's tables where they lie in the root; age and sex else from the DICOM header. Device and modality are left to
whoever reads the image. Where `sentence_masks/` has a study, its sentences are those annotated there; else the sections
are split into sentences, and those that MS-CXR has boxes for in the leading image get them. Of the others nobody said
where they rest.
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
from model.text import sentences
from pipelines.sources import Rejected
from pipelines.sources.mimic_layout import SENTENCES_FILE, image_folder, masks_folder
from pipelines.sources.mimic_reports import Report, Reports, UnusableReport
from pipelines.sources.mimic_tables import ImageRow, Listed, Person, read_listed, read_people
from pipelines.sources.ms_cxr import Phrase, read_ms_cxr, with_boxes

SPLITS = ("train", "validate", "test")
SUFFIXES = (".dcm", ".jpg", ".jpeg", ".png")
FRONTALS = ("PA", "AP", "AP AXIAL", "PA LLD", "PA RLD", "AP LLD", "AP RLD")
LATERALS = ("LATERAL", "LL", "RL", "XTABLE LATERAL", "LAO", "RAO", "LPO", "RPO", "SWIMMERS")


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
        BadInput: a table is missing or damaged, or lacks a column; MS-CXR's annotations are damaged.
    """
    return MimicCxrSource(root, read_listed(root), read_people(root), Reports(root), read_ms_cxr(root))


@dataclass(frozen=True, slots=True)
class MimicCxrSource:
    """Studies by subject and study id. Each study that a table names is yielded, or rejected with the reason."""

    root: Path
    listed: dict[tuple[str, str], Listed]
    people: dict[str, Person]
    reports: Reports
    phrases: dict[str, list[Phrase]]
    reports_only: bool = False

    def __len__(self) -> int:
        return len(self.listed)

    def studies(self) -> Iterator[Study | Rejected]:
        for (subject, study), listed in self.listed.items():
            try:
                yield self._study(subject, study, listed)
            except (_Unusable, UnusableReport) as unusable:
                yield Rejected(study, str(unusable))

    def _study(self, subject: str, study: str, listed: Listed) -> Study:
        found, lacking = self._images(subject, study, listed.images)
        lead, path = found[0]
        report = self.reports.read(subject, study)
        said, notes = self._sentences(subject, study, report, found)
        person = self.people.get(subject, Person())
        header = {} if person.sex and person.anchor_age is not None else _header(path)
        age = person.age(lead.day)
        return Study(
            study_id=study,
            patient_id=subject,
            images=tuple(StudyImage(path, row.view or None) for row, path in found),
            sentences=said,
            findings=_flat(report.findings),
            impression=_flat(report.impression),
            indication=_flat(report.indication),
            technique=_flat(report.technique),
            comparison=_flat(report.comparison),
            labels=None if listed.labels is None else dict(listed.labels),
            age=_years(header.get("PatientAge", "")) if age is None else age,
            sex=person.sex or header.get("PatientSex"),
            race_ethnicity=person.race,
            site=lead.site,
            split=listed.split,
            notes=notes | ({"images_not_there": " ".join(lacking)} if lacking else {}),
        )

    def _images(self, subject: str, study: str, rows: list[ImageRow]) -> tuple[list[tuple[ImageRow, Path]], list[str]]:
        """The images that are there, the leading one first, and the ids of those that are not.

        PA leads, then AP, the other frontal views, unknown ones, lateral ones; of several the earliest. A lateral image
        may be missing; one never leads a study that has a frontal.
        """
        if not rows:
            raise _Unusable("the metadata table lists no image of it")
        folder = self.root / image_folder(subject, study)
        ranked = sorted(rows, key=lambda row: (_rank(row.view), row.day, row.time, row.dicom_id))
        files = [(row, next((p for p in _places(folder, row.dicom_id) if p.is_file()), None)) for row in ranked]
        present = [(row, path) for row, path in files if path is not None]
        lacking = [row.dicom_id for row, path in files if path is None]
        if not present or (present[0][0].view in LATERALS and ranked[0].view not in LATERALS):
            raise _Unusable(f"image {lacking[0]} is missing under {image_folder(subject, study)}")
        return present, lacking

    def _sentences(
        self, subject: str, study: str, report: Report, images: list[tuple[ImageRow, Path]]
    ) -> tuple[tuple[Sentence, ...], dict[str, str]]:
        """The sentences, with a note of how many of MS-CXR's boxes found none of them."""
        folder = self.root / masks_folder(subject, study)
        if (folder / SENTENCES_FILE).is_file():
            try:
                entries = json.loads((folder / SENTENCES_FILE).read_text())
                return tuple(_annotated(entry, folder) for entry in entries), {}
            except (OSError, ValueError, LookupError, TypeError) as fault:
                raise _Unusable(f"its sentence masks cannot be read: {type(fault).__name__}") from fault
        texts = ((Section.FINDINGS, report.findings), (Section.IMPRESSION, report.impression))
        said = [Sentence(text, section) for section, whole in texts for text in sentences(whole or "")]
        of_lead, *of_others = (self.phrases.get(row.dicom_id, []) for row, _ in images)
        boxed, unsaid = with_boxes(said, of_lead)
        counts = {"boxes_without_sentence": unsaid, "boxes_of_other_images": sum(map(len, of_others))}
        return boxed, {name: str(count) for name, count in counts.items() if count}


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


def _rank(view: str) -> int:
    """Frontal views in their order, then those of unknown view, then lateral ones."""
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
