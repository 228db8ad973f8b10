"""A finding's share: the literal rule alarms at chance, the one that is acted on where the share changed."""

import numpy as np
import pytest
from scipy.stats import fisher_exact

from monitoring.concept_drift import beyond_two_sd, changes, pooled, shifted
from monitoring.reference import Counted
from tests.monitoring.conftest import POLICY

EDEMA = "finding.Edema"
BEFORE = {EDEMA: Counted(25_000, 250_000)}


def test_the_rule_as_specified_is_two_standard_deviations_of_the_window() -> None:
    """At 10 % of 1,000 one standard deviation is 0.95 points."""
    assert not beyond_two_sd(Counted(118, 1000), BEFORE[EDEMA])
    assert beyond_two_sd(Counted(119, 1000), BEFORE[EDEMA])
    assert beyond_two_sd(Counted(81, 1000), BEFORE[EDEMA])


def test_p_is_twice_the_smaller_tail_of_fishers_exact_test() -> None:
    found = changes({EDEMA: Counted(9, 30)}, {EDEMA: Counted(10, 100)})[EDEMA]
    tail = fisher_exact([[9, 21], [10, 90]], alternative="greater").pvalue
    assert (found.share, found.before, found.p) == pytest.approx((0.3, 0.1, 2 * tail))
    assert found.difference == pytest.approx(0.2)


def test_three_windows_together_tell_13_percent_from_10_where_one_does_not() -> None:
    window = {EDEMA: Counted(130, 1000)}
    assert not shifted(changes(window, {EDEMA: Counted(25_000, 250_000)} | _others()), POLICY.prevalence) - {EDEMA}
    together = pooled([window, window, window])
    assert together == {EDEMA: Counted(390, 3000)}
    assert shifted(changes(together, BEFORE), POLICY.prevalence) == {EDEMA}


def test_a_fall_counts_as_a_rise_does() -> None:
    assert shifted(changes({EDEMA: Counted(180, 3000)}, BEFORE), POLICY.prevalence) == {EDEMA}


def test_a_certain_trifle_is_no_drift() -> None:
    many = {EDEMA: Counted(101_500, 1_000_000)}
    assert changes(many, {EDEMA: Counted(1_000_000, 10_000_000)})[EDEMA].p < 1e-5
    assert not shifted(changes(many, BEFORE), POLICY.prevalence)


def test_no_window_and_no_common_finding_say_nothing() -> None:
    assert pooled([]) == {}
    assert changes({}, BEFORE) == {}
    assert changes({"finding.Fracture": Counted(1, 10)}, BEFORE) == {}


def test_a_finding_that_one_window_lacks_is_not_judged_with_it() -> None:
    assert pooled([{EDEMA: Counted(1, 10)}, {}]) == {}


def test_a_quiet_window_alarms_at_chance_by_the_rule_as_specified() -> None:
    rng = np.random.default_rng(0)
    drawn = rng.binomial(1000, 0.1, 4000)
    share = np.mean([beyond_two_sd(Counted(int(k), 1000), BEFORE[EDEMA]) for k in drawn])
    assert 0.03 < share < 0.06


def _others() -> dict[str, Counted]:
    return {f"finding.{name}": Counted(10_000, 100_000) for name in ("Fracture", "Pneumonia")}
