"""The boxes of positive statements in the form of MS-CXR (Boecking et al. 2022; PhysioNet, v1.1.0): COCO's JSON, an
annotation for each box, the sentence as its `label_text`, and the eight findings that MS-CXR has as categories."""

import json
from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np

from pipelines.sources.mimic_layout import image_folder
from pipelines.sources.phantom.plan import StudyPlan
from pipelines.sources.phantom.regions import Mask
from pipelines.sources.phantom.wordings import Statement

CATEGORIES = (
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Edema",
    "Lung Opacity",
    "Pleural Effusion",
    "Pneumonia",
    "Pneumothorax",
)
LEAST_SHARE = 0.1  # of a mask that a part must have to get a box

XYWH = list[int]
"""Left, top, width and height in px, as COCO counts them."""


def boxes_of(mask: Mask) -> list[XYWH]:
    """A box around each part of a mask, the left ones first; splinters get none."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    parts = stats[1:]  # the first is what lies outside
    large = parts[parts[:, cv2.CC_STAT_AREA] >= LEAST_SHARE * mask.sum()]
    return sorted([int(value) for value in part[:4]] for part in large)


def ms_cxr(studies: Iterable[tuple[StudyPlan, list[list[XYWH]]]], size: int) -> bytes:
    """The JSON file of some studies, each with the boxes of each of its statements."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for plan, boxes in studies:
        annotated = [
            (statement.text, CATEGORIES.index(category) + 1, box)
            for statement, found in zip(plan.statements, boxes, strict=True)
            if (category := category_of(statement))
            for box in found
        ]
        if not annotated:
            continue
        images.append(_image(plan, len(images) + 1, len(annotated), size))
        for text, number, box in annotated:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": len(images),
                    "category_id": number,
                    "bbox": box,
                    "area": box[2] * box[3],
                    "iscrowd": 0,
                    "label_text": text,
                }
            )
    categories = [{"id": k + 1, "name": name, "supercategory": "disease"} for k, name in enumerate(CATEGORIES)]
    whole = {"images": images, "annotations": annotations, "categories": categories}
    return (json.dumps(whole, indent=1) + "\n").encode()


def category_of(statement: Statement) -> str | None:
    """The category that a statement has boxes under, the last it names where it names two: opacities of a pneumonia.

    None for a denial, a hedge, and a finding that MS-CXR has not.
    """
    stated = [f.observation for f in statement.findings if f.positive and f.observation in CATEGORIES]
    return stated[-1] if stated else None


def _image(plan: StudyPlan, number: int, annotations: int, size: int) -> dict[str, Any]:
    rows, columns = plan.shape(size)
    name = f"{plan.shots[0].dicom_id}.dcm"
    folder = image_folder(plan.patient.subject_id, plan.study_id)
    return {
        "id": number,
        "file_name": name,
        "path": str(folder / name),
        "width": columns,
        "height": rows,
        "num_annotations": annotations,
    }
