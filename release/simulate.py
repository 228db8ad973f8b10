"""Rollouts of invented hospitals, many at once: how often a policy stops, passes or asks, and whom it exposes.

Of misses alone: faults and edit rates are as they should be, and each report is signed in time. `shadow` is the one
stage, `traffic` all that follows it, as if shadow had seen no harm. Looks are `LOOK_HOURS` apart. The rules are those
of `release.decide`, for all runs together.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from release.evidence import Outcome
from release.policy import Policy
from release.sequences import BETS, Floats, Scores, concurrent, log_factors, log_wealth, paired
from release.state import SHADOW

LOOK_HOURS = 0.25
NAIVE_HOURS = 1.0
CELLS = (np.array([True, True, False, False]), np.array([1.0, 0.0, 1.0, 0.0]))  # by the candidate; missed
PAIRS = (np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]))  # missed by the candidate alone, the champion alone

Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Hospital:
    """Studies a day, and the share of them in which each model misses a finding. `shared` is the share of the
    champion's misses that are the candidate's too."""

    studies_per_day: float
    champion: float
    candidate: float
    shared: float = 0.5

    def __post_init__(self) -> None:
        if self.shared * self.champion > self.candidate:
            raise ValueError("a candidate that misses less than what both miss cannot be")

    @property
    def a_look(self) -> float:
        """Studies that are expected between two looks."""
        return self.studies_per_day * LOOK_HOURS / 24


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
        self._mean = hospital.a_look
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


def shadow(policy: Policy, hospital: Hospital, runs: int, seed: int = 0) -> Course:
    """The shadow of `runs` rollouts. PASS: a person is asked for the first traffic."""
    stage, misses = policy.shadow, policy.misses
    seen = _Evidence([stage.misses_margin], misses.margin, misses.shadow_stop_alpha, misses.pass_alpha, runs)
    rng, ends, studies = np.random.default_rng(seed), _Ends(runs), np.zeros(runs, np.int64)
    both = hospital.shared * hospital.champion
    chances = [hospital.candidate - both, hospital.champion - both]
    chances.append(1 - sum(chances))
    for look in range(math.ceil(policy.label_lag_hours / LOOK_HOURS), round(stage.maximum_hours / LOOK_HOURS) + 1):
        n, hours = len(studies), look * LOOK_HOURS
        cells = rng.multinomial(rng.poisson(hospital.a_look, n), chances)
        scores = paired(*(np.tile(missed, n) for missed in PAIRS))
        seen.add(cells, scores, np.zeros(3 * n))
        studies += cells.sum(axis=1)
        fails = seen.fails()
        enough = (hours >= stage.minimum_hours) & (studies >= stage.minimum_studies)
        ready = ~fails & enough & seen.passes(np.zeros(n, np.int64))
        ended = fails | ready | (hours >= stage.maximum_hours)
        said = np.select([fails, ready], [Outcome.FAIL, Outcome.PASS], Outcome.INCONCLUSIVE)
        ends.end(ended, said, hours, np.full(n, SHADOW))
        seen.keep(~ended)
        studies = studies[~ended]
    return ends.course()


def traffic(policy: Policy, hospital: Hospital, runs: int, seed: int = 0) -> Course:
    """The steps of `runs` rollouts, from the first canary study to the end, people answering at once."""
    misses, bounds = policy.misses, [step.misses_margin for step in policy.steps]
    seen = _Evidence(bounds, misses.margin, misses.canary_stop_alpha, misses.pass_alpha, runs)
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
        scores, missed = seen.scores(then)
        seen.add(mature, scores, missed)
        studies += np.where(look - lag > since, mature[:, :2].sum(axis=1), 0)
        hours = (look - since) * LOOK_HOURS
        fails = seen.fails()
        ready = ~fails & (hours >= minimum[step]) & (studies >= count[step]) & seen.passes(step)
        last = step == len(weights) - 1
        late = ~fails & ~ready & (hours >= maximum[step])
        ended = fails | (ready & last) | late
        on = ready & ~last
        step, since, studies = step + on, np.where(on, look, since), np.where(on, 0, studies)
        if ended.any():
            said = np.select([fails, ready], [Outcome.FAIL, Outcome.PASS], Outcome.INCONCLUSIVE)
            ends.end(ended, said, look * LOOK_HOURS, step)
            seen.keep(~ended)
            arrivals.keep(~ended)
            step, since, studies = step[~ended], since[~ended], studies[~ended]
    return ends.course()


def naive(policy: Policy, hospital: Hospital, runs: int, seed: int = 0) -> Course:
    """The rule that suggests itself: the steps follow the clock, and each hour, from the first step's minimum count on,
    the difference of the two rates is looked at. It stops where that is above the margin."""
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
        looked = (arms[0] >= policy.steps[0].minimum_studies) & (hours % NAIVE_HOURS == 0)
        ended = looked & (next(rates) - next(rates) > policy.misses.margin)
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

    def __init__(self, bounds: list[float], margin: float, stop_alpha: float, pass_alpha: float, runs: int) -> None:
        self._margin, self._stop, self._pass = margin, -np.log(stop_alpha), -np.log(pass_alpha)
        self._worse, self._bounds = np.array([0.0, margin]), np.array(bounds)
        self._above = np.zeros((runs, len(self._worse), len(BETS)))
        self._below = np.zeros((runs, len(self._bounds), len(BETS)))
        self._sums = np.zeros((runs, 4))  # studies, misses, scores, information

    def scores(self, weight: Floats) -> tuple[Scores, Floats]:
        """Of studies in `CELLS` that arrived at a share `weight`, (runs,), and whether each is a miss, (4 runs,)."""
        guess = np.round((self._sums[:, 1] + 0.5) / (self._sums[:, 0] + 1), 2)
        drafted, missed = (np.tile(cell, len(weight)) for cell in CELLS)
        return concurrent(drafted, missed, np.repeat(weight, 4), np.repeat(guess, 4)), missed

    def add(self, cells: Whole, scores: Scores, missed: Floats) -> None:
        """Studies in cells, (runs, cells), and each cell's score, (runs * cells,)."""
        for side, wealth, nulls in ((1, self._above, self._worse), (-1, self._below, self._bounds)):
            factors = log_factors(scores, nulls, side).reshape(*cells.shape, len(nulls), len(BETS))
            wealth += np.einsum("rc,rcnb->rnb", cells, factors)
        found = (np.ones(cells.size), missed, scores.score, scores.information)
        self._sums += np.stack([(cells * column.reshape(cells.shape)).sum(axis=1) for column in found], axis=1)

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
