"""What windows show: measured one by one, judged together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from monitoring import attention_drift, concept_drift, data_drift
from monitoring.attention_drift import Sums
from monitoring.columns import EMBEDDING, NUMBERS, Family
from monitoring.concept_drift import Change
from monitoring.data_drift import Distance
from monitoring.policy import Policy
from monitoring.reference import Counted, Moments, Reference
from monitoring.window import Window

CREEPING = NUMBERS[Family.ATTENTION]


@dataclass(frozen=True, slots=True)
class Measures:
    """One window against the reference. Small, and all that later windows need of it."""

    n: int
    distances: Mapping[str, Distance]
    counted: Mapping[str, Counted]
    moments: Mapping[str, Moments]
    problems: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something is off. `key` is the same as long as it is the same thing; `text` holds figures of windows alone."""

    key: str
    family: Family
    text: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What the last windows show together."""

    alarms: tuple[Alarm, ...]
    changes: Mapping[str, Change]
    sums: Mapping[str, Sums]


def measure(window: Window, reference: Reference) -> Measures:
    """Distances of what both know. A feature that the reference lacks is not watched."""
    numeric = {
        name: data_drift.numeric(sorted_values, window.numbers[name])
        for name, sorted_values in reference.numbers.items()
        if name in window.numbers
    }
    categorical = {
        name: data_drift.categorical(counts, window.categories[name])
        for name, counts in reference.categories.items()
        if name in window.categories
    }
    watched = {*reference.numbers, *reference.categories, *reference.findings}
    if reference.projection is not None:
        watched.add(EMBEDDING)
    return Measures(
        window.n,
        numeric | categorical,
        {name: Counted.of(values) for name, values in window.findings.items()},
        {name: Moments.of(window.numbers[name]) for name in CREEPING if name in window.numbers},
        {name: why for name, why in window.problems.items() if name in watched},
    )


def judge(history: Sequence[Measures], reference: Reference, policy: Policy) -> Judged:
    """The alarms as of the latest of these windows, oldest first; without a window there is none."""
    if not history:
        return Judged((), {}, {})
    changes = _changes(history, reference, policy)
    sums = _sums(history, reference, policy)
    alarms = [*_inputs(history[-1]), *_drifts(history, policy)]
    for name in sorted(concept_drift.shifted(changes, policy.prevalence)):
        change = changes[name]
        said = f"{name} in {change.share:.1%} of studies, {change.before:.1%} in the reference, p {change.p:.1g}"
        alarms.append(Alarm(f"prevalence:{name}", Family.FINDINGS, said))
    for name, found in sums.items():
        if found.crept(policy.creep):
            said = f"{name} creeps: {found.shift:+.2f} sd from the reference, cumulative sum {found.greater:.1f}"
            alarms.append(Alarm(f"creep:{name}", Family.ATTENTION, said))
    return Judged(tuple(alarms), changes, sums)


def _drifts(history: Sequence[Measures], policy: Policy) -> list[Alarm]:
    """Distances that were confirmed, family by family."""
    alarms, recent = [], history[-policy.confirm.windows :]
    for family in (Family.DATA, Family.EMBEDDING, Family.ATTENTION, Family.TEXT):
        hits = [data_drift.hits(_of(family, window.distances), policy.distances) for window in recent]
        for name in sorted(data_drift.confirmed(hits, policy.confirm.hits, policy.confirm.windows)):
            found = recent[-1].distances[name]
            times = sum(name in hit for hit in hits)
            said = (
                f"{name} is {found.effect:.3f} from the reference, p {found.p:.1g}, in {times} of {len(hits)} windows"
            )
            alarms.append(Alarm(f"distance:{name}", family, said))
    return alarms


def _changes(history: Sequence[Measures], reference: Reference, policy: Policy) -> dict[str, Change]:
    together = concept_drift.pooled([window.counted for window in history[-policy.prevalence.windows :]])
    return concept_drift.changes(together, reference.findings)


def _sums(history: Sequence[Measures], reference: Reference, policy: Policy) -> dict[str, Sums]:
    return {
        name: attention_drift.cumulative(
            [window.moments[name] for window in history if name in window.moments],
            reference.moments[name],
            policy.creep,
        )
        for name in CREEPING
        if name in reference.moments
    }


def _inputs(latest: Measures) -> list[Alarm]:
    return [Alarm(f"input:{name}", Family.INPUT, f"{name}: {why}") for name, why in latest.problems.items()]


def _of(family: Family, distances: Mapping[str, Distance]) -> dict[str, Distance]:
    return {name: distance for name, distance in distances.items() if data_drift.family(name) is family}
