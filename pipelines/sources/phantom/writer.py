"""The phantom on disk, in MIMIC-CXR's layout (`pipelines.sources.mimic_layout`)."""

import csv
import io
import json
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

from model.study import Section
from pipelines.sources.mimic_layout import LABEL_COLUMNS, SENTENCES_FILE, image_folder, masks_folder, report_places
from pipelines.sources.phantom.abnormalities import Abnormality
from pipelines.sources.phantom.dicom import encode
from pipelines.sources.phantom.plan import StudyPlan
from pipelines.sources.phantom.png import one_bit_png
from pipelines.sources.phantom.radiograph import radiograph

Digests = dict[str, str]
"""sha256 of a file by its path in the set."""


def write_study(root: Path, plan: StudyPlan, side: int) -> Digests:
    """Draw and write one study; its report comes last, and a study that has one is left as it is."""
    report = report_places(plan.patient.subject_id, plan.study_id)[0]
    names = _file_names(plan)
    if (root / report).is_file():
        return {str(name): sha256((root / name).read_bytes()).hexdigest() for name in (*names, report)}
    files = dict(zip(names, _contents(plan, side), strict=True)) | {report: report_text(plan).encode()}
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
    masks = masks_folder(subject, study)
    return [
        image_folder(subject, study) / f"{plan.dicom_id}.dcm",
        *(masks / name for name in _mask_names(plan) if name),
        masks / SENTENCES_FILE,
    ]


def _contents(plan: StudyPlan, side: int) -> Iterator[bytes]:
    """What stands in the files of `_file_names`, in that order."""
    drawn = radiograph(plan.patient.body, plan.pose, plan.abnormalities, plan.key, side)
    yield encode(plan, drawn.image)
    for statement in plan.statements:
        match statement.rests_on:
            case None:
                continue
            case Abnormality() as abnormality:
                yield one_bit_png(drawn.masks[abnormality])
            case region:
                yield one_bit_png(drawn.regions[region])
    yield json.dumps(_sentences(plan), indent=1).encode()


def _sentences(plan: StudyPlan) -> list[dict[str, Any]]:
    return [
        {
            "text": statement.text,
            "section": statement.section,
            "groundable": statement.rests_on is not None,
            "mask": mask,
            "findings": [asdict(finding) for finding in statement.findings],
        }
        for statement, mask in zip(plan.statements, _mask_names(plan), strict=True)
    ]


def report_text(plan: StudyPlan) -> str:
    """The report as MIMIC-CXR prints it."""
    who = {"F": "___-year-old woman", "M": "___-year-old man"}[plan.patient.sex]
    view = "Portable AP chest radiograph." if plan.portable else "Single PA view of the chest."
    sections = {
        "EXAMINATION": f"CHEST ({'PORTABLE AP' if plan.portable else 'PA'})",
        "INDICATION": f"{who} with {plan.complaint}.",
        "TECHNIQUE": view,
        "COMPARISON": "None." if plan.earlier is None else "Chest radiograph from ___.",
        "FINDINGS": _section(plan, Section.FINDINGS),
        "IMPRESSION": _section(plan, Section.IMPRESSION),
    }
    parts = [f"{'FINAL REPORT':>44}"]
    for name, text in sections.items():
        parts.append("\n".join(textwrap.wrap(f"{name}:  {text}", 78, initial_indent=" ", subsequent_indent=" ")))
    return "\n \n".join(parts) + "\n"


def _section(plan: StudyPlan, section: Section) -> str:
    return " ".join(s.text for s in plan.statements if s.section is section)


def write_tables(root: Path, plans: Sequence[StudyPlan], side: int) -> Digests:
    """The tables of MIMIC-CXR and the patients' table of MIMIC-IV."""
    tables = {
        "mimic-cxr-2.0.0-metadata.csv": [_metadata_row(plan, side) for plan in plans],
        "mimic-cxr-2.0.0-split.csv": [_split_row(plan) for plan in plans],
        "mimic-cxr-2.0.0-chexpert.csv": [_label_row(plan) for plan in plans],
        "patients.csv": _patient_rows(plans),
    }
    return {name: write_file(root, PurePosixPath(name), _csv(rows)) for name, rows in tables.items()}


def _csv(rows: Sequence[dict[str, Any]]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def _metadata_row(plan: StudyPlan, side: int) -> dict[str, Any]:
    return {
        "dicom_id": plan.dicom_id,
        "subject_id": plan.patient.subject_id,
        "study_id": plan.study_id,
        "PerformedProcedureStepDescription": "CHEST (PORTABLE AP)" if plan.portable else "CHEST (PA)",
        "ViewPosition": plan.view,
        "Rows": side,
        "Columns": side,
        "StudyDate": plan.day.strftime("%Y%m%d"),
        "StudyTime": f"{plan.time}.0",
    }


def _split_row(plan: StudyPlan) -> dict[str, Any]:
    return {
        "dicom_id": plan.dicom_id,
        "study_id": plan.study_id,
        "subject_id": plan.patient.subject_id,
        "split": plan.patient.split,
    }


def _label_row(plan: StudyPlan) -> dict[str, Any]:
    labels = plan.labels()
    stated = {name: f"{labels[name]:.1f}" if name in labels else "" for name in LABEL_COLUMNS}
    return {"subject_id": plan.patient.subject_id, "study_id": plan.study_id, **stated}


def _patient_rows(plans: Iterable[StudyPlan]) -> list[dict[str, Any]]:
    patients = {plan.patient.subject_id: plan.patient for plan in plans}
    return [
        {
            "subject_id": subject,
            "gender": patient.sex,
            "anchor_age": patient.anchor_age,
            "anchor_year": patient.anchor_year,
            "race": patient.race,
        }
        for subject, patient in patients.items()
    ]
