"""Invented streams replayed through the rules: how often they alarm without cause, and how soon with one.

Windows are measured and judged as those of a real stream are (`monitoring.judge`). Beside the rules that are acted on
stand the literal ones, each look at each figure for itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from model.metrics.bootstrap import Estimate, PatientBootstrap
from model.metrics.figures import Figure
from monitoring import concept_drift, data_drift, invented, quality
from monitoring.columns import Family
from monitoring.invented import Drift
from monitoring.judge import Measures, judge, measure
from monitoring.policy import Policy
from monitoring.reference import Reference
from monitoring.window import Window

QUIET_BEFORE = 3  # windows, in front of a planted drift
KS_P = 0.05  # Evidently's own threshold for one feature
DRAWS = 200  # of the bootstrap: it gives a standard error alone
WORDS, EDITED, EDITED_SD = 60, 0.2, 0.25

Families = frozenset[Family]


@dataclass(frozen=True, slots=True)
class Look:
    """The families that alarm after one window, by the rules that are acted on and by the literal ones."""

    rules: Families
    literal: Families

    def __or__(self, other: "Look") -> "Look":
        return Look(self.rules | other.rules, self.literal | other.literal)

    def __and__(self, families: Families) -> "Look":
        return Look(self.rules & families, self.literal & families)


Run = Sequence[Look]


def quiet(reference: Reference, policy: Policy, runs: int, windows: int, seed: int = 0) -> list[Run]:
    """Streams in which nothing changes, with reviews and latencies beside them."""
    reviews = _Reviews(policy, seed)
    return [
        [look | reviews.next() for look in replay(islice(stream, windows), reference, policy)]
        for stream in (invented.stream(policy.window_studies, seed=own) for own in _seeds(seed, runs))
    ]


def planted(drift: Drift, reference: Reference, policy: Policy, runs: int, windows: int, seed: int = 0) -> list[Run]:
    """Streams that drift after `QUIET_BEFORE` windows: the looks from then on, at the families of what was planted."""
    families = frozenset(data_drift.family(name) for name in drift.planted)
    found: list[Run] = []
    for own in _seeds(seed, runs):
        calm = islice(invented.stream(policy.window_studies, seed=own), QUIET_BEFORE)
        moved = islice(invented.stream(policy.window_studies, drift, own + 1), windows)
        looks = replay([*calm, *moved], reference, policy)[QUIET_BEFORE:]
        found.append([look & families for look in looks])
    return found


def replay(windows: Iterable[Window], reference: Reference, policy: Policy) -> list[Look]:
    """What each window of a stream leads to, with those before it."""
    history: list[Measures] = []
    looks = []
    for window in windows:
        history.append(measure(window, reference))
        rules = frozenset(alarm.family for alarm in judge(history, reference, policy).alarms)
        looks.append(Look(rules, _literal(history[-1], reference)))
    return looks


def share(runs: Sequence[Run], within: int, literal: bool = False, family: Family | None = None) -> float:
    """Of the runs in which any family, or this one, alarms in one of the first `within` looks."""
    return float(np.mean([first(run[:within], literal, family) is not None for run in runs]))


def first(run: Run, literal: bool = False, family: Family | None = None) -> int | None:
    """The first look that alarms, from 1; None where none does."""
    for number, look in enumerate(run, start=1):
        alarming = look.literal if literal else look.rules
        if family in alarming if family else alarming:
            return number
    return None


def _literal(latest: Measures, reference: Reference) -> Families:
    far = {data_drift.family(name) for name, found in latest.distances.items() if found.p < KS_P}
    if any(concept_drift.beyond_two_sd(now, reference.findings[name]) for name, now in latest.counted.items()):
        far.add(Family.FINDINGS)
    return frozenset(far)


class _Reviews:
    """Reviews of drafts that are as good as those validated; each study is a patient's only one."""

    def __init__(self, policy: Policy, seed: int) -> None:
        self._rng = np.random.default_rng([seed, 1])
        self._policy = policy.quality
        self._bootstrap = PatientBootstrap([str(n) for n in range(policy.quality.reviewed)], DRAWS, seed)
        validated = [self._figures() for _ in range(10)]
        together = [
            Figure(same[0].name, np.concatenate([figure.statistics for figure in same]), same[0].value)
            for same in zip(*validated, strict=True)
        ]
        error = {figure.name: self._bootstrap.estimate(figure) for figure in validated[0]}
        shrink = len(validated) ** -0.5
        self._validated = {
            figure.name: Estimate(
                figure(),
                figure() - shrink * (figure() - error[figure.name].low),
                figure() + shrink * (error[figure.name].high - figure()),
            )
            for figure in together
        }

    def next(self) -> Look:
        """The next disjoint window of reviews."""
        now = {figure.name: self._bootstrap.estimate(figure) for figure in self._figures()}
        fallen = quality.fallen(now, self._validated, self._policy)
        beyond = quality.beyond(now, self._validated, self._policy)
        return Look(*(frozenset({Family.QUALITY} if found else ()) for found in (fallen, beyond)))

    def _figures(self) -> list[Figure]:
        """BLEU of a text of which each study shares another part, and edits that are many in few studies."""
        rng, n = self._rng, self._policy.reviewed
        words = rng.poisson(WORDS, n) + 4
        drafted = words[:, None] - np.arange(4)
        alike = rng.beta(4, 2, n)
        common = rng.binomial(drafted, alike[:, None] ** np.arange(1, 5))
        bleu = np.column_stack([common, drafted, words, words]).astype(float)
        a = EDITED * (EDITED * (1 - EDITED) / EDITED_SD**2 - 1)
        changed = rng.binomial(words, rng.beta(a, a * (1 - EDITED) / EDITED, n))
        edits = np.column_stack([changed, words]).astype(float)
        rows = {quality.BLEU: bleu, quality.EDIT_RATE: edits}
        return [Figure(name, statistics, quality.FORMULAS[name]) for name, statistics in rows.items()]


def _seeds(seed: int, runs: int) -> range:
    """Of the runs, two apart, so that a drift has one of its own, and far from those of the reference."""
    begin = (seed + 1) * 10_000_000
    return range(begin, begin + 2 * runs, 2)
