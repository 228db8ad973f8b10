"""Streams of an invented hospital, quiet or with a planted drift, in windows as the monitors read them.

Numbers are normal and share a factor, since image statistics hang together: a KS distance does not change with the
scale. Shares of sentences have the ties of eight sentences. Embeddings stand in their own principal axes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from monitoring.columns import FINDINGS, NUMBERS, Family
from monitoring.projection import NAMES
from monitoring.reference import Reference
from monitoring.window import Numbers, Window

SENTENCES = 8
COMMON = 0.5  # correlation of a family's numbers
UPPER_QUARTER = 0.6745  # of a standard normal number begins here
PREVALENCE: dict[str, float] = dict(
    zip(FINDINGS, (0.33, 0.03, 0.20, 0.03, 0.22, 0.10, 0.05, 0.07, 0.20, 0.05, 0.24, 0.01, 0.02, 0.29), strict=True)
)  # about those of MIMIC-CXR
SHARES: dict[str, dict[str, float]] = {
    "image.view": {"AP": 0.40, "PA": 0.30, "LATERAL": 0.30},
    "image.device": {"A": 0.35, "B": 0.25, "C": 0.20, "D": 0.15, "E": 0.05},
}
_OF_SENTENCES = {"attention.weak": -1.2, "attention.ungrounded": -1.8}  # where the normal number means half of them


@dataclass(frozen=True, slots=True)
class Drift:
    """What is different from the first window on. `shifts` in standard deviations, `steps` the same for each window
    that passes; `prevalence` and `shares` replace those of the reference."""

    shifts: Mapping[str, float] = field(default_factory=dict)
    steps: Mapping[str, float] = field(default_factory=dict)
    prevalence: Mapping[str, float] = field(default_factory=dict)
    shares: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def planted(self) -> frozenset[str]:
        """The features that drift."""
        return frozenset({*self.shifts, *self.steps, *self.prevalence, *self.shares})


QUIET = Drift()
DRIFTS: dict[str, Drift] = {
    "exposure shift 0.3 sd": Drift(shifts={"image.exposure": 0.3}),
    "a new scanner takes 15 %": Drift(
        shares={"image.device": {"A": 0.30, "B": 0.21, "C": 0.17, "D": 0.13, "E": 0.04, "F": 0.15}}
    ),
    "one finding from 10 % to 13 %": Drift(prevalence={"finding.Edema": 0.13}),
    "view mix + 10 points": Drift(shares={"image.view": {"AP": 0.50, "PA": 0.25, "LATERAL": 0.25}}),
    "entropy + 0.3 sd": Drift(shifts={"attention.entropy": 0.3}),
    "silent weight corruption": Drift(
        shifts={"embedding.0": 0.3, "embedding.1": -0.3, "embedding.rest": 0.3, "attention.entropy": 0.15}
    ),
    "entropy creeps 0.05 sd a window": Drift(steps={"attention.entropy": 0.05}),
}


def reference(studies: int, seed: int = 0) -> Reference:
    """The summary of an invented training set."""
    return Reference.of_window(next(stream(studies, seed=seed)))


def stream(studies: int, drift: Drift = QUIET, seed: int = 0) -> Iterator[Window]:
    """Windows of `studies` without end."""
    rng = np.random.default_rng(seed)
    passed = 0
    while True:
        passed += 1
        moved = dict(drift.shifts) | {name: step * passed for name, step in drift.steps.items()}
        yield Window(
            studies,
            dict(_numbers(rng, studies, moved)),
            {name: _drawn(rng, drift.shares.get(name, shares), studies) for name, shares in SHARES.items()},
            {
                name: (rng.random(studies) < drift.prevalence.get(name, share)).astype(np.float32)
                for name, share in PREVALENCE.items()
            },
            {},
        )


def _numbers(rng: np.random.Generator, studies: int, moved: Mapping[str, float]) -> Iterator[tuple[str, Numbers]]:
    for family, names in {**NUMBERS, Family.EMBEDDING: NAMES}.items():
        shared = rng.standard_normal(studies, dtype=np.float32)
        own_share, together = np.float32((1 - COMMON) ** 0.5), np.float32(COMMON**0.5)
        for name in names:
            own = rng.standard_normal(studies, dtype=np.float32)
            # Principal axes are uncorrelated.
            values = own if family is Family.EMBEDDING else own_share * own + together * shared
            values = values + np.float32(moved.get(name, 0.0))
            yield name, _tied(name, values)


def _tied(name: str, values: Numbers) -> Numbers:
    """Values as coarse as the feature's own."""
    if name in _OF_SENTENCES:
        share: Numbers = 1 / (1 + np.exp(-(values + np.float32(_OF_SENTENCES[name]))))
        return np.round(share * SENTENCES) / np.float32(SENTENCES)
    if name == "text.template":
        return (values > np.float32(UPPER_QUARTER)).astype(np.float32)
    return np.round(60 + 15 * values).astype(np.float32) if name == "text.words" else values


def _drawn(rng: np.random.Generator, shares: Mapping[str, float], studies: int) -> NDArray[np.str_]:
    return rng.choice(np.array(list(shares)), studies, p=list(shares.values()))
