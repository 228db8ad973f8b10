"""What a few seeds say of a figure: mean, standard deviation and Student's interval; differences are paired by seed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Spread:
    """Of n values: `mean`, `sd` (n - 1 below the line), and the interval `low` to `high` of the mean at LEVEL.

    NaN where it is not defined: the mean where a value is missing, the others also where there is one value alone.
    """

    mean: float
    sd: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Student's t interval with n - 1 degrees of freedom: of three seeds, mean ± 2.48 standard deviations.

    >>> spread([1.0, 2.0, 3.0]).sd
    1.0
    """
    mean = float(np.mean(values))
    if len(values) < 2:
        return Spread(mean, math.nan, math.nan, math.nan)
    sd = float(np.std(values, ddof=1))
    reach = float(t.ppf((1 + LEVEL) / 2, len(values) - 1)) * sd / math.sqrt(len(values))
    return Spread(mean, sd, mean - reach, mean + reach)


def paired(values: Sequence[float], reference: Sequence[float]) -> Spread:
    """Of the differences to the reference, seed by seed."""
    return spread([value - other for value, other in zip(values, reference, strict=True)])
