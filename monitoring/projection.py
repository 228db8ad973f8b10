"""Embeddings as a few numbers a study: places along the reference's principal axes, and the distance from them."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

AXES = 8
NAMES = (*(f"embedding.{axis}" for axis in range(AXES)), "embedding.rest")


@dataclass(frozen=True, slots=True)
class Projection:
    """`mean`, (d,), and `axes`, (at most AXES, d), orthonormal, of the greatest variance first."""

    mean: NDArray[np.float64]
    axes: NDArray[np.float64]

    @classmethod
    def fit(cls, embeddings: NDArray[np.float32]) -> Self:
        """Of (studies, d). An axis has the sign that makes its largest part positive."""
        mean = embeddings.mean(axis=0, dtype=np.float64)
        centred = embeddings - mean
        axes = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :AXES].T
        largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
        return cls(mean, axes * np.sign(largest))

    def numbers(self, embeddings: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """(studies, d) -> each of NAMES, (studies,); NaN where a study has no finite embedding."""
        centred = embeddings - self.mean
        places = centred @ self.axes.T
        rest = np.sqrt(np.maximum((centred**2).sum(axis=1) - (places**2).sum(axis=1), 0.0))
        named = dict(zip(NAMES, places.T, strict=False)) | {NAMES[-1]: rest}
        return {name: values.astype(np.float32) for name, values in named.items()}
