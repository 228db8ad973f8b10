"""Figures of single findings, each with its interval."""

import pandas as pd
import pytest

from model.metrics import PatientBootstrap
from pipelines.grounding_scores import FIGURES, StatementScore
from pipelines.per_finding import per_finding
from pipelines.written_reports import LabelledReports, WrittenReport

EDEMA, FRACTURE = "Mild pulmonary edema.", "Acute rib fracture."


def reports(*texts: str) -> LabelledReports:
    return LabelledReports([WrittenReport((text,), ()) for text in texts])


def statement(study: int, observation: str, value: float) -> StatementScore:
    return StatementScore(study, observation, None, None, "small", 0.9, True, dict.fromkeys(FIGURES, value))


@pytest.fixture
def table() -> pd.DataFrame:
    # Edema is found in three of four studies, a fracture in the one that has it.
    signed, drafted = reports(EDEMA, EDEMA, EDEMA, EDEMA, FRACTURE), reports(EDEMA, EDEMA, EDEMA, FRACTURE, FRACTURE)
    scores = [*(statement(study, "Edema", study / 4) for study in range(4)), statement(4, "Fracture", 0.5)]
    found = per_finding(signed, drafted, scores, [], PatientBootstrap([str(study) for study in range(5)]))
    return found.set_index("observation")


def test_words_and_regions_stand_in_the_row_of_their_finding(table: pd.DataFrame) -> None:
    assert len(table) == 14
    assert table.loc["Edema", ["f1", "statements", "miou"]].tolist() == pytest.approx([6 / 7, 4, 0.375])
    assert table.loc["Fracture", ["true_positives", "false_positives", "iou_norm_0.1"]].tolist() == [1, 1, 0.5]


def test_an_interval_holds_its_figure_and_is_unknown_where_the_figure_is(table: pd.DataFrame) -> None:
    edema = table.loc["Edema"]
    for name in ("f1", "iou_norm_0.1", "pointing_game"):
        assert edema[f"{name}.low"] < edema[name] < edema[f"{name}.high"]
    assert table.loc["Fracture", "iou_norm_0.1.low"] == table.loc["Fracture", "iou_norm_0.1.high"] == 0.5
    assert table.loc["Pneumothorax", ["f1", "f1.low", "iou_norm_0.1.high"]].isna().all()
