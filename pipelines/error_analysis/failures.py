"""The failures that attention-grounded reporters are known for, each looked for by name.

A failure is seen where even the low end of its interval is above what is tolerated, not seen where even the high end is
not, and undecided between, or with fewer than FEWEST statements.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from model.metrics import Figure, PatientBootstrap, SizeBucket
from model.metrics.bootstrap import LEVEL
from model.metrics.figures import difference
from pipelines.error_analysis.attention import OUTSIDE, SPREAD
from pipelines.error_analysis.statements import Outcome, Statement
from pipelines.error_analysis.tallies import share, size_of, told

TOLERATED = 0.10
FEWEST = 30

Acquisition = dict[str, str | None]
"""What a study was taken with: attribute to value, None where it is not recorded."""

DIFFUSE = (
    f"the patches at half of the map's maximum are at least {SPREAD:g} times those that the region touches, and at "
    f"least {100 * OUTSIDE:.0f} % of the map lies on other patches"
)


class Verdict(StrEnum):
    """Whether a failure is there."""

    SEEN = "seen"
    NOT_SEEN = "not seen"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Group:
    """One group of studies: its statements, the share of them that go wrong, and this less the share in the other
    groups of the attribute, with an interval that is widened for the number of groups compared (Bonferroni)."""

    attribute: str
    group: str
    n: int
    wrong: float
    gap: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class KnownFailure:
    """One known failure: the statements that could show it, those that do, their share, and what follows.

    Where it compares `groups`, n and count are those of the group that is furthest behind, and the value is its gap.
    """

    name: str
    title: str
    rule: str
    n: int
    count: int
    value: float | None
    low: float | None
    high: float | None
    verdict: Verdict
    groups: tuple[Group, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"verdict": self.verdict.value, "groups": [asdict(group) for group in self.groups]}


def known_failures(
    statements: Sequence[Statement],
    acquisitions: Sequence[Acquisition],
    bounds: tuple[float, float],
    bootstrap: PatientBootstrap,
) -> list[KnownFailure]:
    """Look for every known failure.

    Args:
        acquisitions: what each study was taken with. bounds: of the sizes of regions, shares of the model's input.
    """
    studies = len(acquisitions)
    looks = [s for s in statements if s.look is not None]
    hearts = [s for s in looks if s.finding.observation == "Cardiomegaly"]
    small = [
        s for s in looks if s.look and s.outcome is Outcome.FOUND and size_of(s.look.area, bounds) is SizeBucket.SMALL
    ]
    return [
        _of_share(
            "whole_chest",
            "Cardiomegaly attends to the whole chest",
            f"Of the drafted statements of cardiomegaly where the heart has a region, those that look at it diffusely: "
            f"{DIFFUSE}.",
            share("whole_chest", hearts, lambda s: s.look is not None and s.look.diffuse, studies),
            bootstrap,
        ),
        _of_share(
            "small_diffuse",
            "Small findings are diffuse",
            f"Of the found statements with a region below {100 * bounds[0]:.1f} % of the image, those that look at it "
            f"diffusely: {DIFFUSE}.",
            share("small_diffuse", small, lambda s: s.look is not None and s.look.diffuse, studies),
            bootstrap,
        ),
        _modality(statements, acquisitions, bootstrap),
    ]


def _of_share(name: str, title: str, rule: str, figure: Figure, bootstrap: PatientBootstrap) -> KnownFailure:
    """A resampling of no case at all has none either: the high end is then that of the rule of three (Hanley and
    Lippman-Hand 1983, JAMA 249:1743), over studies."""
    count, n = (int(total) for total in figure.statistics.sum(axis=0))
    estimate = told(bootstrap.estimate(figure))
    if n and not count:
        estimate["high"] = min(1.0, 3 / np.count_nonzero(figure.statistics[:, 1]))
    verdict = decide(n, estimate["low"], estimate["high"])
    return KnownFailure(name, title, rule, n, count, estimate["value"], estimate["low"], estimate["high"], verdict)


def decide(n: int, low: float | None, high: float | None) -> Verdict:
    """What the interval of a share, or of a gap, of `n` statements says."""
    if n < FEWEST or low is None or high is None:
        return Verdict.UNDECIDED
    return Verdict.SEEN if low > TOLERATED else Verdict.NOT_SEEN if high <= TOLERATED else Verdict.UNDECIDED


def _modality(
    statements: Sequence[Statement], acquisitions: Sequence[Acquisition], bootstrap: PatientBootstrap
) -> KnownFailure:
    groups = compare_groups(statements, acquisitions, bootstrap)
    verdicts = {decide(group.n, group.low, group.high) for group in groups}
    worst = max(groups, key=lambda group: group.gap, default=None)
    return KnownFailure(
        "modality_confused",
        "The modality is confused: more goes wrong with one device or view",
        "The share of statements that go wrong, in words or attention, with one modality, view or device less that "
        "with the others, for the group that is furthest behind. Intervals are widened for the number of groups; "
        f"those of fewer than {FEWEST} statements are not compared.",
        worst.n if worst else 0,
        round(worst.n * worst.wrong) if worst else 0,
        worst.gap if worst else None,
        worst.low if worst else None,
        worst.high if worst else None,
        next((v for v in (Verdict.SEEN, Verdict.UNDECIDED, Verdict.NOT_SEEN) if v in verdicts), Verdict.UNDECIDED),
        groups,
    )


def compare_groups(
    statements: Sequence[Statement], acquisitions: Sequence[Acquisition], bootstrap: PatientBootstrap
) -> tuple[Group, ...]:
    """Every group that has, and leaves to the others of its attribute, FEWEST statements."""
    studies = len(acquisitions)
    wrong = share("wrong", statements, lambda s: not s.right, studies).statistics
    compared = []
    for attribute in sorted({name for acquisition in acquisitions for name in acquisition}):
        values = np.array([acquisition[attribute] or "" for acquisition in acquisitions])
        for group in sorted(set(values) - {""}):
            inside = np.where((values == group)[:, None], wrong, 0.0)
            others = np.where(((values != group) & (values != ""))[:, None], wrong, 0.0)
            if min(inside[:, 1].sum(), others[:, 1].sum()) >= FEWEST:
                compared.append((attribute, str(group), Figure(str(group), np.hstack([inside, others]), difference)))
    tail = (1 - LEVEL) / 2 / max(1, len(compared))
    groups = []
    for attribute, group, figure in compared:
        draws = bootstrap.replicates(figure.statistics, figure.value)
        low, high = np.nanquantile(draws, [tail, 1 - tail])
        count, n = figure.statistics[:, :2].sum(axis=0)
        groups.append(Group(attribute, group, int(n), float(count / n), figure(), float(low), float(high)))
    return tuple(groups)
