"""Patient-cluster bootstrap: intervals that respect that one patient's studies resemble each other.

Patients are drawn with replacement, each with all of its studies; the interval is the percentile interval (Efron and
Tibshirani 1993, chapter 13). Two sets of figures drawn with the same patients and seed see the same draws: their
differences are paired.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.metrics.figures import Figure, Value

DRAWS, SEED, LEVEL = 1000, 0, 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its 95 % interval; NaN where it is undefined."""

    value: float
    low: float
    high: float


class PatientBootstrap:
    """Draws of patients, made once and shared by every figure."""

    def __init__(self, patients: Sequence[str], draws: int = DRAWS, seed: int = SEED) -> None:
        """`patients` names each study's patient.

        Raises:
            ValueError: there is no study.
        """
        if not patients:
            raise ValueError("a bootstrap needs at least one study")
        names, self._patient_of = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
        self.n_patients = len(names)
        even = np.full(self.n_patients, 1 / self.n_patients)
        # How often each patient is drawn, (draws, patients).
        self._times = np.random.default_rng(seed).multinomial(self.n_patients, even, size=draws).astype(np.float64)

    def replicates(self, statistics: NDArray[np.float64], value: Value) -> NDArray[np.float64]:
        """The figure in every draw, (draws,), from one row of statistics a study, (studies, k)."""
        by_patient = np.zeros((self.n_patients, statistics.shape[1]))
        np.add.at(by_patient, self._patient_of, statistics)
        return value(self._times @ by_patient)

    def estimate(self, figure: Figure) -> Estimate:
        """The figure with its interval, over the draws in which it is defined."""
        return _estimate(figure(), self.replicates(figure.statistics, figure.value))

    def estimates(self, figures: Sequence[Figure]) -> dict[str, float]:
        """Every figure as NAME, NAME.low and NAME.high."""
        flat: dict[str, float] = {}
        for figure in figures:
            found = self.estimate(figure)
            flat |= {figure.name: found.value, f"{figure.name}.low": found.low, f"{figure.name}.high": found.high}
        return flat

    def patients_behind(self, *figures: Figure) -> int:
        """How many patients have a study that adds to one of the figures."""
        adds = np.any([figure.statistics.any(axis=1) for figure in figures], axis=0)
        return len(np.unique(self._patient_of[adds]))

    def difference(self, figure: Figure, other: Figure) -> Estimate:
        """`figure` less `other`, both of the studies of this bootstrap: each draw is the same patients for both."""
        drawn, beside = (self.replicates(f.statistics, f.value) for f in (figure, other))
        return _estimate(figure() - other(), drawn - beside)


def _estimate(value: float, drawn: NDArray[np.float64]) -> Estimate:
    drawn = drawn[np.isfinite(drawn)]
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail]) if drawn.size else (np.nan, np.nan)
    return Estimate(value, float(low), float(high))


def estimates(figures: Sequence[Figure], patients: Sequence[str]) -> dict[str, float]:
    """Those of a bootstrap of these patients alone."""
    return PatientBootstrap(patients).estimates(figures)
