"""The source padchest_gr, on made-up studies in its published layout."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from model.errors import BadInput
from model.geometry import Box
from model.study import Section, Study
from pipelines.sources import Rejected, open_source

ABNORMAL = {
    "sentence_en": "Small right  pleural effusion.",
    "sentence_es": "Pequeño derrame pleural derecho.",
    "abnormal": True,
    "boxes": [[0.1, 0.5, 0.4, 1.0]],
    "extra_boxes": [[0.0, 0.5, 0.4, 1.0]],
    "labels": ["pleural effusion"],
    "locations": ["right", "pleural"],
    "progression": None,
}
NEGATIVE = {"sentence_en": "No pneumothorax.", "sentence_es": "No hay neumotórax.", "abnormal": False}
SECOND_READER = {
    **ABNORMAL,
    "sentence_en": "Rib fracture and nodule.",
    "boxes": [],
    "extra_boxes": [[0.5, 0.25, 0.75, 0.5], [0, 0, 0.5, 0.5]],
    "labels": ["Rib fracture", " nodule", "scoliosis"],
}


def write_set(root: Path, *reports: dict[str, Any], images: str = "Padchest_GR_files") -> Path:
    (root / images).mkdir(parents=True)
    for report in reports:
        Image.fromarray(np.zeros((80, 40), np.uint16)).save(root / images / report["ImageID"])
    (root / "grounded_reports_20240819.json").write_text(json.dumps(reports))
    return root


def a_report(study: str, *findings: dict[str, Any], **others: Any) -> dict[str, Any]:
    return {"StudyID": study, "ImageID": f"{study}_ab.png", "PreviousImageID": None, "findings": findings, **others}


TABLE = """\
StudyID,ImageID,label,split,PatientID,PatientSex_DICOM,PatientAge
11,11_ab.png,pleural effusion,validation,P1,F,71
11,11_ab.png,nodule,validation,P1,F,71
12,12_ab.png,Normal,train,P2,M,
"""


@pytest.mark.parametrize("images", ["Padchest_GR_files", "Padchest_GR_files/PadChest_GR", "PadChest_GR"])
def test_a_study_of_the_published_layout(tmp_path: Path, images: str) -> None:
    findings = (ABNORMAL, NEGATIVE, SECOND_READER)
    root = write_set(
        tmp_path, a_report("11", *findings, PreviousImageID="9_ab.png"), a_report("12", NEGATIVE), images=images
    )
    (root / "master_table.csv").write_text(TABLE)
    source = open_source("padchest_gr", root)
    assert len(source) == 2
    first, normal = source.studies()
    assert isinstance(first, Study)
    assert (first.study_id, first.patient_id, first.split) == ("11", "P1", "validate")
    assert (first.age, first.sex) == (71, "F")
    assert [image.path for image in first.images] == [root / images / "11_ab.png"]
    assert first.findings == "Small right pleural effusion. No pneumothorax. Rib fracture and nodule."
    assert [(s.boxes, s.groundable) for s in first.sentences] == [
        ((Box(4, 40, 16, 80),), True),
        (None, None),
        ((Box(20, 20, 30, 40), Box(0, 0, 20, 40)), True),
    ]
    assert {s.section for s in first.sentences} == {Section.FINDINGS}
    assert first.labels == {"Lung Lesion": 1, "Pleural Effusion": 1, "Fracture": 1}
    assert first.notes == {"prior_image": "9_ab.png"}
    assert isinstance(normal, Study)
    assert (normal.labels, normal.split, normal.age) == ({"No Finding": 1}, "train", None)


def test_without_the_table_a_study_is_a_patient(tmp_path: Path) -> None:
    (study,) = open_source("padchest_gr", write_set(tmp_path, a_report("5", ABNORMAL))).studies()
    assert isinstance(study, Study)
    assert (study.patient_id, study.split, study.sex) == ("5", None, None)


@pytest.mark.parametrize(
    "broken",
    [
        {**ABNORMAL, "boxes": [[0.4, 0.5, 0.1, 1.0]]},
        {**ABNORMAL, "boxes": [[0.4, 0.5]]},
        {"sentence_es": "Normal.", "abnormal": False},
        {**ABNORMAL, "sentence_en": None},
    ],
)
def test_a_broken_study_is_rejected_alone(tmp_path: Path, broken: dict[str, Any]) -> None:
    root = write_set(tmp_path, a_report("1", broken), a_report("2", ABNORMAL))
    first, second = open_source("padchest_gr", root).studies()
    assert isinstance(first, Rejected)
    assert "breaks the layout" in first.reason
    assert isinstance(second, Study)


def test_a_missing_or_damaged_image_is_rejected(tmp_path: Path) -> None:
    root = write_set(tmp_path, a_report("1", ABNORMAL), a_report("2", ABNORMAL))
    (root / "Padchest_GR_files" / "1_ab.png").unlink()
    (root / "Padchest_GR_files" / "2_ab.png").write_bytes(b"no image")
    reasons = [item.reason for item in open_source("padchest_gr", root).studies() if isinstance(item, Rejected)]
    assert reasons == [
        "its image cannot be read: FileNotFoundError",
        "its image cannot be read: UnidentifiedImageError",
    ]


@pytest.mark.parametrize("content", ["{", '{"a": 1}', "[1]", '[{"ImageID": "x"}]'])
def test_broken_reports_are_bad_input(tmp_path: Path, content: str) -> None:
    root = write_set(tmp_path)
    (root / "grounded_reports_20240819.json").write_text(content)
    with pytest.raises(BadInput, match="a list of studies"):
        open_source("padchest_gr", root)


def test_a_root_without_reports_or_images_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="grounded_reports"):
        open_source("padchest_gr", tmp_path)
