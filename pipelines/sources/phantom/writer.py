"""One study on disk, in MIMIC-CXR's layout (`pipelines.sources.mimic_layout`), and what is written of all together."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from pipelines.sources.mimic_layout import MS_CXR_FILE, SENTENCES_FILE, image_folder, masks_folder, report_places
from pipelines.sources.phantom.abnormalities import Abnormality
from pipelines.sources.phantom.dicom import encode
from pipelines.sources.phantom.lateral import lateral_radiograph
from pipelines.sources.phantom.ms_cxr import XYWH, boxes_of, category_of, ms_cxr
from pipelines.sources.phantom.plan import StudyPlan
from pipelines.sources.phantom.png import one_bit_png
from pipelines.sources.phantom.radiograph import Radiograph, radiograph
from pipelines.sources.phantom.regions import Mask
from pipelines.sources.phantom.report import report_text
from pipelines.sources.phantom.tables import tables
from pipelines.sources.phantom.wordings import Statement

Digests = dict[str, str]
"""sha256 of a file by its path in the set."""


def write_study(root: Path, plan: StudyPlan, size: int) -> Digests:
    """Draw and write one study; its report comes last, and a study that has one is left as it is."""
    report = report_places(plan.patient.subject_id, plan.study_id)[0]
    names = _file_names(plan)
    if (root / report).is_file():
        return {str(name): sha256((root / name).read_bytes()).hexdigest() for name in (*names, report)}
    files = dict(zip(names, _contents(plan, size), strict=True)) | {report: report_text(plan).encode()}
    return {str(name): write_file(root, name, content) for name, content in files.items()}


def write_together(root: Path, plans: Sequence[StudyPlan], size: int) -> Digests:
    """What is written of all studies together, once each stands: the tables, and the boxes as MS-CXR has them."""
    boxes = ms_cxr(((plan, _boxes(root, plan)) for plan in plans), size)
    files = {MS_CXR_FILE: boxes} | {PurePosixPath(name): table for name, table in tables(plans, size).items()}
    return {str(name): write_file(root, name, content) for name, content in files.items()}


def write_file(root: Path, name: PurePosixPath, content: bytes) -> str:
    """Write a file in one step, and return its sha256."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.part")
    draft.write_bytes(content)
    draft.replace(path)
    return sha256(content).hexdigest()


def _mask_names(plan: StudyPlan) -> list[str | None]:
    return [None if s.rests_on is None else f"mask_{k:02d}.png" for k, s in enumerate(plan.statements)]


def _file_names(plan: StudyPlan) -> list[PurePosixPath]:
    subject, study = plan.patient.subject_id, plan.study_id
    images, masks = image_folder(subject, study), masks_folder(subject, study)
    return [
        *(images / f"{shot.dicom_id}.dcm" for shot in plan.shots),
        *(masks / name for name in _mask_names(plan) if name),
        masks / SENTENCES_FILE,
    ]


def _contents(plan: StudyPlan, size: int) -> Iterator[bytes]:
    """What stands in the files of `_file_names`, in that order."""
    rows, columns = plan.shape(size)
    body, (frontal, *lateral) = plan.patient.body, plan.shots
    drawn = radiograph(body, plan.pose, frontal.exposure, plan.abnormalities, plan.key, rows, columns)
    yield encode(plan, frontal, drawn.image)
    for shot in lateral:
        picture = lateral_radiograph(body, plan.pose, shot.exposure, plan.abnormalities, plan.key, rows, columns)
        yield encode(plan, shot, picture)
    masks = [_mask(statement, drawn) for statement in plan.statements]
    yield from (one_bit_png(mask) for mask in masks if mask is not None)
    yield json.dumps(_sentences(plan, masks), indent=1).encode()


def _mask(statement: Statement, drawn: Radiograph) -> Mask | None:
    match statement.rests_on:
        case None:
            return None
        case Abnormality() as abnormality:
            return drawn.masks[abnormality]
        case regions:
            union: Mask = np.logical_or.reduce([drawn.regions[region] for region in regions])
            return union


def _sentences(plan: StudyPlan, masks: Sequence[Mask | None]) -> list[dict[str, Any]]:
    return [
        {
            "text": statement.text,
            "section": statement.section,
            "groundable": mask is not None,
            "mask": name,
            "boxes": boxes_of(mask) if mask is not None and category_of(statement) else [],
            "findings": [asdict(finding) for finding in statement.findings],
        }
        for statement, name, mask in zip(plan.statements, _mask_names(plan), masks, strict=True)
    ]


def _boxes(root: Path, plan: StudyPlan) -> list[list[XYWH]]:
    """The boxes of each statement, as they stand beside the masks."""
    sentences = root / masks_folder(plan.patient.subject_id, plan.study_id) / SENTENCES_FILE
    return [sentence["boxes"] for sentence in json.loads(sentences.read_text())]
