"""The source `folder`: a CSV manifest with images and COCO boxes, as public collections come, or a set of captions.

    manifest.csv             file, view, finding, sex, age, clinical_notes, caption, url, modality, body_part, split;
                             every column but `file` may be missing
    images/                  the files that the manifest names
    annotations_coco.json    optional: images, categories, annotations with bbox [x, y, width, height]

Without manifest.csv: ROCO's layouts (`pipelines.sources.captions`). A row is a study of one image. `clinical_notes` are
its findings section, or the caption where it has no notes. `finding` becomes a label only where it is one: `LABELS_OF`.
Boxes are given to a sentence only where it names what they show (`pipelines.sources.named_boxes`). Which rows are one
patient: `pipelines.sources.cases`. What is said to be no radiograph, or not of the chest, is rejected.
"""

import csv
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from model.errors import BadInput
from model.geometry import Box
from model.study import Section, Sentence, Study, StudyImage
from model.text import sentences
from pipelines.sources import Rejected
from pipelines.sources.captions import Row, caption_rows
from pipelines.sources.cases import patients_of
from pipelines.sources.named_boxes import Annotation, boxes_named_by

# A diagnosis of the `finding` column, in small letters, and the observation that it is. A germ in a collection of chest
# radiographs is that of a pneumonia; "ARDS" alone is no observation of CheXpert's.
PNEUMONIAS = (
    *("pneumonia", "covid-19", "sars", "mers-cov", "streptococcus", "klebsiella", "legionella", "pneumocystis"),
    *("mycoplasma bacterial pneumonia", "mycoplasma", "e.coli", "bacterial", "viral", "fungal", "varicella"),
    *("influenza", "lipoid", "chlamydophila", "nocardia", "aspiration"),
)
LABELS_OF = {"no finding": "No Finding", **dict.fromkeys(PNEUMONIAS, "Pneumonia")}

VIEWS = {"L": "LATERAL", "LATERAL": "LATERAL", "AP SUPINE": "AP", "AP ERECT": "AP", "AP": "AP", "PA": "PA"}
# DICOM's modality of what collections call one; None where the word leaves it open.
MODALITIES = {"": None, "CR": "CR", "DX": "DX", "DR": "DX", "X-RAY": None, "XRAY": None}
CHEST = ("", "CHEST", "THORAX")
SPLITS = {"": None, "valid": "validate", "val": "validate", "validation": "validate"}


def open(root: Path) -> "FolderSource":  # noqa: A001 - every source module has this name
    """The data set at `root`.

    Raises:
        BadInput: neither manifest.csv nor captions, a manifest without the column `file`, or broken annotations.
    """
    manifest = root / "manifest.csv"
    if not manifest.is_file():
        if captions := caption_rows(root):
            return FolderSource(root, "", captions, {})
        raise BadInput(
            f"root {root}", "a folder source has manifest.csv and images/, or ROCO's captions", "write the manifest"
        )
    with manifest.open(newline="", encoding="utf-8-sig", errors="replace") as lines:
        rows = list(csv.DictReader(lines))
    if rows and "file" not in rows[0]:
        raise BadInput(f"manifest {manifest}", "its column `file` names the images", "add the column")
    return FolderSource(root, "images/", rows, _annotations(root / "annotations_coco.json"))


@dataclass(frozen=True, slots=True)
class FolderSource:
    """Studies in the order of the rows; `folder` is where their files stand, from the root on."""

    root: Path
    folder: str
    rows: list[Row]
    annotations: dict[str, list[Annotation]]
    reports_only: bool = False

    def __len__(self) -> int:
        return len(self.rows)

    def studies(self) -> Iterator[Study | Rejected]:
        patients = patients_of([(row["file"], row.get("url") or "") for row in self.rows])
        for row, patient in zip(self.rows, patients, strict=True):
            yield self._study(row, patient)

    def _study(self, row: Row, patient: str) -> Study | Rejected:
        name = row["file"]
        study_id, path = Path(name).stem, self.root / self.folder / name
        if not path.is_file():
            return Rejected(study_id, f"image {self.folder}{name} is missing")
        modality = (row.get("modality") or "").strip().upper()
        if modality not in MODALITIES:
            return Rejected(study_id, f"modality {modality}: CR, DX, DR and X-ray are radiographs")
        if (body_part := (row.get("body_part") or "").strip().upper()) not in CHEST:
            return Rejected(study_id, f"body part {body_part}: a chest radiograph is of the chest")
        notes = " ".join((row.get("clinical_notes") or row.get("caption") or "").split()) or None
        view = (row.get("view") or "").strip().upper()
        view = VIEWS.get(view, view)
        annotations = self.annotations.get(name, [])
        return Study(
            study_id=study_id,
            patient_id=patient,
            images=(StudyImage(path, view or None),),
            sentences=tuple(_sentence(text, annotations, view) for text in sentences(notes or "")),
            findings=notes,
            labels=_labels(row.get("finding") or ""),
            age=_age(row.get("age") or ""),
            sex=(row.get("sex") or "").strip().upper() or None,
            modality=MODALITIES[modality],
            split=SPLITS.get(split := (row.get("split") or "").strip().lower(), split),
            notes={"finding": row["finding"]} if row.get("finding") else {},
        )


def _sentence(text: str, annotations: list[Annotation], view: str) -> Sentence:
    boxes = boxes_named_by(text, annotations, lateral=view == "LATERAL")
    return Sentence(text, Section.FINDINGS, boxes=boxes or None, groundable=True if boxes else None)


def _labels(finding: str) -> dict[str, int] | None:
    """What the diagnoses, separated by commas or slashes, say for sure."""
    parts = (part.strip().lower() for part in finding.replace("/", ",").split(","))
    return {LABELS_OF[part]: 1 for part in parts if part in LABELS_OF} or None


def _age(text: str) -> int | None:
    try:
        return int(float(text))
    except ValueError:
        return None


def _annotations(path: Path) -> dict[str, list[Annotation]]:
    """The boxes of each image file."""
    if not path.is_file():
        return {}
    found: dict[str, list[Annotation]] = defaultdict(list)
    try:
        coco = json.loads(path.read_text())
        names = {image["id"]: image["file_name"] for image in coco["images"]}
        categories = {category["id"]: category["name"] for category in coco["categories"]}
        for entry in coco["annotations"]:
            x, y, width, height = entry["bbox"]
            box = Box(x, y, x + width, y + height)
            found[names[entry["image_id"]]].append(Annotation(categories[entry["category_id"]], box))
    except (LookupError, TypeError, ValueError) as fault:
        raise BadInput(f"annotations {path}", f"COCO's format, but {fault!r}", "correct or remove the file") from fault
    return dict(found)
