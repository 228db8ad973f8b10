"""What stage evaluate writes for its readers: the drafts beside their references, the statements, the findings."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from model.calibration import FILE as CALIBRATION
from model.calibration import Calibration, write_calibration
from model.metrics import Figure
from model.report import GroundedReport
from model.study import Section
from pipelines.evaluation_set import EvaluationStudy
from pipelines.statistics import FILE as STATISTICS
from pipelines.statistics import Statistics, write_statistics


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything that the stage writes."""

    figures: dict[str, float]
    drafts: list[dict[str, Any]]
    statements: pd.DataFrame
    per_finding: pd.DataFrame
    reliability: pd.DataFrame
    statistics: Statistics
    baselines: dict[str, Any]


def draft_lines(
    references: Sequence[dict[str, Any]], drafts: Sequence[GroundedReport], figures: Sequence[Figure]
) -> list[dict[str, Any]]:
    """The lines of drafts.jsonl, each with its study's own figures."""
    each = {figure.name: figure.of_each() for figure in figures}
    return [
        {
            "study_id": draft.study_id,
            "draft": draft.to_json(),
            "reference": references[index],
            "figures": {name: None if np.isnan(values[index]) else values[index] for name, values in each.items()},
        }
        for index, draft in enumerate(drafts)
    ]


def reference(study: EvaluationStudy) -> dict[str, Any]:
    """The signed report as drafts.jsonl shows it."""
    return {section.value: study.section(section) for section in Section} | {
        "sentences": [
            {
                "text": sentence.text,
                "section": sentence.section.value,
                "groundable": sentence.groundable,
                "has_mask": sentence.mask is not None,
                "findings": [asdict(finding) for finding in sentence.findings],
            }
            for sentence in study.sentences
        ]
    }


def write(evaluation: Evaluation, calibration: Calibration, out: Path) -> None:
    """Write the stage's folder anew."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    write_calibration(calibration, out / CALIBRATION)
    with (out / "drafts.jsonl").open("w") as file:
        file.writelines(json.dumps(line) + "\n" for line in evaluation.drafts)
    write_statistics(evaluation.statistics, out / STATISTICS)
    evaluation.statements.to_parquet(out / "statements.parquet")
    evaluation.per_finding.to_parquet(out / "per_finding.parquet")
    evaluation.reliability.to_parquet(out / "reliability.parquet")
    (out / "baselines.json").write_text(json.dumps(evaluation.baselines, indent=1) + "\n")
