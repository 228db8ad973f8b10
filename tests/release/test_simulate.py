"""The rules for many runs together are those of one, and the naive rule is worse."""

import numpy as np
import pytest

from release.evidence import Outcome, Reading
from release.sequences import NULLS, Sequence, concurrent, guesses
from release.simulate import CELLS, Course, Hospital, _Evidence, naive, shadow, traffic
from tests.release.conftest import POLICY

BUSY = 6000.0


def course(candidate: float, studies_per_day: float = BUSY, runs: int = 60) -> Course:
    return traffic(POLICY, Hospital(studies_per_day, 0.04, candidate), runs)


def test_many_runs_are_judged_as_one_is() -> None:
    rng, n, step = np.random.default_rng(4), 1500, 1
    weight = np.repeat([0.05, 0.5], n // 2)
    drafted = rng.random(n) < weight
    missed = (rng.random(n) < np.where(drafted, 0.4, 0.1)).astype(float)
    misses = POLICY.misses
    together = _Evidence([s.misses_margin for s in POLICY.steps], misses.margin, 0.01, misses.pass_alpha, 1)
    alone = Sequence(NULLS)
    scores = concurrent(drafted, missed, weight, guesses(missed))
    judged = set()
    for i in range(n):
        cell = np.array([[(d == drafted[i]) & (m == missed[i]) for d, m in zip(*CELLS, strict=True)]], dtype=np.int64)
        together.add(cell, *together.scores(weight[i : i + 1]))
        alone.add(
            type(scores)(
                *(column[i : i + 1] for column in (scores.score, scores.information, scores.least, scores.most))
            )
        )
        if i % 100 == 99:
            margin = POLICY.steps[step].misses_margin
            reading = Reading(i, alone.estimate, alone.low(0.01), alone.high(misses.pass_alpha))
            assert together.fails()[0] == (reading.judge(misses.margin) is Outcome.FAIL)
            assert together.passes(np.array([step]))[0] == (reading.high <= margin)
            judged.add(reading.judge(misses.margin))
    assert Outcome.FAIL in judged


def test_harm_is_stopped_and_no_harm_is_not_where_there_are_studies_enough() -> None:
    harmful, harmless = course(0.08), course(0.03)
    assert harmful.share(Outcome.FAIL) == 1
    assert harmless.share(Outcome.PASS) >= 0.95
    assert harmful.mean_exposed() < harmless.mean_exposed() / 5  # type: ignore[operator]
    assert harmless.mean_exposed(Outcome.INCONCLUSIVE) is None
    assert (harmless.hours[harmless.outcome == Outcome.PASS] >= 3 * 48).all()


def test_too_few_studies_are_inconclusive_at_the_first_step() -> None:
    few = course(0.04, studies_per_day=100)
    assert few.share(Outcome.INCONCLUSIVE) >= 0.95
    assert few.step.max() == 0
    assert few.hours.max() == POLICY.steps[0].maximum_hours


def test_the_naive_rule_stops_most_candidates_that_are_no_worse() -> None:
    hospital = Hospital(BUSY, 0.04, 0.04)
    assert naive(POLICY, hospital, 200).share(Outcome.FAIL) > 0.4
    assert traffic(POLICY, hospital, 60).share(Outcome.FAIL) <= 0.05


def test_the_same_seed_gives_the_same_runs() -> None:
    first, again = course(0.08, runs=5), course(0.08, runs=5)
    assert first.exposed == pytest.approx(again.exposed)
    assert (first.outcome == again.outcome).all()


def test_shadow_tells_harm_from_none_without_showing_a_draft() -> None:
    harmful = shadow(POLICY, Hospital(BUSY, 0.04, 0.08), 60)
    harmless = shadow(POLICY, Hospital(BUSY, 0.04, 0.04), 60)
    assert harmful.share(Outcome.FAIL) == 1
    assert harmless.share(Outcome.PASS) >= 0.9
    assert harmful.mean_exposed() == 0
    assert (harmless.hours >= POLICY.shadow.minimum_hours).all()
    assert shadow(POLICY, Hospital(50, 0.04, 0.04), 60).share(Outcome.INCONCLUSIVE) == 1


def test_a_hospital_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be"):
        Hospital(100, 0.04, 0.01)
