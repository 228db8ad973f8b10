import numpy as np
import pytest

from benchmarks.day import waits


def test_without_batches_it_is_the_queue_of_the_textbook() -> None:
    """M/D/1 with 8 s a study, 100 an hour: the mean wait is rho s / (2 (1 - rho)), by Pollaczek and Khinchine."""
    took = waits(np.array([8.0]), 0.0, hours=50_000)
    rho = 100 * 8 / 3600
    assert took.mean() == pytest.approx(8 + rho * 8 / (2 * (1 - rho)), rel=0.01)
    assert np.quantile(took, 0.99) == pytest.approx(20.4, abs=0.5)


def test_what_came_while_it_drafted_makes_one_batch() -> None:
    alone, together = (waits(np.full(most, 8.0), 0.0, hours=5_000) for most in (1, 4))
    assert together.mean() < alone.mean()
    assert together.min() == pytest.approx(8, abs=0.021)


def test_each_study_of_a_batch_costs_its_other_work() -> None:
    took = waits(np.array([0.5]), 1.5, an_hour=1, hours=1_000)
    assert np.median(took) == pytest.approx(2.0)
