"""Differences between two models on the same studies, each with a paired interval and what is left of it among many.

The patients are drawn once, for both models and every figure: what makes a study hard falls out of the difference
(paired bootstrap: Efron and Tibshirani 1993, chapter 13; for systems that write text Koehn 2004, EMNLP). Whether a
difference may be chance is the randomisation test's to say (`pipelines.comparison.swaps`). Many figures are compared at
once: Holm 1979 bounds the chance of a single false claim among them, however they depend on one another.
"""

import math
from dataclasses import dataclass, replace

from model.errors import BadInput
from model.metrics import Figure, PatientBootstrap
from model.metrics.bootstrap import LEVEL
from model.metrics.multiplicity import holm
from pipelines.comparison.swaps import PatientSwaps
from pipelines.statistics import Statistics

NOT_THE_MODELS = ("constant.", "nearest.", "shuffled.", "mean_mask.", "miou_image_free")
"""Baselines stand beside a model's figures; they are not what a comparison asks about."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure of two models on the same studies: `value` = b - a with its 95 % interval, NaN where undefined.

    `n_patients` have a say in it. `p` is the randomisation test's, `p_adjusted` Holm's among the figures that were
    compared together; both NaN where a model does not have the figure.
    """

    name: str
    a: float
    b: float
    value: float
    low: float
    high: float
    n_patients: int
    p: float
    p_adjusted: float = math.nan

    @property
    def stands(self) -> bool:
        """Whether the models differ in this figure, the number of figures considered."""
        return self.p_adjusted < 1 - LEVEL


@dataclass(frozen=True, slots=True)
class Pairing:
    """Rows of two runs that are the same studies, in the same order; how many of each were left out."""

    rows_a: tuple[int, ...]
    rows_b: tuple[int, ...]
    left_out_a: int
    left_out_b: int


def pair(a: Statistics, b: Statistics) -> Pairing:
    """Studies are the same where study and patient are.

    Raises:
        BadInput: none is.
    """
    known = {key: row for row, key in enumerate(zip(b.study_ids, b.patient_ids, strict=True))}
    keys = list(zip(a.study_ids, a.patient_ids, strict=True))
    rows = [(row, known[key]) for row, key in enumerate(keys) if key in known]
    if not rows:
        value = f"{len(keys)} and {len(known)} studies"
        raise BadInput(value, "the two runs have no study in common", "compare runs that were graded on one test set")
    rows_a, rows_b = zip(*rows, strict=True)
    return Pairing(rows_a, rows_b, len(keys) - len(rows), len(known) - len(rows))


def differences(
    a: Statistics, b: Statistics, bootstrap: PatientBootstrap, swaps: PatientSwaps
) -> tuple[Difference, ...]:
    """Every figure that both have, in a's order.

    Args:
        a, b: over the same studies, in the same order.
        bootstrap, swaps: of their patients.
    """
    found = [
        difference(figure, b.figures[name], bootstrap, swaps)
        for name, figure in a.figures.items()
        if comparable(figure, b.figures.get(name)) and not name.startswith(NOT_THE_MODELS)
    ]
    adjusted = holm([one.p for one in found])
    return tuple(replace(one, p_adjusted=float(p)) for one, p in zip(found, adjusted, strict=True))


def comparable(a: Figure, b: Figure | None) -> bool:
    """Whether two figures of one name are computed alike."""
    return b is not None and a.value is b.value and a.statistics.shape == b.statistics.shape


def difference(a: Figure, b: Figure, bootstrap: PatientBootstrap, swaps: PatientSwaps) -> Difference:
    """One figure, its interval over the draws in which both models have it."""
    found = bootstrap.difference(b, a)
    n_patients = bootstrap.patients_behind(a, b)
    return Difference(a.name, a(), b(), found.value, found.low, found.high, n_patients, swaps.p(a, b))
