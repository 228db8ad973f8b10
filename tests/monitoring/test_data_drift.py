"""Distances are scipy's and Evidently's, at a price that a window can pay."""

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, ks_2samp

from model.metrics.multiplicity import holm
from monitoring import invented
from monitoring.data_drift import categorical, confirmed, hits, numeric, significant
from monitoring.judge import measure
from tests.monitoring.conftest import POLICY

values = st.lists(st.one_of(st.integers(0, 3).map(float), st.floats(-5, 5, width=32)), min_size=1, max_size=60)


def float32(listed: list[float]) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.array(listed, np.float32)


@settings(max_examples=30)
@given(values, values)
def test_distance_and_p_are_scipys_with_and_without_ties(before: list[float], now: list[float]) -> None:
    found, truth = numeric(np.sort(float32(before)), float32(now)), ks_2samp(float32(before), float32(now))
    assert (found.effect, found.p) == pytest.approx((truth.statistic, truth.pvalue))


@settings(max_examples=10)
@given(st.lists(st.integers(0, 40).map(float), min_size=1, max_size=50), st.integers(0, 9))
def test_against_a_large_reference_too_where_scipy_is_asymptotic(now: list[float], seed: int) -> None:
    before = np.sort(np.random.default_rng(seed).integers(0, 40, 10_001).astype(np.float32))
    found, truth = numeric(before, float32(now)), ks_2samp(before, float32(now))
    assert (found.effect, found.p) == pytest.approx((truth.statistic, truth.pvalue))


def test_evidently_says_the_same() -> None:
    from evidently.legacy.calculations.stattests.ks_stattest import ks_stat_test
    from evidently.legacy.core import ColumnType

    rng = np.random.default_rng(0)
    before, now = (rng.normal(shift, size=n).astype(np.float32) for shift, n in ((0, 20_000), (0.1, 1000)))
    p = ks_stat_test.func(pd.Series(before), pd.Series(now), ColumnType.Numerical, 0.05)[0]
    assert numeric(np.sort(before), now).p == pytest.approx(p)


def test_a_window_of_1000_against_250000_takes_a_few_hundredths_of_a_second_for_all_features() -> None:
    reference, window = invented.reference(250_000), next(invented.stream(1000, seed=1))
    measure(window, reference)
    took = []
    for _ in range(3):
        begin = time.process_time()
        measure(window, reference)
        took.append(time.process_time() - begin)
    assert len(reference.numbers) == 27
    assert min(took) <= 0.05


def test_a_constant_feature_is_at_no_distance_from_itself_and_at_all_of_it_from_another() -> None:
    constant = np.full(50, 0.1, np.float32)
    assert (numeric(constant, constant).effect, numeric(constant, constant).p) == (0, 1)
    assert numeric(constant, constant + 1).effect == 1
    assert categorical({"AP": 50}, ["AP"] * 20).p == 1


def test_categories_by_hand_and_by_chi_square() -> None:
    found = categorical({"AP": 600, "PA": 400}, ["AP"] * 50 + ["PA"] * 50)
    assert found.effect == pytest.approx(0.1)
    assert found.p == pytest.approx(chi2_contingency([[600, 400], [50, 50]], correction=False).pvalue)


def test_a_category_never_seen_counts_with_the_rare_ones() -> None:
    before = {"A": 990, "B": 9, "C": 1}
    found = categorical(before, ["A"] * 70 + ["new"] * 20 + ["B"] * 10)
    assert found.effect == pytest.approx(0.3 - 0.01)
    assert found.p < 1e-6


def test_holm_by_hand() -> None:
    p = {"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}
    adjusted = dict(zip(p, holm(list(p.values())), strict=True))
    assert adjusted == pytest.approx({"d": 0.02, "a": 0.03, "c": 0.06, "b": 0.06})
    assert [significant(p, alpha) for alpha in (0.02, 0.06)] == [{"d"}, set(p)]
    assert significant({}, 0.05) == set()


def test_a_significant_trifle_is_no_hit() -> None:
    rng = np.random.default_rng(0)
    before = np.sort(rng.normal(size=200_000).astype(np.float32))
    trifle = {"image.noise": numeric(before, rng.normal(0.05, size=50_000).astype(np.float32))}
    assert trifle["image.noise"].p < 1e-9
    assert not hits(trifle, POLICY.distances)
    assert hits({"image.noise": numeric(before, before[:20_000] + 1)}, POLICY.distances) == {"image.noise"}


def test_drift_is_what_two_of_three_windows_show_and_the_latest_is_one_of_them() -> None:
    odd, none = {"image.noise"}, set[str]()
    assert confirmed([odd, none, odd], 2, 3) == odd
    assert not confirmed([odd, odd, none], 2, 3)
    assert not confirmed([odd, none, none, odd], 2, 3)
    assert not confirmed([odd], 2, 3)
    assert not confirmed([], 2, 3)
