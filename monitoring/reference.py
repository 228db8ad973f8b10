"""The training set as the monitors know it, summarised once.

The summary of a number is its values, sorted, in float32: the KS distance of a window takes a binary search for each of
its studies, and equals that of the set itself. 250,000 studies of 27 numbers are 27 MB, in one safetensors file.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from model.errors import BadInput
from monitoring.columns import EMBEDDING
from monitoring.policy import Policy
from monitoring.projection import Projection
from monitoring.window import Numbers, Window, read

LEAST = 2  # studies
_MEAN, _AXES = "projection.mean", "projection.axes"


@dataclass(frozen=True, slots=True)
class Counted:
    """`positives` of `n` studies."""

    positives: int
    n: int

    @property
    def share(self) -> float:
        return self.positives / self.n


@dataclass(frozen=True, slots=True)
class Moments:
    """Mean, standard deviation and number of the known values."""

    mean: float
    sd: float
    n: int


@dataclass(frozen=True, slots=True)
class Reference:
    """`numbers` sorted; `categories` how many studies are in each."""

    numbers: Mapping[str, Numbers]
    moments: Mapping[str, Moments]
    categories: Mapping[str, Mapping[str, int]]
    findings: Mapping[str, Counted]
    projection: Projection | None

    @classmethod
    def of(cls, frame: pd.DataFrame, policy: Policy) -> Self:
        """The summary of a set, one row a study. A feature that it lacks is not watched.

        Raises:
            BadInput: it has fewer than two studies.
        """
        if len(frame) < LEAST:
            raise BadInput(f"a reference of {len(frame)} studies", "it takes two to vary", "give the training set")
        projection = None
        if EMBEDDING in frame and (vectors := [vector for vector in frame[EMBEDDING] if vector is not None]):
            projection = Projection.fit(np.stack(vectors).astype(np.float32))
        return cls.of_window(read(frame, projection, policy), projection)

    @classmethod
    def of_window(cls, window: Window, projection: Projection | None = None) -> Self:
        return cls(
            numbers={name: np.sort(values) for name, values in window.numbers.items()},
            moments={
                name: Moments(float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64)), values.size)
                for name, values in window.numbers.items()
            },
            categories={
                name: {str(kind): int(n) for kind, n in zip(*np.unique(values, return_counts=True), strict=True)}
                for name, values in window.categories.items()
            },
            findings={name: Counted(int(values.sum()), values.size) for name, values in window.findings.items()},
            projection=projection,
        )

    def save(self, path: Path) -> str:
        """Write it, and return the sha256 of the file."""
        tensors: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]] = dict(self.numbers)
        if self.projection:
            tensors |= {_MEAN: self.projection.mean, _AXES: np.ascontiguousarray(self.projection.axes)}
        counted = {
            "moments": {name: [m.mean, m.sd, m.n] for name, m in self.moments.items()},
            "categories": self.categories,
            "findings": {name: [counted.positives, counted.n] for name, counted in self.findings.items()},
        }
        save_file(tensors, path, metadata={"counted": json.dumps(counted, sort_keys=True)})
        return hashlib.sha256(path.read_bytes()).hexdigest()

    @classmethod
    def load(cls, path: Path) -> Self:
        """
        Raises:
            BadInput: no such file, or it holds something else.
        """
        if not path.is_file():
            raise BadInput(f"reference {path}", "monitors hold a stream against a summary", "write one first")
        try:
            with safe_open(path, framework="numpy") as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
                counted = json.loads(file.metadata()["counted"])
        except (SafetensorError, KeyError, TypeError) as error:
            raise BadInput(f"reference {path}", f"not a summary: {error}", "write it anew") from error
        mean, axes = tensors.pop(_MEAN, None), tensors.pop(_AXES, None)
        return cls(
            numbers=tensors,
            moments={name: Moments(*values) for name, values in counted["moments"].items()},
            categories=counted["categories"],
            findings={name: Counted(*values) for name, values in counted["findings"].items()},
            projection=None if mean is None or axes is None else Projection(mean, axes),
        )
