"""The source `padchest_gr`: PadChest-GR, sentences of findings with boxes by radiologists, in English.

    grounded_reports_20240819.json    a list of studies: StudyID, ImageID, PreviousImageID, findings; each finding has
                                      sentence_en, sentence_es, abnormal, labels, locations, progression, boxes and
                                      extra_boxes ([x0, y0, x1, y1], shares of the image's width and height)
    master_table.csv                  optional; a row a study and label, of which are read: StudyID, PatientID,
                                      PatientSex_DICOM, PatientAge, split
    Padchest_GR_files/                the images, PNG of 16 bits, here or in PadChest_GR/ within

A sentence has the first reader's boxes; the second reader's (`extra_boxes`) where these are all. Negative findings come
without boxes, and nobody said where they rest. A study without an abnormal finding is a normal one. Without the table
each study is a patient of its own.

Sources: Castro et al. 2024 (arXiv 2411.05085); the names of files and columns are those that several public loaders
read. They were not held against the release itself, which is given on request alone, and a label that is not named here
becomes none.
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from PIL import Image

from model.errors import BadInput
from model.geometry import Box
from model.study import Section, Sentence, Study, StudyImage
from pipelines.sources import Rejected

FOLDERS = ("Padchest_GR_files", "Padchest_GR_files/PadChest_GR", "PadChest_GR")
SPLITS = {"train": "train", "validation": "validate", "test": "test"}

# PadChest's labels of each of CheXpert's observations (Bustos et al. 2020, annex: the tree of radiographic findings).
LABELS = {
    "Enlarged Cardiomediastinum": ("mediastinal enlargement", "superior mediastinal enlargement", "mediastinal mass"),
    "Cardiomegaly": ("cardiomegaly",),
    "Lung Lesion": (
        *("nodule", "multiple nodules", "pulmonary mass", "mass", "lung metastasis", "granuloma"),
        *("calcified granuloma", "cavitation", "abscess"),
    ),
    "Lung Opacity": (
        *("infiltrates", "interstitial pattern", "ground glass pattern", "reticular interstitial pattern"),
        *("reticulonodular interstitial pattern", "miliary opacities", "increased density"),
    ),
    "Edema": ("pulmonary edema",),
    "Consolidation": ("consolidation", "alveolar pattern", "air bronchogram"),
    "Pneumonia": ("pneumonia", "atypical pneumonia"),
    "Atelectasis": (
        *("atelectasis", "laminar atelectasis", "lobar atelectasis", "segmental atelectasis"),
        *("round atelectasis", "total atelectasis", "atelectasis basal"),
    ),
    "Pneumothorax": ("pneumothorax", "hydropneumothorax"),
    "Pleural Effusion": (
        *("pleural effusion", "loculated pleural effusion", "loculated fissural effusion", "hydropneumothorax"),
    ),
    "Pleural Other": (
        *("pleural thickening", "apical pleural thickening", "calcified pleural thickening", "pleural plaques"),
        *("calcified pleural plaques", "pleural mass", "fissure thickening", "minor fissure thickening"),
        *("major fissure thickening",),
    ),
    "Fracture": (
        *("rib fracture", "clavicle fracture", "humeral fracture", "vertebral fracture", "fracture"),
        *("callus rib fracture",),
    ),
    "Support Devices": (
        *("pacemaker", "dual chamber device", "single chamber device", "dai", "endotracheal tube", "nsg tube"),
        *("chest drain tube", "tracheostomy tube", "central venous catheter", "gastrostomy tube"),
        *("central venous catheter via subclavian vein", "central venous catheter via jugular vein"),
        *("central venous catheter via umbilical vein", "reservoir central venous catheter", "catheter"),
        *("ventriculoperitoneal drain tube", "double j stent", "nephrostomy tube", "electrical device"),
    ),
}
OBSERVATION_OF = [(label, observation) for observation, labels in LABELS.items() for label in labels]


def open(root: Path) -> "PadChestGrSource":  # noqa: A001 - every source module has this name
    """The data set at `root`.

    Raises:
        BadInput: no reports or no images, or reports that are no list of studies.
    """
    path = max(root.glob("grounded_reports_*.json"), default=None)
    folders = [root / folder for folder in FOLDERS if (root / folder).is_dir()]
    if path is None or not folders:
        raise BadInput(
            f"root {root}", f"PadChest-GR has grounded_reports_20240819.json and {FOLDERS[0]}/", "put both in the root"
        )
    try:
        studies = json.loads(path.read_text(encoding="utf-8"))
        by_id = {str(study["StudyID"]): study for study in studies}
    except (LookupError, TypeError, ValueError) as fault:
        raise BadInput(f"reports {path}", f"a list of studies, but {fault!r}", "take the file as published") from fault
    return PadChestGrSource(folders, by_id, _table(root / "master_table.csv"))


def _table(path: Path) -> dict[str, dict[str, str]]:
    """A row of each study; they differ in the label alone."""
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8-sig") as lines:
        return {row["StudyID"]: row for row in csv.DictReader(lines)}


@dataclass(frozen=True, slots=True)
class PadChestGrSource:
    """Studies in the order of the reports; one that breaks the layout, or whose image is missing, is rejected."""

    folders: list[Path]
    reports: dict[str, dict[str, Any]]
    table: dict[str, dict[str, str]]
    reports_only: bool = False

    def __len__(self) -> int:
        return len(self.reports)

    def studies(self) -> Iterator[Study | Rejected]:
        for study_id, report in self.reports.items():
            try:
                yield self._study(study_id, report)
            except (LookupError, TypeError, ValueError) as fault:
                yield Rejected(study_id, f"its report breaks the layout: {type(fault).__name__}")
            except (OSError, Image.DecompressionBombError) as fault:
                yield Rejected(study_id, f"its image cannot be read: {type(fault).__name__}")

    def _study(self, study_id: str, report: dict[str, Any]) -> Study:
        path = self._image(report["ImageID"])
        with Image.open(path) as image:
            size = image.size
        row = self.table.get(study_id, {})
        said = tuple(_sentence(finding, *size) for finding in report["findings"])
        prior = report.get("PreviousImageID")
        age, split = row.get("PatientAge"), row.get("split")
        return Study(
            study_id=study_id,
            patient_id=row.get("PatientID") or study_id,
            images=(StudyImage(path),),
            sentences=said,
            findings=" ".join(sentence.text for sentence in said) or None,
            labels=labels_of(report["findings"]),
            age=int(float(age)) if age else None,
            sex=row.get("PatientSex_DICOM") or None,
            split=SPLITS.get(split, split) if split else None,
            notes={"prior_image": str(prior)} if prior else {},
        )

    def _image(self, name: str) -> Path:
        paths = (folder / Path(name).name for folder in self.folders)
        if found := next((path for path in paths if path.is_file()), None):
            return found
        raise FileNotFoundError(name)


def _sentence(finding: dict[str, Any], width: int, height: int) -> Sentence:
    shares = finding.get("boxes") or finding.get("extra_boxes") or ()
    boxes = tuple(Box(x0 * width, y0 * height, x1 * width, y1 * height) for x0, y0, x1, y1 in shares)
    text = " ".join(str.split(finding["sentence_en"]))
    return Sentence(text, Section.FINDINGS, boxes=boxes or None, groundable=True if boxes else None)


def labels_of(findings: list[dict[str, Any]]) -> dict[str, int] | None:
    """The observations that the abnormal findings' labels name; "No Finding" where there is none; None of no report."""
    stated = [finding for finding in findings if finding["abnormal"]]
    if not stated:
        return {"No Finding": 1} if findings else None
    named = {label.strip().lower() for label in chain.from_iterable(f.get("labels") or () for f in stated)}
    return {observation: 1 for label, observation in OBSERVATION_OF if label in named} or None
