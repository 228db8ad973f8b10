"""Rollouts of invented hospitals, many at once: how often a policy stops, passes or asks, and whom it exposes.

From the first canary study on, of misses alone: shadow, faults and edit rates are as they should be, each report is
signed in time, and people answer at once. Looks are `LOOK_HOURS` apart. The rules are those of `release.decide`, for
all runs together.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from release.evidence import Outcome
from release.policy import Policy
from release.sequences import BETS, Floats, concurrent, log_factors, log_wealth

LOOK_HOURS = 0.25
NAIVE_HOURS = 1.0
CELLS = (np.array([True, True, False, False]), np.array([1.0, 0.0, 1.0, 0.0]))  # by the candidate; missed

Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Hospital:
    """Studies a day, and the share of them in which each model misses a finding."""

    studies_per_day: float
    champion: float
    candidate: float


@dataclass(frozen=True, slots=True)
class Course:
    """How each of many rollouts ended, all (runs,). PASS: it got to where a person is asked for full traffic, by
    evidence alone. FAIL: rolled back. `exposed`: studies that the candidate drafted. `step`: the last one it was in."""

    outcome: NDArray[np.str_]
    hours: Floats
    exposed: Whole
    step: Whole

    def share(self, outcome: Outcome) -> float:
        return float((self.outcome == outcome).mean())

    def mean_exposed(self, outcome: Outcome | None = None) -> float | None:
        """Of the runs that ended so; None where none did."""
        these = self.outcome == outcome if outcome else np.ones(len(self.outcome), bool)
        return float(self.exposed[these].mean()) if these.any() else None


class _Arrivals:
    """Studies of the last hours in cells, (runs, 4), which are handed on when their reports have been signed."""

    def __init__(self, hospital: Hospital, lag_hours: float, runs: int, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._mean = hospital.studies_per_day * LOOK_HOURS / 24
        self._misses = (hospital.candidate, hospital.champion)
        self._waiting = [(np.zeros((runs, 4), np.int64), np.full(runs, 0.5))] * math.ceil(lag_hours / LOOK_HOURS)

    def next(self, weight: Floats, n: int) -> tuple[Whole, Whole, Floats]:
        """One look's studies of `n` runs: how many the candidate drafts; the mature cells, and their weight then."""
        studies = self._rng.poisson(self._mean, n)
        by_candidate = self._rng.binomial(studies, weight)
        arms = (by_candidate, studies - by_candidate)
        missed = [self._rng.binomial(arm, rate) for arm, rate in zip(arms, self._misses, strict=True)]
        cells = np.stack([missed[0], arms[0] - missed[0], missed[1], arms[1] - missed[1]], axis=1)
        self._waiting.append((cells, weight))
        mature, then = self._waiting.pop(0)
        return by_candidate, mature, then

    def keep(self, going: NDArray[np.bool_]) -> None:
        self._waiting = [(cells[going], weight[going]) for cells, weight in self._waiting]


def simulate(policy: Policy, hospital: Hospital, runs: int, seed: int = 0) -> Course:
    """Run `runs` rollouts under `policy` to their end."""
    course = _Evidence(policy, runs)
    arrivals = _Arrivals(hospital, policy.label_lag_hours, runs, seed)
    weights, minimum, maximum, count = (
        np.array([getattr(step, name) for step in policy.steps])
        for name in ("weight", "minimum_hours", "maximum_hours", "minimum_studies")
    )
    lag = math.ceil(policy.label_lag_hours / LOOK_HOURS)
    ends = _Ends(runs)
    step, since, studies = np.zeros(runs, np.int64), np.zeros(runs, np.int64), np.zeros(runs, np.int64)
    look = 0
    while ends.going.size:
        look += 1
        drafted, mature, then = arrivals.next(weights[step], len(step))
        ends.expose(drafted)
        course.add(mature, then)
        studies += np.where(look - lag > since, mature[:, :2].sum(axis=1), 0)
        hours = (look - since) * LOOK_HOURS
        fails = course.fails()
        ready = ~fails & (hours >= minimum[step]) & (studies >= count[step]) & course.passes(step)
        last = step == len(weights) - 1
        late = ~fails & ~ready & (hours >= maximum[step])
        ended = fails | (ready & last) | late
        on = ready & ~last
        step, since, studies = step + on, np.where(on, look, since), np.where(on, 0, studies)
        if ended.any():
            said = np.select([fails, ready], [Outcome.FAIL, Outcome.PASS], Outcome.INCONCLUSIVE)
            ends.end(ended, said, look * LOOK_HOURS, step)
            course.keep(~ended)
            arrivals.keep(~ended)
            step, since, studies = step[~ended], since[~ended], studies[~ended]
    return ends.course()


