"""F1 of findings, on labels small enough to count by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.findings import COMMON_FIVE, OBSERVATIONS
from model.metrics import findings_figures, per_observation

labels = st.dictionaries(st.sampled_from(OBSERVATIONS), st.sampled_from([1, 0, -1]))
studies = st.lists(st.tuples(labels, labels), min_size=1, max_size=8)

TRUTH = [{"Edema": 1, "Cardiomegaly": 1}, {"Pneumothorax": 1, "Edema": 0}, {"Pneumonia": -1}]
DRAFT = [{"Edema": 1, "Fracture": 1}, {"Pneumothorax": 1}, {"Pneumonia": 1}]


def figures(truth: list[dict[str, int]], draft: list[dict[str, int]]) -> dict[str, float]:
    return {figure.name: figure() for figure in findings_figures(truth, draft)}


def test_by_hand() -> None:
    found = figures(TRUTH, DRAFT)
    # edema and pneumothorax found; fracture and the uncertain pneumonia false; cardiomegaly missed
    assert found["findings_micro_f1"] == pytest.approx(4 / 7)
    assert found["findings_macro_f1"] == pytest.approx((1 + 1 + 0 + 0 + 0) / 5)
    assert found["findings_micro_f1_5"] == pytest.approx(2 / 3)
    assert found["findings_example_f1"] == pytest.approx((2 / 4 + 1 + 0) / 3)
    assert found["findings_macro_f1_5"] == pytest.approx((1 + 0) / 2)  # edema and cardiomegaly
    assert found["findings_example_f1_5"] == pytest.approx(2 / 3)  # the first study alone has any of the five
    assert found["findings_micro_f1_u1"] == pytest.approx(6 / 8)


def test_per_observation_counts() -> None:
    scores = {score.observation: score for score in per_observation(TRUTH, DRAFT)}
    edema, missed, never = scores["Edema"], scores["Cardiomegaly"], scores["Lung Lesion"]
    assert (edema.true_positives, edema.false_positives, edema.false_negatives) == (1, 0, 0)
    assert (edema.precision, edema.recall, edema.f1) == (1, 1, 1)
    assert math.isnan(missed.precision)
    assert (missed.recall, missed.f1) == (0, 0)
    assert math.isnan(never.f1)


def test_nothing_to_find_and_nothing_found_is_undefined_not_perfect() -> None:
    assert all(math.isnan(value) for value in figures([{}], [{"Edema": 0}]).values())


@given(studies)
def test_micro_f1_lies_between_0_and_1_and_ignores_what_is_denied(chosen: list[tuple[dict[str, int], ...]]) -> None:
    truth, draft = ([one[side] for one in chosen] for side in (0, 1))
    found = figures(truth, draft)
    assert all(math.isnan(value) or 0 <= value <= 1 for value in found.values())
    stated = [[{k: v for k, v in one.items() if v == 1} for one in side] for side in (truth, draft)]
    assert figures(*stated)["findings_micro_f1"] == pytest.approx(found["findings_micro_f1"], nan_ok=True)


@given(studies)
def test_micro_f1_is_the_plain_formula(chosen: list[tuple[dict[str, int], ...]]) -> None:
    for name, kept in (("findings_micro_f1", OBSERVATIONS), ("findings_micro_f1_5", COMMON_FIVE)):
        cells = [(truth.get(o) == 1, draft.get(o) == 1) for truth, draft in chosen for o in kept]
        both, either = cells.count((True, True)), sum(a + b for a, b in cells)
        expected = 2 * both / either if either else math.nan
        assert figures(*map(list, zip(*chosen, strict=True)))[name] == pytest.approx(expected, nan_ok=True)


@given(studies)
def test_f1_is_scikit_learns(chosen: list[tuple[dict[str, int], ...]]) -> None:
    from sklearn.metrics import f1_score

    truth, draft = ([one[side] for one in chosen] for side in (0, 1))
    cells = [np.array([[of.get(name) == 1 for name in OBSERVATIONS] for of in side]) for side in (truth, draft)]
    found = figures(truth, draft)
    for average in ("micro", "macro"):
        expected = f1_score(*cells, average=average, zero_division=np.nan)
        assert found[f"findings_{average}_f1"] == pytest.approx(expected, nan_ok=True)
    each = f1_score(*cells, average=None, zero_division=np.nan)
    assert [score.f1 for score in per_observation(truth, draft)] == pytest.approx(each, nan_ok=True)


def test_a_study_alone() -> None:
    micro = findings_figures(TRUTH, DRAFT)[0]
    assert np.allclose(micro.of_each(), [0.5, 1, 0])
