"""Creep is found, an odd day is not creep, and a small reference is not taken for the truth."""

import numpy as np
import pytest

from monitoring.attention_drift import cumulative
from monitoring.reference import Moments
from tests.monitoring.conftest import POLICY

BEFORE = Moments(0.6, 0.1, 250_000)


def windows(*shifts: float) -> list[Moments]:
    """In standard deviations."""
    return [Moments(BEFORE.mean + shift * BEFORE.sd, BEFORE.sd, 1000) for shift in shifts]


def test_the_sum_of_two_windows_worked_by_hand() -> None:
    found = cumulative(windows(0.1, 0.1), BEFORE, POLICY.creep)
    error = (1 / 1000 + 1 / 250_000) ** 0.5
    each = 0.1 / error - 1 - 2 * (1 / 250_000) ** 0.5 / error
    assert found.up == pytest.approx(2 * each)
    assert (found.down, found.shift) == (0, pytest.approx(0.1))


@pytest.mark.parametrize("side", [1, -1])
def test_creep_that_no_window_shows_alone_is_found_on_either_side(side: int) -> None:
    creeping = [side * 0.02 * n for n in range(1, 9)]
    assert cumulative(windows(*creeping), BEFORE, POLICY.creep).crept(POLICY.creep)
    assert not cumulative(windows(*creeping[:3]), BEFORE, POLICY.creep).crept(POLICY.creep)


def test_one_odd_day_is_no_creep_and_two_are() -> None:
    assert not cumulative(windows(0, 5, 0), BEFORE, POLICY.creep).crept(POLICY.creep)
    assert cumulative(windows(0, 5, 5), BEFORE, POLICY.creep).crept(POLICY.creep)


def test_quiet_windows_hardly_ever_creep() -> None:
    rng = np.random.default_rng(0)
    crept = [
        cumulative(windows(*rng.normal(0, 1000**-0.5, 20)), BEFORE, POLICY.creep).crept(POLICY.creep)
        for _ in range(500)
    ]
    assert sum(crept) <= 1


def test_a_reference_of_few_studies_may_be_off_itself() -> None:
    """Its mean has a standard error of 0.06 standard deviations: each window seems to lie by as much to one side."""
    few = Moments(BEFORE.mean, BEFORE.sd, 300)
    assert cumulative(windows(*[0.06] * 20), BEFORE, POLICY.creep).crept(POLICY.creep)
    assert not cumulative(windows(*[0.06] * 20), few, POLICY.creep).crept(POLICY.creep)


def test_a_constant_reference_and_no_window_do_not_creep() -> None:
    assert not cumulative(windows(1, 1, 1), Moments(0.6, 0.0, 1000), POLICY.creep).crept(POLICY.creep)
    assert not cumulative([], BEFORE, POLICY.creep).crept(POLICY.creep)
