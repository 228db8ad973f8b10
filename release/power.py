"""What one single comparison of two shares can find: the test that is looked at once, at a count fixed before.

It is the most that a count of studies can give: whoever looks more often, as a rollout does, finds less with as many.
Wald's test of two proportions with its own variances, one-sided (Fleiss, Levin and Paik, "Statistical Methods for Rates
and Proportions", 2003, section 4.2, without the correction for continuity).
"""

from math import ceil, sqrt

from scipy.stats import norm


def power(base: float, worse_by: float, candidate: int, champion: int, alpha: float) -> float:
    """The chance to find a share of `base + worse_by` worse than `base`.

    Args:
        base: share of the champion's studies with a miss. worse_by: more than 0.
        candidate, champion: studies an arm.
        alpha: one-sided.

    >>> round(power(0.04, 0.01, 2000, 2000, 0.05), 2)
    0.45
    """
    worse = base + worse_by
    error = sqrt(worse * (1 - worse) / candidate + base * (1 - base) / champion)
    return float(norm.cdf(worse_by / error - norm.isf(alpha)))


def studies_needed(base: float, worse_by: float, wanted: float, alpha: float) -> int:
    """Studies in each of two equal arms for a power of `wanted`.

    >>> studies_needed(0.04, 0.01, 0.8, 0.05)
    5311
    """
    worse = base + worse_by
    variance = worse * (1 - worse) + base * (1 - base)
    return ceil((norm.isf(alpha) + norm.isf(1 - wanted)) ** 2 * variance / worse_by**2)
