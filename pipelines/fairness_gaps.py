"""Which gaps between a group and the rest are more than chance: a permutation test over patients, for all gaps at once.

Where no group matters, what is recorded of one patient could as well be recorded of another. Each draw deals the
records anew among the patients with as many studies, all attributes of a patient together, and asks how large the gaps
get. The test is exact where outcomes do not depend on the groups at all. A gap is put over the spread that the number
of counted things on either side lets expect, so that it keeps its level where one group merely has fewer of them.

The adjusted p-value of a gap is the step-down maxT of Westfall and Young 1993 (Resampling-Based Multiple Testing,
algorithm 2.8): the chance that the largest of this and all lesser gaps is as large as it. Gaps that tell the same, as
those of the only two groups of an attribute do, cost nothing.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model.metrics import Figure
from model.metrics.figures import divided

DRAWS, SEED = 2000, 0
_TIE = 1e-9  # what rounding may take from a gap that a draw leaves as it is


def chances(
    inside: NDArray[np.bool_],
    outside: NDArray[np.bool_],
    compared: NDArray[np.bool_],
    figures: Sequence[Figure],
    patients: Sequence[str],
    draws: int = DRAWS,
    seed: int = SEED,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How often chance alone makes a gap as large: this one; and, of all that are compared, any. Two-sided.

    Args:
        inside, outside: (groups, studies), the group and the rest; a study may be of neither.
        compared: (groups, figures), the gaps that are tested.
        figures: each a quotient of two sums over the studies, the latter a count.
        patients: the patient of each study.

    Returns:
        p-values and adjusted p-values, (groups, figures), NaN where nothing is compared.
    """
    beyond, counted = residuals(figures), counts(figures)
    sums, spread = np.concatenate([beyond, counted], axis=1), spreads(beyond, counted, patients)
    dealt = deals(patients, draws, seed)
    sizes = np.concatenate(
        [
            standardised(of_group[dealt] @ sums, of_rest[dealt] @ sums, spread)[:, tested]
            for of_group, of_rest, tested in zip(inside, outside, compared, strict=True)
        ],
        axis=1,
    )
    alone, adjusted = np.full(compared.shape, np.nan), np.full(compared.shape, np.nan)
    alone[compared] = (sizes >= sizes[0] * (1 - _TIE)).mean(axis=0)
    adjusted[compared] = step_down(sizes)
    return alone, adjusted


def residuals(figures: Sequence[Figure]) -> NDArray[np.float64]:
    """What each study adds beyond the figure over all studies, (studies, figures)."""
    return np.stack([f.statistics[:, 0] - f() * f.statistics[:, 1] for f in figures], axis=1)


def counts(figures: Sequence[Figure]) -> NDArray[np.float64]:
    """How much of each study is counted, (studies, figures)."""
    return np.stack([f.statistics[:, 1] for f in figures], axis=1)


def spreads(beyond: NDArray[np.float64], counted: NDArray[np.float64], patients: Sequence[str]) -> NDArray[np.float64]:
    """Variance of one counted thing, (figures,), its patient's others with it."""
    _, patient = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    by_patient = np.zeros((patient.max() + 1, beyond.shape[1]))
    np.add.at(by_patient, patient, beyond)
    return divided((by_patient**2).sum(axis=0), counted.sum(axis=0))


def standardised(
    inside: NDArray[np.float64], outside: NDArray[np.float64], spread: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Absolute gap over its standard deviation, (draws, figures), from sums of residuals and counts on either side,
    (draws, 2 figures); 0 where a side counts nothing or nothing varies."""
    n = len(spread)
    gap = divided(inside[:, :n], inside[:, n:]) - divided(outside[:, :n], outside[:, n:])
    ones = np.ones_like(gap)
    deviation = np.sqrt(spread * (divided(ones, inside[:, n:]) + divided(ones, outside[:, n:])))
    return np.nan_to_num(np.abs(divided(gap, deviation)))


def step_down(sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjusted p-values, (gaps,), of (draws, gaps) sizes whose first row is what was observed; that row counts as a
    draw, so that none is 0.

    >>> step_down(np.array([[3.0, 1.0], [1.0, 2.0], [0.5, 0.5], [0.0, 0.0]])).tolist()
    [0.25, 0.5]
    """
    order = np.argsort(sizes[0])
    largest = np.maximum.accumulate(sizes[:, order], axis=1)
    reached = (largest >= sizes[0, order] * (1 - _TIE)).mean(axis=0)
    adjusted = np.empty(len(order))
    adjusted[order] = np.maximum.accumulate(reached[::-1])[::-1]
    return adjusted


def deals(patients: Sequence[str], draws: int, seed: int) -> NDArray[np.int_]:
    """From which study each study has its record, (draws + 1, studies); the first row is as it is.

    A patient's records stay together and in order, and go to a patient with as many studies.
    """
    _, patient, sizes = np.unique(np.asarray(patients, dtype=str), return_inverse=True, return_counts=True)
    studies = np.argsort(patient, kind="stable")
    first = np.cumsum(sizes) - sizes
    rng = np.random.default_rng(seed)
    dealt = np.tile(np.arange(len(patient)), (draws + 1, 1))
    for size in np.unique(sizes):
        block = studies[first[sizes == size][:, None] + np.arange(size)]
        givers = rng.permuted(np.tile(np.arange(len(block)), (draws, 1)), axis=1)
        dealt[1:, block.ravel()] = block[givers].reshape(draws, -1)
    return dealt
