"""Probabilities that can be believed, held against hand-worked numbers and known odds."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.calibration import (
    FILE,
    UNFITTED,
    UNKNOWN,
    Calibration,
    draft_features,
    fit_logistic,
    read_calibration,
    reliability,
    verdict,
    write_calibration,
)
from model.errors import BadInput
from model.report import Verdict


def test_the_odds_that_made_the_examples_are_found_again() -> None:
    draw = np.random.default_rng(0)
    score = draw.random(20_000)
    right = draw.random(20_000) < 1 / (1 + np.exp(-(6 * score - 2)))
    fitted = fit_logistic(score[:, None], right)
    assert fitted.weights[0] == pytest.approx(6, abs=0.2)
    assert fitted.bias == pytest.approx(-2, abs=0.15)
    assert fitted.examples == 20_000


def test_without_an_example_nothing_is_known_and_with_one_kind_nothing_is_certain() -> None:
    assert fit_logistic(np.zeros((0, 1)), [])(0.9) == pytest.approx(UNKNOWN)
    assert verdict(UNFITTED.grounding(1.0, positive=True)) is Verdict.WEAK
    # Platt's targets: 8 right ones of 8 are 9 of 10
    assert fit_logistic(np.full((8, 1), 0.5), [1] * 8)(0.5) == pytest.approx(0.9, abs=1e-4)


def test_a_rising_score_never_speaks_against_itself() -> None:
    falling = fit_logistic([[0.1], [0.2], [0.8], [0.9]], [1, 1, 0, 0], rising=True)
    assert falling.weights == (0.0,)
    assert falling(0.1) == pytest.approx(0.5, abs=1e-6)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=30), st.floats(0, 1), st.floats(0, 1))
def test_any_fit_is_a_probability_that_rises(examples: list[tuple[float, bool]], low: float, high: float) -> None:
    fitted = fit_logistic([[score] for score, _ in examples], [right for _, right in examples], rising=True)
    low, high = sorted((low, high))
    assert 0 <= fitted(low) <= fitted(high) + 1e-12 <= 1 + 1e-12


@pytest.mark.parametrize(
    ("probability", "wanted"),
    [(0.5, Verdict.GROUNDED), (0.49, Verdict.WEAK), (0.25, Verdict.WEAK), (0.24, Verdict.UNGROUNDED)],
)
def test_verdicts_begin_at_even_odds_and_end_at_one_to_three(probability: float, wanted: Verdict) -> None:
    assert verdict(probability) is wanted


def test_reliability_counts_by_tenths() -> None:
    curve = reliability([0.05, 0.95, 1.0, 0.92], [False, True, True, False])
    assert [b.n for b in curve] == [1, 0, 0, 0, 0, 0, 0, 0, 0, 3]
    assert curve[-1].observed == pytest.approx(2 / 3)
    assert curve[-1].predicted == pytest.approx(2.87 / 3)
    assert np.isnan(curve[4].observed)


def test_a_draft_is_read_by_its_names_and_by_its_lowest_score() -> None:
    assert draft_features([-0.2, -0.4], [0.9, 0.3]) == pytest.approx((-0.3, -0.4, 0.3))
    assert draft_features([], []) == (0, 0, 1)


def test_it_travels_as_plain_json(tmp_path: Path) -> None:
    positive = fit_logistic([[0.1], [0.9]], [0, 1])
    calibration = Calibration(positive, UNFITTED.other, fit_logistic([[0, 0, 1], [1, 1, 0]], [1, 0]))
    write_calibration(calibration, tmp_path / FILE)
    assert read_calibration(tmp_path) == calibration
    assert set(json.loads((tmp_path / FILE).read_text())) == {"positive", "other", "confidence"}


def test_a_model_without_one_says_where_it_comes_from(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="export, after evaluate"):
        read_calibration(tmp_path)
