"""Figures of findings: F1 between the observations that two reports state.

Labels are 1 stated, 0 denied, -1 uncertain, absent = not mentioned. A figure without a suffix counts uncertain as
negative (Chen et al. 2020, R2Gen); the suffix `_u1` counts it as positive (Smit et al. 2020, CheXbert).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from model.findings import COMMON_FIVE, OBSERVATIONS
from model.metrics.figures import Figure, Value, divided, mean_figure

Labels = Mapping[str, int]
_FIVE = np.array([OBSERVATIONS.index(name) for name in COMMON_FIVE])


def counts(
    references: Sequence[Labels], candidates: Sequence[Labels], uncertain_is_positive: bool = False
) -> NDArray[np.float64]:
    """True positives, false positives and false negatives, (studies, 14, 3), in the order of OBSERVATIONS."""
    positive = {1, -1} if uncertain_is_positive else {1}
    truth, drafted = (
        np.array([[labels.get(name) in positive for name in OBSERVATIONS] for labels in side], bool).reshape(-1, 14)
        for side in (references, candidates)
    )
    if truth.shape != drafted.shape:
        raise ValueError(f"{len(references)} references and {len(candidates)} candidates: each needs the other")
    return np.stack([truth & drafted, ~truth & drafted, truth & ~drafted], axis=-1).astype(np.float64)


def f1(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """F1 from counts (..., 3); NaN where nothing is positive on either side."""
    true, false, missed = sums[..., 0], sums[..., 1], sums[..., 2]
    return divided(2 * true, 2 * true + false + missed)


def micro_f1(sums: NDArray[np.float64], observations: NDArray[np.int_] | None = None) -> NDArray[np.float64]:
    """F1 of the counts pooled over observations; `sums` is (..., 42) or, per study, the rows of `counts` flattened."""
    return f1(_chosen(sums, observations).sum(axis=-2))


def macro_f1(sums: NDArray[np.float64], observations: NDArray[np.int_] | None = None) -> NDArray[np.float64]:
    """Mean F1 over the observations that are positive on either side; the others have no F1 (scikit-learn's
    `zero_division=nan`)."""
    each = f1(_chosen(sums, observations))
    known = np.isfinite(each)
    return divided(np.where(known, each, 0.0).sum(axis=-1), known.sum(axis=-1).astype(np.float64))


FINDINGS_VALUES: dict[str, Value] = {
    "findings_micro_f1": micro_f1,
    "findings_macro_f1": macro_f1,
    "findings_micro_f1_5": partial(micro_f1, observations=_FIVE),
    "findings_macro_f1_5": partial(macro_f1, observations=_FIVE),
}
"""Each figure from sums of the rows of `counts`, flattened."""


def _chosen(sums: NDArray[np.float64], observations: NDArray[np.int_] | None) -> NDArray[np.float64]:
    by_observation = sums.reshape(*sums.shape[:-1], len(OBSERVATIONS), 3)
    return by_observation if observations is None else by_observation[..., observations, :]


def findings_figures(references: Sequence[Labels], candidates: Sequence[Labels]) -> tuple[Figure, ...]:
    """`findings_micro_f1`, `findings_macro_f1` and `findings_example_f1`, each over the 14 observations and, with the
    suffix `_5`, over the five common ones; and `findings_micro_f1_u1`.

    `findings_example_f1` is the mean of the studies' own F1; a study without a positive on either side has none.
    """
    counted = counts(references, candidates)
    rows = counted.reshape(len(counted), -1)
    lenient = counts(references, candidates, uncertain_is_positive=True).reshape(len(counted), -1)
    return (
        *(Figure(name, rows, value) for name, value in FINDINGS_VALUES.items()),
        mean_figure("findings_example_f1", f1(counted.sum(axis=1))),
        mean_figure("findings_example_f1_5", f1(counted[:, _FIVE].sum(axis=1))),
        Figure("findings_micro_f1_u1", lenient, micro_f1),
    )


@dataclass(frozen=True, slots=True)
class ObservationScore:
    """One observation over all studies; precision, recall and F1 are NaN where they are undefined."""

    observation: str
    true_positives: int
    false_positives: int
    false_negatives: int
    precision: float
    recall: float
    f1: float


def per_observation(references: Sequence[Labels], candidates: Sequence[Labels]) -> tuple[ObservationScore, ...]:
    """Precision, recall and F1 of each of the 14 observations, uncertain counted as negative."""
    scores = []
    for name, sums in zip(OBSERVATIONS, counts(references, candidates).sum(axis=0), strict=True):
        true, false, missed = (int(count) for count in sums)
        precision, recall = (float(divided(sums[0], sums[0] + sums[other])) for other in (1, 2))
        scores.append(ObservationScore(name, true, false, missed, precision, recall, float(f1(sums))))
    return tuple(scores)
