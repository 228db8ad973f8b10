"""How far a window lies from the reference: two-sample Kolmogorov-Smirnov of a number, chi-square of a category."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2_contingency, ks_2samp, kstwo

from model.metrics.multiplicity import holm
from monitoring.columns import CATEGORIES, Family
from monitoring.policy import Distances
from monitoring.window import Numbers

EXACT = 10_000  # scipy's ks_2samp is exact up to here, and asymptotic above
RARE = 0.01  # categories below this share of the reference, and new ones, are counted together


@dataclass(frozen=True, slots=True)
class Distance:
    """Of one feature in one window: the effect, 0 to 1, and how likely so much is where nothing drifted."""

    effect: float
    p: float
    n: int


def numeric(reference: Numbers, values: Numbers) -> Distance:
    """KS distance and two-sided p, those of `scipy.stats.ks_2samp(reference, values)`.

    Args:
        reference: sorted, not empty.
        values: in any order, not empty.
    """
    m, n = len(reference), len(values)
    if max(m, n) <= EXACT:
        found = ks_2samp(reference, values)
        return Distance(float(found.statistic), float(found.pvalue), n)
    values = np.sort(values)
    here, before = ((reference.searchsorted(values, side) / m) for side in ("right", "left"))
    own, own_before = ((values.searchsorted(values, side) / n) for side in ("right", "left"))
    effect = max(float((own - here).max()), float((before - own_before).max()))
    # Two samples are as one of the size m n / (m + n), as scipy takes it.
    return Distance(effect, float(kstwo.sf(effect, np.round(m * n / (m + n)))), n)


def categorical(
    reference: Mapping[str, int], values: Sequence[str] | np.ndarray[tuple[int], np.dtype[np.str_]]
) -> Distance:
    """Total variation distance, and the p of Pearson's chi-square for two samples."""
    total = sum(reference.values())
    common = [name for name, count in reference.items() if count >= RARE * total]
    kinds, counts = np.unique(np.asarray(values, dtype=str), return_counts=True)
    seen = dict(zip(kinds.tolist(), counts.tolist(), strict=True))
    table = np.array([[reference[name] for name in common], [seen.get(name, 0) for name in common]])
    sizes = np.array([[total], [len(values)]])
    table = np.hstack([table, sizes - table.sum(axis=1, keepdims=True)])
    table = table[:, table.sum(axis=0) > 0]
    shares = table / sizes
    effect = float(np.abs(shares[0] - shares[1]).sum() / 2)
    p = float(chi2_contingency(table, correction=False).pvalue) if table.shape[1] > 1 else 1.0
    return Distance(effect, p, len(values))


def significant(p: Mapping[str, float], alpha: float) -> frozenset[str]:
    """The names whose p, adjusted for all of them by Holm, is at most alpha.

    >>> significant({"a": 0.001, "b": 0.04}, 0.01)
    frozenset({'a'})
    """
    return frozenset(name for name, adjusted in zip(p, holm(list(p.values())), strict=True) if adjusted <= alpha)


def hits(distances: Mapping[str, Distance], policy: Distances) -> frozenset[str]:
    """The features of one family that one window shows to be significantly and considerably off."""
    return frozenset(
        name
        for name in significant({name: distance.p for name, distance in distances.items()}, policy.alpha)
        if distances[name].effect >= floor(name, policy)
    )


def floor(name: str, policy: Distances) -> float:
    """The least effect of a feature that is considerable."""
    return policy.category_floor if name in CATEGORIES else policy.number_floor


def confirmed(history: Sequence[AbstractSet[str]], needed: int, among: int) -> frozenset[str]:
    """What the latest window hit, and at least `needed` of the last `among` windows. History is oldest first.

    >>> confirmed([{"noise"}, set(), {"noise", "view"}], needed=2, among=3)
    frozenset({'noise'})
    """
    recent = history[-among:]
    return frozenset(name for name in (recent[-1] if recent else ()) if sum(name in hit for hit in recent) >= needed)


def family(name: str) -> Family:
    """
    >>> family("image.noise"), family("finding.Edema")
    (<Family.DATA: 'data'>, <Family.FINDINGS: 'findings'>)
    """
    return {"image": Family.DATA, "finding": Family.FINDINGS}.get(name.split(".")[0]) or Family(name.split(".")[0])
