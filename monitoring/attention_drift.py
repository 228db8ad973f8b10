"""Slow creep of attention: windows that each differ too little, all to the same side.

A sudden change of attention is found as any other number's is (`monitoring.data_drift`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from monitoring.policy import Creep
from monitoring.reference import Moments

CERTAIN = 2.0  # standard errors within which the reference knows its own mean


@dataclass(frozen=True, slots=True)
class Sums:
    """Cumulative sums of what is above and below the reference's mean, in standard errors, and the present shift in
    standard deviations."""

    up: float
    down: float
    shift: float

    @property
    def greater(self) -> float:
        return max(self.up, self.down)

    def crept(self, policy: Creep) -> bool:
        return self.greater >= policy.threshold


def cumulative(windows: Sequence[Moments], before: Moments, policy: Creep) -> Sums:
    """Page's two-sided cumulative sums (1954) over disjoint windows, oldest first.

    One window adds at most half of the threshold: one odd day is no creep. By how much the reference may itself be off
    its true mean is allowed in each window, so that a small one does not make a stream creep. A feature that never
    varied there has no unit to creep in.
    """
    up = down = shift = 0.0
    most = policy.threshold / 2
    if not before.sd:
        return Sums(up, down, shift)
    for now in windows:
        shift = (now.mean - before.mean) / before.sd
        error = sqrt(1 / now.n + 1 / before.n)
        allowance = policy.allowance + CERTAIN * sqrt(1 / before.n) / error
        up = max(0.0, up + min(shift / error - allowance, most))
        down = max(0.0, down + min(-shift / error - allowance, most))
    return Sums(up, down, shift)
