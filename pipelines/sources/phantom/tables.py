"""The tables of MIMIC-CXR and the patients' table of MIMIC-IV, as far as sources read them."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from pipelines.sources.mimic_layout import LABEL_COLUMNS
from pipelines.sources.phantom.plan import Shot, StudyPlan

PROCEDURE = {"AP": "CHEST (PORTABLE AP)", "PA": "CHEST (PA)", "LATERAL": "CHEST (PA AND LAT)"}


def tables(plans: Sequence[StudyPlan], size: int) -> dict[str, bytes]:
    """The CSV files by name; `size` is the longer side of the set's images in px."""
    shots = [(plan, shot) for plan in plans for shot in plan.shots]
    rows = {
        "mimic-cxr-2.0.0-metadata.csv": [_metadata_row(plan, shot, size) for plan, shot in shots],
        "mimic-cxr-2.0.0-split.csv": [_split_row(plan, shot) for plan, shot in shots],
        "mimic-cxr-2.0.0-chexpert.csv": [_label_row(plan) for plan in plans],
        "patients.csv": _patient_rows(plans),
    }
    return {name: _csv(table) for name, table in rows.items()}


def _csv(rows: Sequence[dict[str, Any]]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def _metadata_row(plan: StudyPlan, shot: Shot, size: int) -> dict[str, Any]:
    rows, columns = plan.shape(size)
    return {
        "dicom_id": shot.dicom_id,
        "subject_id": plan.patient.subject_id,
        "study_id": plan.study_id,
        "PerformedProcedureStepDescription": PROCEDURE[plan.shots[-1].view],
        "ViewPosition": shot.view,
        "Rows": rows,
        "Columns": columns,
        "StudyDate": plan.day.strftime("%Y%m%d"),
        "StudyTime": f"{plan.time}.0",
        "Site": plan.patient.site.name,
    }


def _split_row(plan: StudyPlan, shot: Shot) -> dict[str, Any]:
    return {
        "dicom_id": shot.dicom_id,
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
