"""How often each observation is stated, which stand together, and how two labelings of the same studies agree."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model.findings import OBSERVATIONS

Labels = NDArray[np.int8]
"""int8 (studies, 14), in the order of OBSERVATIONS: 1, 0 or -1, UNMENTIONED, or UNKNOWN all along the row."""

UNMENTIONED, UNKNOWN = 2, 3
STATED = {"positive": 1, "uncertain": -1, "negative": 0, "unmentioned": UNMENTIONED}

FINDINGS = OBSERVATIONS[1:]
"""Every observation but "No Finding"."""

_ROWS = pd.Index(OBSERVATIONS, name="observation")


def codes(labels: Mapping[str, int | None] | None) -> bytes:
    """One study's row of Labels, as int8; None for a study without labels."""
    if labels is None:
        return bytes([UNKNOWN]) * len(OBSERVATIONS)
    values = [labels.get(name) for name in OBSERVATIONS]
    return np.array([UNMENTIONED if value is None else value for value in values], np.int8).tobytes()


def gathered(rows: list[bytes]) -> Labels:
    """The rows of `codes` as one array."""
    return np.frombuffer(b"".join(rows), np.int8).reshape(len(rows), len(OBSERVATIONS))


def known(labels: Labels) -> NDArray[np.bool_]:
    """Which studies have labels, bool (studies)."""
    labelled: NDArray[np.bool_] = (labels != UNKNOWN).all(axis=1)
    return labelled


def frequencies(labels: Labels) -> pd.DataFrame:
    """Studies in which each observation is positive, uncertain, negative, unmentioned; a row an observation."""
    counts = {name: (labels == code).sum(axis=0) for name, code in STATED.items()}
    return pd.DataFrame(counts, index=_ROWS)


def co_occurrence(labels: Labels) -> pd.DataFrame:
    """Studies in which both observations are positive, (14, 14); the diagonal counts one alone."""
    positive = (labels == 1).astype(np.int64)
    return pd.DataFrame(positive.T @ positive, _ROWS, list(OBSERVATIONS))


def findings_per_study(labels: Labels) -> NDArray[np.int64]:
    """Positive observations of each study, "No Finding" left out; (studies)."""
    count: NDArray[np.int64] = (labels[:, 1:] == 1).sum(axis=1)
    return count


def agreement(one: Labels, other: Labels) -> pd.Series:
    """Cohen's kappa of positive against not positive, per observation, over the studies that both know.

    Source: Cohen 1960, Educ Psychol Meas 20:37. NaN where either never states the observation, or always does.
    """
    both = known(one) & known(other)
    a, b = one[both] == 1, other[both] == 1
    p, q = (x.sum(axis=0) / max(1, len(x)) for x in (a, b))
    chance = p * q + (1 - p) * (1 - q)
    observed = (a == b).sum(axis=0) / max(1, len(a))
    varied = (p > 0) & (p < 1) & (q > 0) & (q < 1)
    kappa = np.divide(observed - chance, 1 - chance, out=np.full(len(p), np.nan), where=varied)
    return pd.Series(kappa, _ROWS)
