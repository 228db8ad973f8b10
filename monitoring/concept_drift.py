"""How often each finding is drafted, against the reference: the rule as specified, and the one that is acted on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.stats import hypergeom

from monitoring.data_drift import significant
from monitoring.policy import Prevalence
from monitoring.reference import Counted


@dataclass(frozen=True, slots=True)
class Change:
    """Of one finding's share: now, in the reference, and the two-sided p of the difference."""

    share: float
    before: float
    p: float

    @property
    def difference(self) -> float:
        return self.share - self.before


def beyond_two_sd(now: Counted, before: Counted) -> bool:
    """The rule as specified: the window's share is more than two standard deviations from the reference's. With 14
    findings it is so in about every second window of a stream in which nothing changes."""
    sd = sqrt(before.share * (1 - before.share) / now.n)
    return abs(now.share - before.share) > 2 * sd


def pooled(windows: Sequence[Mapping[str, Counted]]) -> dict[str, Counted]:
    """Several windows as one, for the findings that each of them knows."""
    names = set(windows[0]).intersection(*windows[1:]) if windows else set()
    return {
        name: Counted(sum(window[name].positives for window in windows), sum(window[name].n for window in windows))
        for name in sorted(names)
    }


def changes(now: Mapping[str, Counted], before: Mapping[str, Counted]) -> dict[str, Change]:
    """Of each finding that both know. p is twice the smaller tail of the hypergeometric distribution (Fisher's exact
    test): right for rare findings and small references."""
    names = [name for name in now if name in before]
    k, n, k_before, m = (
        np.array([getattr(source[name], part) for name in names], np.int64)
        for source in (now, before)
        for part in ("positives", "n")
    )
    tails = np.minimum(
        hypergeom.cdf(k, n + m, k + k_before, n),
        hypergeom.sf(k - 1, n + m, k + k_before, n),
    )
    return {
        name: Change(now[name].share, before[name].share, float(min(1.0, 2 * tail)))
        for name, tail in zip(names, tails, strict=True)
    }


def shifted(found: Mapping[str, Change], policy: Prevalence) -> frozenset[str]:
    """The findings whose share changed significantly and considerably."""
    return frozenset(
        name
        for name in significant({name: change.p for name, change in found.items()}, policy.alpha)
        if abs(found[name].difference) >= policy.least(found[name].before)
    )
