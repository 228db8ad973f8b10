"""What the monitors hold a stream against, summarised once.

The summary of a number is its values, sorted, in float32: the KS distance of a window takes a binary search for each of
its studies, and equals that of the set itself. 250,000 studies of 27 numbers are 27 MB.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pandas as pd

from model.errors import BadInput
from monitoring.columns import EMBEDDING
from monitoring.policy import Policy
from monitoring.projection import Projection
from monitoring.window import Numbers, Window, read

LEAST = 2  # studies


@dataclass(frozen=True, slots=True)
class Counted:
    """`positives` of `n` studies."""

    positives: int
    n: int

    @classmethod
    def of(cls, values: Numbers) -> Self:
        """Of values that are 0 or 1."""
        return cls(int(values.sum()), values.size)

    @property
    def share(self) -> float:
        return self.positives / self.n


@dataclass(frozen=True, slots=True)
class Moments:
    """Mean, standard deviation and number of the known values."""

    mean: float
    sd: float
    n: int

    @classmethod
    def of(cls, values: Numbers) -> Self:
        return cls(float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64)), values.size)


@dataclass(frozen=True, slots=True)
class Reference:
    """`numbers` sorted; `categories` how many studies are in each; `usual` the share of studies in which a feature is
    known, 1 where nothing is said."""

    numbers: Mapping[str, Numbers]
    moments: Mapping[str, Moments]
    categories: Mapping[str, Mapping[str, int]]
    findings: Mapping[str, Counted]
    projection: Projection | None
    usual: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, frame: pd.DataFrame, policy: Policy) -> Self:
        """The summary of a set, one row a study. A feature that it lacks is not watched.

        Raises:
            BadInput: it has fewer than two studies.
        """
        if len(frame) < LEAST:
            raise BadInput(f"a reference of {len(frame)} studies", "it takes two to vary", "give the training set")
        usual = {str(name): float(share) for name, share in frame.notna().mean().items() if share < 1}
        projection = None
        if EMBEDDING in frame and (vectors := [vector for vector in frame[EMBEDDING] if vector is not None]):
            projection = Projection.fit(np.stack(vectors).astype(np.float32))
        window = read(frame, projection, policy, usual)
        return cls.of_window(window, projection, {name: share for name, share in usual.items() if share})

    @classmethod
    def of_window(
        cls, window: Window, projection: Projection | None = None, usual: Mapping[str, float] | None = None
    ) -> Self:
        return cls(
            numbers={name: np.sort(values) for name, values in window.numbers.items()},
            moments={name: Moments.of(values) for name, values in window.numbers.items()},
            categories={
                name: {str(kind): int(n) for kind, n in zip(*np.unique(values, return_counts=True), strict=True)}
                for name, values in window.categories.items()
            },
            findings={name: Counted.of(values) for name, values in window.findings.items()},
            projection=projection,
            usual=usual or {},
        )

    def beside(self, other: Self) -> Self:
        """This and what only `other` knows: pictures of one set and drafts of another make one reference."""
        return type(self)(
            numbers={**other.numbers, **self.numbers},
            moments={**other.moments, **self.moments},
            categories={**other.categories, **self.categories},
            findings={**other.findings, **self.findings},
            projection=self.projection or other.projection,
            usual={**other.usual, **self.usual},
        )
