"""What is known of two models at a time: the mature studies of each, and nothing that came later."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from release.evidence import Arrivals, Evidence, Reading, studied
from release.policy import Policy
from release.sequences import Floats
from tests.release.conftest import POLICY

HOUR = 3600.0
LAG = POLICY.label_lag_hours * HOUR


def study(arrivals: Arrivals, since: float, as_of: float, policy: Policy) -> Evidence:
    """Times in seconds since the epoch."""
    known = Evidence(datetime.fromtimestamp(as_of, UTC), policy.sha256)
    return studied(known, arrivals, datetime.fromtimestamp(since, UTC), policy)


def canary(n: int = 400, weight: float = 0.5, candidate: float = 0.1, seed: int = 0) -> Arrivals:
    """A study a minute, signed within an hour."""
    rng = np.random.default_rng(seed)
    arrived = np.arange(n) * 60.0
    by_candidate = rng.random(n) < weight
    missed = (rng.random(n) < np.where(by_candidate, candidate, 0.05)).astype(float)
    return Arrivals(
        arrived, arrived + HOUR * rng.random(n), by_candidate, np.full(n, weight), missed, rng.random(n), np.zeros(n)
    )


def shadow(n: int = 300, **changes: Floats) -> Arrivals:
    rng = np.random.default_rng(1)
    arrived = np.arange(n) * 60.0
    both = np.zeros((n, 2))
    whole = Arrivals(arrived, arrived + HOUR, np.zeros(n, bool), np.zeros(n), both, rng.random((n, 2)), both)
    return replace(whole, **changes)


def test_a_study_counts_when_it_is_mature_and_never_before() -> None:
    arrivals = canary()
    assert study(arrivals, 0, LAG - 1, POLICY).misses == Reading()
    assert study(arrivals, 0, LAG, POLICY).misses.n == 1
    found = study(arrivals, 0, LAG + 399 * 60, POLICY)
    assert (found.misses.n, found.studies, found.unsigned) == (400, int(arrivals.by_candidate.sum()), 0)
    assert found.misses.low < found.misses.estimate < found.misses.high


def test_a_fault_counts_without_a_signed_report() -> None:
    dead = shadow(faulted=np.tile([0.0, 1.0], (300, 1)), missed=np.tile([0.0, np.nan], (300, 1)))
    found = study(dead, 0, 20 * 60, POLICY)
    assert found.misses == Reading()
    assert (found.faults.n, found.faults.estimate) == (20, 1)
    assert found.faults.low > 0.2


def test_what_was_signed_late_stays_unsigned_and_changes_nothing_that_was_known() -> None:
    arrivals = canary()
    late = np.arange(400) % 5 == 0
    unsigned = replace(arrivals, signed=np.where(late, np.nan, arrivals.signed))
    signed_late = replace(arrivals, signed=np.where(late, arrivals.arrived + LAG + 1, arrivals.signed))
    now = LAG + 399 * 60
    assert study(unsigned, 0, now, POLICY) == study(signed_late, 0, now, POLICY)
    assert study(signed_late, 0, now, POLICY).misses.n == 320


def test_a_signed_study_that_nobody_compared_is_as_one_that_is_not_signed() -> None:
    arrivals, now = canary(), LAG + 399 * 60
    fifth = np.arange(400) % 5 == 0
    found = study(replace(arrivals, missed=np.where(fifth, np.nan, arrivals.missed)), 0, now, POLICY)
    candidates = arrivals.by_candidate
    assert found.studies == int((candidates & ~fifth).sum())
    assert found.unsigned == pytest.approx(max(fifth[candidates].mean(), fifth[~candidates].mean()))
    dead = replace(arrivals, missed=np.where(fifth, np.nan, arrivals.missed), faulted=fifth.astype(float))
    assert (study(dead, 0, now, POLICY).studies, study(dead, 0, now, POLICY).unsigned) == (found.studies, 0)
    answered = np.arange(300) % 2 == 0
    silent = shadow(
        missed=np.column_stack([np.zeros(300), np.where(answered, 0, np.nan)]),
        faulted=np.column_stack([np.zeros(300), ~answered]),
    )
    assert (study(silent, 0, now, POLICY).studies, study(silent, 0, now, POLICY).unsigned) == (150, 0)


def test_the_arm_that_signs_less_is_the_one_that_is_told() -> None:
    arrivals = canary()
    gone = arrivals.by_candidate & (np.arange(400) % 2 == 0)
    found = study(replace(arrivals, signed=np.where(gone, np.nan, arrivals.signed)), 0, LAG + 399 * 60, POLICY)
    assert found.unsigned == pytest.approx(gone.sum() / arrivals.by_candidate.sum())


def test_counts_are_of_the_present_step_and_bounds_of_all_steps() -> None:
    arrivals = canary()
    now, half = LAG + 399 * 60, 200 * 60.0
    whole, second = study(arrivals, 0, now, POLICY), study(arrivals, half, now, POLICY)
    assert second.studies == int(arrivals.by_candidate[200:].sum())
    assert second.misses == whole.misses


def test_the_two_models_are_compared_in_the_right_direction() -> None:
    worse = canary(2000, candidate=0.4)
    now = LAG + 2000 * 60
    assert study(worse, 0, now, POLICY).misses.low > 0.2
    paired = np.tile([0.0, 1.0], (300, 1))
    assert study(shadow(missed=paired), 0, now, POLICY).misses.low > 0.2
    assert study(shadow(missed=paired[:, ::-1]), 0, now, POLICY).misses.high < -0.2


def test_an_edit_rate_above_one_counts_as_one_and_an_unknown_one_not_at_all() -> None:
    arrivals = canary()
    now = LAG + timedelta(days=1).total_seconds()
    wild = replace(arrivals, edit_rate=np.where(arrivals.edit_rate > 0.9, 7.0, arrivals.edit_rate))
    tame = replace(arrivals, edit_rate=np.where(arrivals.edit_rate > 0.9, 1.0, arrivals.edit_rate))
    assert study(wild, 0, now, POLICY) == study(tame, 0, now, POLICY)
    unknown = replace(arrivals, edit_rate=np.full(400, np.nan))
    assert study(unknown, 0, now, POLICY).edit_rate == Reading()


def test_before_the_first_study_nothing_is_known() -> None:
    for none in (shadow(0), canary(0)):
        found = study(none, 0, LAG, POLICY)
        assert (found.misses, found.faults, found.studies, found.unsigned) == (Reading(), Reading(), 0, 0)