def naive(policy: Policy, hospital: Hospital, runs: int, seed: int = 0) -> Course:
    """The rule that suggests itself: the steps follow the clock, and each hour the difference of the two rates is
    looked at. It stops where that is above the margin."""
    arrivals = _Arrivals(hospital, policy.label_lag_hours, runs, seed)
    ends, seen = _Ends(runs), np.zeros((runs, 4))
    schedule = np.cumsum([step.minimum_hours for step in policy.steps])
    for look in range(1, round(schedule[-1] / LOOK_HOURS) + 1):
        n, hours = len(seen), look * LOOK_HOURS
        step = min(int(np.searchsorted(schedule, hours - LOOK_HOURS, side="right")), len(schedule) - 1)
        drafted, mature, _ = arrivals.next(np.full(n, policy.steps[step].weight), n)
        ends.expose(drafted)
        seen += mature
        arms = seen[:, 0:2].sum(axis=1), seen[:, 2:4].sum(axis=1)
        rates = (seen[:, miss] / np.maximum(arm, 1) for miss, arm in zip((0, 2), arms, strict=True))
        ended = (next(rates) - next(rates) > policy.misses.margin) & (hours % NAIVE_HOURS == 0)
        if hours == schedule[-1]:
            said = np.where(ended, Outcome.FAIL, Outcome.PASS)
            ended = np.ones(n, bool)
        else:
            said = np.full(n, Outcome.FAIL)
        ends.end(ended, said, hours, np.full(n, step))
        arrivals.keep(~ended)
        seen = seen[~ended]
    return ends.course()


class _Evidence:
    """The wealth of all runs that go on: against "no worse" and the margin, and against each step's margin."""

    def __init__(self, policy: Policy, runs: int) -> None:
        misses = policy.misses
        self._margin, self._stop, self._pass = (
            misses.margin,
            -np.log(misses.canary_stop_alpha),
            -np.log(misses.pass_alpha),
        )
        self._worse, self._bounds = np.array([0.0, misses.margin]), np.array([s.misses_margin for s in policy.steps])
        self._above = np.zeros((runs, len(self._worse), len(BETS)))
        self._below = np.zeros((runs, len(self._bounds), len(BETS)))
        self._sums = np.zeros((runs, 4))  # studies, misses, scores, information

    def add(self, cells: Whole, weight: Floats) -> None:
        """Studies in cells, (runs, 4), and the candidate's share when they arrived, (runs,)."""
        runs = len(cells)
        guess = np.round((self._sums[:, 1] + 0.5) / (self._sums[:, 0] + 1), 2)
        drafted, missed = (np.tile(cell, runs) for cell in CELLS)
        scores = concurrent(drafted, missed, np.repeat(weight, 4), np.repeat(guess, 4))
        for side, wealth, nulls in ((1, self._above, self._worse), (-1, self._below, self._bounds)):
            factors = log_factors(scores, nulls, side).reshape(runs, 4, len(nulls), len(BETS))
            wealth += np.einsum("rc,rcnb->rnb", cells, factors)
        found = (np.ones(4 * runs), missed, scores.score, scores.information)
        self._sums += np.stack([(cells * column.reshape(runs, 4)).sum(axis=1) for column in found], axis=1)

    def fails(self) -> NDArray[np.bool_]:
        shown = log_wealth(self._above) >= self._stop
        beyond = self._sums[:, 2] > self._margin * self._sums[:, 3]
        failed: NDArray[np.bool_] = shown[:, 1] | (shown[:, 0] & beyond)
        return failed

    def passes(self, step: Whole) -> NDArray[np.bool_]:
        passed: NDArray[np.bool_] = log_wealth(self._below[np.arange(len(step)), step]) >= self._pass
        return passed

    def keep(self, going: NDArray[np.bool_]) -> None:
        self._above, self._below, self._sums = self._above[going], self._below[going], self._sums[going]


class _Ends:
    """Which runs go on, and how the others ended."""

    def __init__(self, runs: int) -> None:
        self.going = np.arange(runs)
        self._outcome = np.full(runs, "", dtype="<U16")
        self._hours, self._exposed, self._step = np.zeros(runs), np.zeros(runs, np.int64), np.zeros(runs, np.int64)

    def expose(self, drafted: Whole) -> None:
        self._exposed[self.going] += drafted

    def end(self, ended: NDArray[np.bool_], said: NDArray[np.str_], hours: float, step: Whole) -> None:
        who = self.going[ended]
        self._outcome[who], self._hours[who], self._step[who] = said[ended], hours, step[ended]
        self.going = self.going[~ended]

    def course(self) -> Course:
        return Course(self._outcome, self._hours, self._exposed, self._step)
