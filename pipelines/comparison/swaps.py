"""The paired randomisation test: were the two models interchangeable, would they differ by so much?

For every patient a coin says whether the two models change places, with all of that patient's studies; p is the share
of such draws in which they differ at least as much as they do (Noreen 1989, "Computer-Intensive Methods for Testing
Hypotheses"; for figures of text Riezler and Maxwell 2005, ACL workshop on evaluation measures). It is exact for any
figure and for few patients: n patients who differ never give a p below 2 / 2^n.
"""

from collections.abc import Sequence

import numpy as np

from model.metrics import Figure
from model.metrics.bootstrap import SEED

DRAWS = 10_000
"""So many that the smallest p, 1 in 10,001, outlives the correction for some hundred figures."""
ROUNDING = 1e-12


class PatientSwaps:
    """Draws of who changes places, made once and shared by every figure."""

    def __init__(self, patients: Sequence[str], draws: int = DRAWS, seed: int = SEED) -> None:
        """`patients` names each study's patient."""
        names, self._patient_of = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
        coins = np.random.default_rng(seed).integers(0, 2, (draws, len(names)))
        self._swapped = coins.astype(np.float64)  # (draws, patients)

    def p(self, a: Figure, b: Figure) -> float:
        """Two-sided; NaN where a model does not have the figure. A draw that leaves one without it speaks for chance.

        Args:
            a, b: the figure of two models, over the same studies in the same order.
        """
        observed = abs(b() - a())
        if not np.isfinite(observed):
            return float("nan")
        by_patient = np.zeros((self._swapped.shape[1], a.statistics.shape[1]))
        np.add.at(by_patient, self._patient_of, b.statistics - a.statistics)
        moved = self._swapped @ by_patient
        of_a, of_b = a.value(a.statistics.sum(axis=0) + moved), b.value(b.statistics.sum(axis=0) - moved)
        less = np.count_nonzero(np.abs(of_b - of_a) < observed - ROUNDING)
        draws = len(self._swapped)
        return (draws - less + 1) / (draws + 1)
