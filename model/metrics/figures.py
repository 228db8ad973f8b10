"""A figure as sums over studies, so that any resampling of the studies is one matrix product.

Every figure of this package is a function of sums: `statistics` holds one row a study, `value` turns the sum of the
rows into the figure. Corpus BLEU, micro-F1 and a plain mean are all of this form.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Value = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Figure:
    """One named figure.

    `statistics`: float (studies, k). `value` maps sums of rows, (..., k), to figures, (...); NaN where undefined.
    """

    name: str
    statistics: NDArray[np.float64]
    value: Value

    def __call__(self) -> float:
        """The figure over all studies."""
        return float(self.value(self.statistics.sum(axis=0)))

    def of_each(self) -> NDArray[np.float64]:
        """The figure of every study alone, (studies,)."""
        return self.value(self.statistics)


def mean_figure(
    name: str, values: Sequence[float] | NDArray[np.float64], counts: Sequence[int] | None = None
) -> Figure:
    """The mean of one value a study, NaN left out; with `counts`, `values` are sums over that many items each.

    With counts a study with more statements weighs more: the figure is the mean over statements, and a resampling still
    draws whole studies.
    """
    sums = np.asarray(values, np.float64)
    known = np.isfinite(sums)
    weights = known.astype(np.float64) if counts is None else np.asarray(counts, np.float64) * known
    return Figure(name, np.stack([np.where(known, sums, 0.0), weights], axis=1), quotient)


def quotient(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 2) of sums and counts -> the mean."""
    return divided(sums[..., 0], sums[..., 1])


def difference(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 4) of the sums and counts of two means -> the first mean less the second."""
    return quotient(sums[..., :2]) - quotient(sums[..., 2:])


def divided(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> NDArray[np.float64]:
    """Element-wise quotient, NaN where the denominator is 0."""
    shape = np.broadcast_shapes(np.shape(numerator), np.shape(denominator))
    quotient: NDArray[np.float64] = np.full(shape, np.nan)
    return np.divide(numerator, denominator, out=quotient, where=np.asarray(denominator) != 0)
