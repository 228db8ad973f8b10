"""The evidence holds at every look, points the right way, and has power enough to be of use."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from release.sequences import (
    BETS,
    NULLS,
    REACH,
    Floats,
    Sequence,
    concurrent,
    guesses,
    log_factors,
    log_wealth,
    paired,
)

rates = st.floats(0, 1)
weights = st.floats(0, 1)


def stream(rng: np.random.Generator, champion: float, candidate: float, weight: Floats) -> tuple[Floats, Floats]:
    by_candidate = rng.random(len(weight)) < weight
    return by_candidate, (rng.random(len(weight)) < np.where(by_candidate, candidate, champion)).astype(float)


def test_the_wealth_of_three_studies_worked_by_hand() -> None:
    scores = concurrent(np.array([True, False, True]), np.ones(3), np.full(3, 0.5), np.array([0.5, 0.75, 0.75]))
    assert scores.score == pytest.approx([0.25, -0.125, 0.125])
    assert scores.information == pytest.approx([0.25] * 3)
    factors = [math.prod(1 + c * s for s in (0.25, -0.125, 0.125)) for c in BETS[:7]]  # greater bets are cut
    found = log_factors(scores, np.array([0.0]), 1).sum(axis=0)[0]
    assert np.exp(found[:7]) == pytest.approx(factors)
    assert Sequence().add(scores).estimate == pytest.approx(0.25 / 0.75)


@settings(max_examples=200)
@given(rates, rates, weights, rates, st.floats(-REACH, REACH), st.sampled_from([1, -1]))
def test_a_study_cannot_be_bet_on_at_a_profit_where_the_null_holds(
    champion: float, difference: float, weight: float, guess: float, null: float, side: int
) -> None:
    candidate = champion + (null - abs(difference) if side > 0 else null + abs(difference))
    if not 0 <= candidate <= 1:
        return
    drafted, outcome = np.array([True, True, False, False]), np.array([1.0, 0.0, 1.0, 0.0])
    scores = concurrent(drafted, outcome, np.full(4, weight), np.full(4, guess))
    factors = np.exp(log_factors(scores, np.array([null]), side)[:, 0])
    chance = [weight * candidate, weight * (1 - candidate), (1 - weight) * champion, (1 - weight) * (1 - champion)]
    assert (np.array(chance) @ factors <= 1 + 1e-9).all()
    assert (factors > 0).all()


@settings(max_examples=50)
@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.3, 1.0]), st.sampled_from([0.05, 0.5])), min_size=1))
def test_bounds_are_an_interval_around_the_estimate_and_do_not_depend_on_how_studies_are_handed_over(
    studies: list[tuple[bool, float, float]],
) -> None:
    drafted, outcome, weight = (np.array(column) for column in zip(*studies, strict=True))
    guess = guesses(outcome)
    whole = Sequence().add(concurrent(drafted, outcome, weight, guess))
    pieces = Sequence()
    for i in range(len(studies)):
        one = slice(i, i + 1)
        pieces.add(concurrent(drafted[one], outcome[one], weight[one], guess[one]))
    assert (whole.low(0.3), whole.high(0.3)) == (pieces.low(0.3), pieces.high(0.3))
    assert whole.estimate == pytest.approx(pieces.estimate)
    assert whole.low(0.3) <= whole.low(0.6)
    assert whole.low(0.3) < whole.high(0.3)


def test_without_a_study_nothing_is_known() -> None:
    nothing = Sequence()
    assert (nothing.n, nothing.low(0.05), nothing.high(0.05)) == (0, -1.0, 1.0)
    assert nothing.estimate is None


def test_no_event_at_all_is_not_certainty() -> None:
    """A normal approximation has no variance here, and an interval of no width."""
    drafted = np.arange(100) % 2 == 0
    few = Sequence().add(concurrent(drafted, np.zeros(100), np.full(100, 0.5), np.zeros(100)))
    assert few.high(0.05) > 0.03
    many = Sequence().add(concurrent(drafted.repeat(40), np.zeros(4000), np.full(4000, 0.5), np.zeros(4000)))
    assert 0 < many.high(0.05) < 0.01


def test_full_or_no_traffic_says_nothing() -> None:
    for weight, drafted in ((1.0, True), (0.0, False)):
        outcome = np.ones(50)
        found = Sequence().add(concurrent(np.full(50, drafted), outcome, np.full(50, weight), guesses(outcome)))
        assert (found.low(0.05), found.high(0.05)) == (-1.0, 1.0)


def test_the_chance_of_ever_being_wrong_is_bounded_while_shares_and_the_level_of_misses_change() -> None:
    """Misses double when traffic moves from 5 % to half: pooled rates would blame the candidate (Simpson)."""
    rng, wrong, runs, n, alpha = np.random.default_rng(1), 0, 400, 2000, 0.1
    weight = np.repeat([0.05, 0.5], n // 2)
    level = np.repeat([0.04, 0.10], n // 2)
    for _ in range(runs):
        drafted = rng.random(n) < weight
        outcome = (rng.random(n) < level).astype(float)
        scores = concurrent(drafted, outcome, weight, guesses(outcome))
        wealth = log_wealth(np.cumsum(log_factors(scores, np.array([0.0]), 1), axis=0))
        wrong += bool(wealth.max() >= -math.log(alpha))
    assert wrong / runs <= alpha


def test_a_paired_difference_is_covered_at_the_end_of_any_run() -> None:
    rng, missed, runs = np.random.default_rng(2), 0, 300
    for _ in range(runs):
        n = int(rng.integers(50, 1500))
        champion = (rng.random(n) < 0.05).astype(float)
        candidate = np.where(rng.random(n) < 0.05, 1.0, champion)  # more misses, by 0.05 * 0.95
        found = Sequence(np.sort(np.append(NULLS, 0.0475))).add(paired(candidate, champion))
        missed += not found.low(0.05) < 0.0475 < found.high(0.05)
    assert missed / runs <= 0.1


def test_pairing_shows_with_few_studies_what_arms_show_with_many() -> None:
    rng = np.random.default_rng(3)
    champion = (rng.random(4000) < 0.04).astype(float)
    candidate = np.abs(champion - (rng.random(4000) < 0.01))  # they differ in one study of a hundred
    in_shadow = Sequence().add(paired(candidate, champion))
    half = np.full(4000, 0.5)
    drafted = rng.random(4000) < half
    outcome = np.where(drafted, candidate, champion)
    in_arms = Sequence().add(concurrent(drafted, outcome, half, guesses(outcome)))
    assert in_shadow.high(0.05) - in_shadow.low(0.05) < (in_arms.high(0.05) - in_arms.low(0.05)) / 2


@pytest.mark.parametrize("outcome", [-0.1, 1.1, math.nan])
def test_an_outcome_beyond_its_range_is_refused(outcome: float) -> None:
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        paired(np.array([outcome]), np.array([0.0]))
