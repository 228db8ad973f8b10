"""Two models on the same studies: differences worked by hand, what a claim needs, which studies changed."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from model.errors import BadInput
from model.labeler import label_report
from model.metrics import Figure, PatientBootstrap, findings_figures, mean_figure, text_figures
from model.metrics.multiplicity import holm
from pipelines.comparison.changed import changed_studies
from pipelines.comparison.compared import Comparison, compared
from pipelines.comparison.differences import Difference, differences, pair
from pipelines.comparison.runs import Run, observation_figures
from pipelines.comparison.swaps import PatientSwaps
from pipelines.comparison.tables import rows, text
from pipelines.statistics import Statistics

TWELVE = tuple(f"p{number:02d}" for number in range(12))
SHARES = arrays(np.float64, 12, elements=st.floats(0, 1, width=16))

REFERENCES = ("Small left pleural effusion.", "No pneumothorax.", "The heart is enlarged.", "The lungs are clear.")
STATEMENTS = {"study": [0, 2, 2], "observation": ["Pleural Effusion", "Cardiomegaly", "Cardiomegaly"]}


def statistics(figures: Sequence[Figure], patients: Sequence[str] = TWELVE) -> Statistics:
    ids = tuple(f"s{row}" for row in range(len(patients)))
    return Statistics(ids, tuple(patients), {figure.name: figure for figure in figures})


def run(
    name: str,
    candidates: Sequence[str],
    ious: Sequence[float] = (0.4, 0.6, 0.8),
    references: Sequence[str] = REFERENCES,
    **others: str,
) -> Run:
    """A run over REFERENCES, graded as stage evaluate grades it; `ious` are those of STATEMENTS."""
    labels = [[label_report(report) for report in side] for side in (references, candidates)]
    regions = pd.DataFrame({**STATEMENTS, "iou_norm_0.1": ious})
    miou = mean_figure("miou", [ious[0], np.nan, ious[1] + ious[2], np.nan], [1, 0, 2, 0])
    figures = [*text_figures(references, candidates), *findings_figures(*labels), miou]
    whole = statistics(figures, ["p1", "p1", "p2", "p3"])
    return Run(name, Path(), whole, observation_figures(whole, regions), **others)


RIGHT = run("right", REFERENCES, data_md5="d1")
WRONG = run("wrong", ["Clear lungs.", "There is a pneumothorax.", REFERENCES[2], REFERENCES[3]], (0.0, 0.6, 0.2))


def by_name(comparison: Comparison, part: str) -> Mapping[str, float]:
    return {one.name: one.value for one in getattr(comparison, part)}


def of(a: Sequence[float], b: Sequence[float], patients: Sequence[str] = TWELVE) -> Difference:
    models = [statistics([mean_figure("miou", list(values))], patients) for values in (a, b)]
    (found,) = differences(*models, PatientBootstrap(patients, 400), PatientSwaps(patients, 400))
    return found


def test_a_difference_is_that_of_the_figures_and_its_interval_holds_it() -> None:
    found = of([0.2, 0.4] * 6, [0.3, 0.9] * 6)
    assert (found.a, found.b, found.value) == pytest.approx((0.3, 0.6, 0.3))
    assert 0.1 < found.low < 0.3 < found.high < 0.5
    assert found.n_patients == 12


def test_what_makes_studies_hard_falls_out_of_a_paired_difference() -> None:
    hardness = np.linspace(0, 0.9, 12)
    found = of(hardness, hardness + 0.1)
    assert (found.low, found.value, found.high) == pytest.approx((0.1, 0.1, 0.1))
    assert found.stands


def test_a_model_held_against_itself_differs_in_nothing() -> None:
    same = compared(RIGHT, RIGHT)
    for one in (*same.figures, *same.findings):
        assert one.a == one.b or np.isnan([one.a, one.b]).all()
        assert np.isnan(one.value) or (one.low, one.value, one.high) == (0, 0, 0)
        assert not one.stands
    assert same.studies.empty
    assert same.warnings == ()


@settings(max_examples=30)
@given(SHARES, SHARES)
def test_the_other_way_round_it_is_the_same_with_the_other_sign(a: np.ndarray, b: np.ndarray) -> None:
    there, back = of(a, b), of(b, a)
    assert (back.value, back.low, back.high) == pytest.approx((-there.value, -there.high, -there.low), abs=1e-12)
    assert back.p == pytest.approx(there.p)


def test_equal_models_are_told_apart_as_often_as_the_level_says() -> None:
    random = np.random.default_rng(0)
    found = [of(*random.normal(0.5, 0.2, (2, 12))) for _ in range(200)]
    assert 0.02 < np.mean([one.p < 0.05 for one in found]) < 0.08


def test_p_is_the_share_of_swaps_that_differ_as_much() -> None:
    """Of three patients who differ by 0.1, 0.2 and 0.3, no swap and the swap of all differ as much: 2 of 8."""
    figures = mean_figure("miou", [0.1, 0.2, 0.3]), mean_figure("miou", [0.2, 0.4, 0.6])
    assert PatientSwaps(["p1", "p2", "p3"]).p(*figures) == pytest.approx(2 / 8, abs=0.02)
    assert PatientSwaps(["p1", "p1", "p1"]).p(*figures) == 1


def test_a_handful_of_patients_makes_no_claim_however_far_apart_the_models_are() -> None:
    found = of([0.1] * 4 + [np.nan] * 8, [0.9] * 4 + [np.nan] * 8)
    assert (found.low, found.high, found.n_patients) == (pytest.approx(0.8), pytest.approx(0.8), 4)
    assert found.p == pytest.approx(2 / 2**4, abs=0.04)
    assert not found.stands


def test_among_many_figures_a_small_p_alone_is_no_claim() -> None:
    assert holm([0.01, float("nan"), 0.04, 0.03]).tolist() == pytest.approx([0.03, np.nan, 0.06, 0.06], nan_ok=True)
    assert holm([]).tolist() == []
    random = np.random.default_rng(3)
    models = [[mean_figure(f"noise {i}", random.normal(size=12)) for i in range(40)] for _ in range(2)]
    found = differences(*map(statistics, models), PatientBootstrap(TWELVE, 20), PatientSwaps(TWELVE))
    assert any(one.p < 0.05 for one in found)
    assert not any(one.stands for one in found)


def test_baselines_and_figures_of_another_formula_are_not_compared() -> None:
    words = text_figures(["a b"] * 12, ["a c"] * 12)
    a = statistics([*words, mean_figure("constant.bleu_4", [0.5] * 12)])
    b = statistics([*(Figure(f.name, f.statistics, words[0].value) if f.name == "bleu_2" else f for f in words)])
    found = [one.name for one in differences(a, b, PatientBootstrap(TWELVE, 20), PatientSwaps(TWELVE, 20))]
    assert found == [figure.name for figure in words if figure.name != "bleu_2"]


def test_a_study_is_the_same_where_study_and_patient_are() -> None:
    a = Statistics(("s1", "s2", "s3"), ("p1", "p2", "p3"), {})
    b = Statistics(("s3", "s4", "s2", "s1"), ("p3", "p4", "another", "p1"), {})
    found = pair(a, b)
    assert (found.rows_a, found.rows_b) == ((0, 2), (3, 0))
    assert (found.left_out_a, found.left_out_b) == (1, 2)


def test_runs_without_a_common_study_are_refused() -> None:
    a, b = (Statistics(("s1",), (patient,), {}) for patient in ("p1", "p2"))
    with pytest.raises(BadInput, match="no study in common"):
        pair(a, b)


def test_each_observation_has_its_own_f1_and_grounding() -> None:
    found = compared(WRONG, RIGHT)
    findings = by_name(found, "findings")
    assert findings["f1.Pleural Effusion"] == 1
    assert np.isnan(findings["f1.Pneumothorax"])  # nobody has one, and only one model says so
    assert findings["f1.Cardiomegaly"] == 0
    assert findings["iou_norm_0.1.Pleural Effusion"] == pytest.approx(0.4)
    assert findings["iou_norm_0.1.Cardiomegaly"] == pytest.approx((0.8 - 0.2) / 2)
    assert by_name(found, "figures")["miou"] == pytest.approx(1.8 / 3 - 0.8 / 3)


def test_an_evaluation_without_regions_is_compared_by_its_findings() -> None:
    found = observation_figures(RIGHT.figures, pd.DataFrame([]))
    assert len(found.figures) == 14
    assert all(name.startswith("f1.") for name in found.figures)


def test_the_studies_that_changed_say_what_came_right_and_what_went_wrong() -> None:
    table = changed_studies(WRONG.figures, RIGHT.figures).set_index("study_id")
    assert list(table.index) == ["s0", "s1", "s2"]
    assert table.loc["s0", "righted"] == "No Finding, Pleural Effusion"
    assert table.loc["s1", "righted"] == "No Finding, Pneumothorax"
    assert (table.broken == "").all()
    assert (table.gain > 0).all()
    assert table.loc["s2", "change"] == pytest.approx((0.7 - 0.4) / 3)
    back = changed_studies(RIGHT.figures, WRONG.figures).set_index("study_id")
    assert back.loc["s1", "broken"] == "No Finding, Pneumothorax"
    assert back.gain.to_list() == pytest.approx((-table.gain).to_list())


def test_what_makes_two_runs_unlike_is_said() -> None:
    longer = [REFERENCES[0], REFERENCES[1], "The heart is enlarged. Right pleural effusion.", REFERENCES[3]]
    other = run("other", REFERENCES, references=longer, data_md5="d2")
    shorter = Run("shorter", Path(), other.figures.of([0, 1, 2]), other.findings.of([0, 1, 2]), "d2")
    lacking = statistics([f for f in shorter.figures.figures.values() if f.name != "cider"], ["p1", "p1", "p2"])
    said = compared(RIGHT, Run("shorter", Path(), lacking, shorter.findings, "d2")).warnings
    assert len(said) == 4
    assert "right d1, shorter d2" in said[0]
    assert "1 studies of right are left out" in said[1]
    assert "the reports of 1 studies differ" in said[2]
    assert said[3].endswith(": cider")


def test_the_tables_mark_what_stands_and_leave_a_dash_where_nothing_is_known() -> None:
    undefined = Difference("f1.Edema", 0.5, *[float("nan")] * 4, 3, float("nan"))
    found = Difference("miou", 0.5, 0.25, -0.25, -0.4, -0.1, 12, 0.001, 0.004)
    assert list(rows([found, undefined])) == [
        ("miou", "0.500", "0.250", "-0.250", "[-0.400, -0.100]", "0.004*", "12"),
        ("f1.Edema", "0.500", "-", "-", "[-, -]", "-", "3"),
    ]
    said = text(compared(WRONG, RIGHT)).splitlines()
    assert said[0] == "a = wrong, b = right: 4 studies of 3 patients that both runs were graded on"
    assert said[2].startswith("WARNING: the runs saw other data: wrong unknown, right d1")
    assert any(line.startswith("s0") and line.endswith("No Finding, Pleural Effusion  -") for line in said)
