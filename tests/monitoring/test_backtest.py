"""The replay tells quiet streams from drifting ones, and the literal rules from those that are acted on."""

import pytest

from monitoring import backtest, invented
from monitoring.columns import Family
from monitoring.reference import Reference
from tests.monitoring.conftest import POLICY

RUNS = 2


@pytest.fixture(scope="module")
def reference() -> Reference:
    return invented.reference(10_500)


def test_quiet_streams_are_quiet_and_the_literal_rules_are_not(reference: Reference) -> None:
    runs = backtest.quiet(reference, POLICY, RUNS, 3)
    assert backtest.share(runs, 3) == 0
    assert backtest.share(runs, 3, literal=True) == 1


@pytest.mark.parametrize(
    "name", ["exposure shift 0.3 sd", "a new scanner takes 15 %", "view mix + 10 points", "silent weight corruption"]
)
def test_a_planted_drift_is_found_in_three_windows(name: str, reference: Reference) -> None:
    runs = backtest.planted(invented.DRIFTS[name], reference, POLICY, RUNS, 3)
    assert backtest.share(runs, 3) == 1
    assert all((backtest.first(run) or 0) >= 2 for run in runs)  # one window confirms nothing


def test_alarms_of_other_families_do_not_count_as_found(reference: Reference) -> None:
    runs = backtest.planted(invented.DRIFTS["view mix + 10 points"], reference, POLICY, 1, 3)
    assert backtest.share(runs, 3, family=Family.DATA) == 1
    assert all(look.literal <= {Family.DATA} for look in runs[0])


def test_the_same_seed_gives_the_same_streams(reference: Reference) -> None:
    assert backtest.quiet(reference, POLICY, 1, 2) == backtest.quiet(reference, POLICY, 1, 2)
