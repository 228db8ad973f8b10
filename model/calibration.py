"""From scores to probabilities: how often a sentence that scores so is grounded right, how often a draft needs no
correction.

Logistic calibration (Platt 1999, "Probabilistic Outputs for Support Vector Machines", with his targets that keep an
untried certainty from becoming one). Fitted on the validation split; the parameters travel in the model's folder as
calibration.json. Numpy alone.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from model.errors import BadInput
from model.report import Verdict

Array = NDArray[np.float64]

FILE = "calibration.json"

GROUNDED = 0.5
"""From here on a sentence is called grounded: it is more likely right than not."""
WEAK = 0.25
"""Below this it is called ungrounded: wrong at least three times in four."""
UNKNOWN = 1 / 3
"""The probability of what no example speaks of: neither grounded nor ungrounded."""
RIDGE = 1.0
"""Penalty on the weights of standardised features: the pull of about one example."""
BINS = 10


@dataclass(frozen=True, slots=True)
class Logistic:
    """P = 1 / (1 + exp(-(bias + weights . features))), fitted on `examples`."""

    weights: tuple[float, ...]
    bias: float
    examples: int

    def __call__(self, *features: float) -> float:
        """The probability, in (0, 1)."""
        return float(_sigmoid(self.bias + np.dot(self.weights, features)))


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a model's scores are worth.

    `positive`: P(a sentence that states a finding is grounded right), from its grounding score; `other`: the same of
    denials and normal statements; `confidence`: P(no finding of the draft needs correcting), from `draft_features`.
    """

    positive: Logistic
    other: Logistic
    confidence: Logistic

    def grounding(self, score: float, *, positive: bool) -> float:
        return (self.positive if positive else self.other)(score)


def _unknown(features: int) -> Logistic:
    return Logistic((0.0,) * features, _logit(UNKNOWN), 0)


def verdict(probability: float) -> Verdict:
    """Read a calibrated probability."""
    if probability >= GROUNDED:
        return Verdict.GROUNDED
    return Verdict.WEAK if probability >= WEAK else Verdict.UNGROUNDED


def fit_logistic(features: ArrayLike, right: ArrayLike, *, rising: bool = False) -> Logistic:
    """Fit by Newton's method.

    Args:
        features: (examples, k), finite.
        right: (examples,) of 0 and 1.
        rising: a single feature that cannot speak against what it scores: where it would, its weight is 0.

    Returns:
        a logistic that answers UNKNOWN where there is no example.
    """
    x = np.asarray(features, float)
    y = np.asarray(right, float)
    if not len(y):
        return _unknown(x.shape[1])
    centre, spread = x.mean(0), np.maximum(x.std(0), 1e-9)
    yes, no = y.sum(), len(y) - y.sum()
    target = np.where(y > 0, (yes + 1) / (yes + 2), 1 / (no + 2))
    design = np.column_stack([(x - centre) / spread, np.ones(len(y))])
    penalty = np.diag([RIDGE] * x.shape[1] + [0.0])
    fitted = _newton(design, target, penalty)
    if rising and fitted[0] < 0:
        fitted = np.append(0.0, _newton(design[:, -1:], target, penalty[-1:, -1:]))
    weights = fitted[:-1] / spread
    return Logistic(tuple(weights.tolist()), float(fitted[-1] - weights @ centre), len(y))


def _newton(
    design: NDArray[np.float64], target: NDArray[np.float64], penalty: NDArray[np.float64]
) -> NDArray[np.float64]:
    weights = np.zeros(design.shape[1])
    for _ in range(50):
        p = _sigmoid(design @ weights)
        gradient = design.T @ (p - target) + penalty @ weights
        hessian = (design * (p * (1 - p))[:, None]).T @ design + penalty + 1e-6 * np.eye(len(weights))
        step = np.linalg.solve(hessian, gradient)
        weights -= step / max(1.0, float(np.abs(step).max()) / 4)
        if np.abs(step).max() < 1e-10:
            break
    return weights


def _sigmoid(x: Array | float) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -500, 500))))


def _logit(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))


UNFITTED = Calibration(_unknown(1), _unknown(1), _unknown(3))
"""Before anything was fitted: every sentence is weak."""


def draft_features(name_log_probability: Sequence[float], scores: Sequence[float]) -> tuple[float, float, float]:
    """What a draft's confidence is read from.

    Args:
        name_log_probability: of each token that names a finding, stated or denied. scores: grounding scores of the
            sentences that state one.

    Returns:
        their mean, their least, the lowest score; 0, 0 and 1 where there is none.
    """
    names = np.asarray(name_log_probability, float)
    mean, least = (float(names.mean()), float(names.min())) if names.size else (0.0, 0.0)
    return mean, least, min(scores, default=1.0)


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Predictions in [low, high), the last bin with its end: how many, their mean, and the share that was right."""

    low: float
    high: float
    n: int
    predicted: float
    observed: float


def reliability(predicted: Sequence[float], right: Sequence[bool]) -> list[ReliabilityBin]:
    """The reliability curve over BINS equal bins; NaN in an empty one. See Niculescu-Mizil and Caruana 2005 (ICML)."""
    p, y = np.asarray(predicted, float), np.asarray(right, float)
    where = np.minimum((p * BINS).astype(int), BINS - 1)
    curve = []
    for index in range(BINS):
        inside = where == index
        means = (float(p[inside].mean()), float(y[inside].mean())) if inside.any() else (np.nan, np.nan)
        curve.append(ReliabilityBin(index / BINS, (index + 1) / BINS, int(inside.sum()), *means))
    return curve


def write_calibration(calibration: Calibration, path: Path) -> None:
    path.write_text(json.dumps(asdict(calibration), indent=1) + "\n")


def read_calibration(folder: Path) -> Calibration:
    """The calibration of a model folder.

    Raises:
        BadInput: the folder has none.
    """
    path = folder / FILE
    if not path.is_file():
        raise BadInput(
            f"model {folder}",
            f"a model that drafts for readers holds a {FILE}",
            "point at the output of export, after evaluate",
        )
    parts = json.loads(path.read_text())
    return Calibration(**{name: Logistic(**part | {"weights": tuple(part["weights"])}) for name, part in parts.items()})
