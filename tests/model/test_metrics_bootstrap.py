"""Intervals: right width, whole patients, the same draws for all."""

import math
from functools import partial

import numpy as np
import pytest

from model.metrics import Figure, PatientBootstrap, estimates, mean_figure
from model.metrics.text import bleu, bleu_statistics

RNG = np.random.default_rng(3)


def test_the_interval_of_a_mean_is_the_textbooks() -> None:
    values = RNG.normal(0.4, 0.1, 400)
    estimate = PatientBootstrap([str(i) for i in range(400)]).estimate(mean_figure("x", values))
    assert estimate.value == pytest.approx(values.mean())
    assert estimate.high - estimate.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)
    assert estimate.low < estimate.value < estimate.high


def test_it_covers_the_truth_as_often_as_it_says() -> None:
    patients = [str(i) for i in range(60)]
    hits = 0
    for trial in range(200):
        estimate = PatientBootstrap(patients, draws=300, seed=trial).estimate(mean_figure("x", RNG.normal(0, 1, 60)))
        hits += estimate.low <= 0 <= estimate.high
    assert 0.88 <= hits / 200 <= 0.99


def test_repeating_every_study_of_a_patient_adds_no_certainty() -> None:
    values = RNG.normal(0.4, 0.1, 100)
    once = estimates([mean_figure("x", values)], [str(i) for i in range(100)])
    thrice = estimates([mean_figure("x", np.repeat(values, 3))], [str(i) for i in np.repeat(np.arange(100), 3)])
    assert once == pytest.approx(thrice)


def test_replicates_are_the_figure_of_the_drawn_studies() -> None:
    references = ["the heart is large", "no effusion is seen here", "the lungs are clear", "a small nodule"]
    drafts = ["the heart is normal", "no effusion is seen", "the lungs are clear", "no nodule"]
    rows, bootstrap = bleu_statistics(references, drafts), PatientBootstrap(["a", "a", "b", "c"], draws=20, seed=5)
    times = np.random.default_rng(5).multinomial(3, [1 / 3] * 3, size=20)
    for drawn, replicate in zip(times, bootstrap.replicates(rows, bleu), strict=True):
        studies = [0, 1] * drawn[0] + [2] * drawn[1] + [3] * drawn[2]
        chosen = bleu_statistics([references[i] for i in studies], [drafts[i] for i in studies])
        assert replicate == pytest.approx(bleu(chosen.sum(axis=0)))


def test_figures_share_their_draws_so_that_differences_are_paired() -> None:
    worse = RNG.normal(0.4, 0.1, 200)
    bootstraps = [PatientBootstrap([str(i) for i in range(200)], seed=9) for _ in range(2)]
    first, second = (mean_figure("x", values) for values in (worse, worse + 0.01))
    difference = bootstraps[1].replicates(second.statistics, second.value) - bootstraps[0].replicates(
        first.statistics, first.value
    )
    assert difference == pytest.approx(0.01)


def test_a_difference_leaves_out_what_makes_a_study_hard_for_both() -> None:
    hard = RNG.uniform(0, 1, 80)
    better, worse = mean_figure("better", hard + RNG.normal(0.1, 0.02, 80)), mean_figure("worse", hard)
    bootstrap = PatientBootstrap([str(i) for i in range(80)])
    gained, lost = bootstrap.difference(better, worse), bootstrap.difference(worse, better)
    assert gained.value == pytest.approx(better() - worse())
    assert (gained.low, gained.high) == pytest.approx((-lost.high, -lost.low))
    assert gained.high - gained.low < (bootstrap.estimate(better).high - bootstrap.estimate(better).low) / 5


def test_unknown_values_are_left_out_and_counts_weigh() -> None:
    assert mean_figure("x", [0.2, math.nan, 0.4])() == pytest.approx(0.3)
    assert mean_figure("x", [0.2, 1.2], counts=[1, 3])() == pytest.approx(1.4 / 4)
    assert math.isnan(mean_figure("x", [math.nan])())
    flat = estimates([mean_figure("x", [math.nan, math.nan])], ["a", "b"])
    assert all(math.isnan(value) for value in flat.values())


def test_no_study_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one study"):
        PatientBootstrap([])


def test_a_large_evaluation_takes_seconds() -> None:
    rows = RNG.integers(0, 50, (2000, 10)).astype(float)
    figures = [Figure(f"bleu_{n}", rows, partial(bleu, order=n)) for n in (1, 2, 3, 4)] * 5
    assert len(estimates(figures, [str(i // 2) for i in range(2000)])) == 12
