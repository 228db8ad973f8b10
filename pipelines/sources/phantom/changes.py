"""What abnormalities do to the film, by field, and what each of them has to say to be drawn."""

from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np

from pipelines.sources.phantom.abnormalities import Abnormality, Size
from pipelines.sources.phantom.anatomy import Chest
from pipelines.sources.phantom.fields import Field, Stream
from pipelines.sources.phantom.projection import Window
from pipelines.sources.phantom.regions import Mask

Ranges = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]
"""A measure's range by size; with gaps between them, so that the size word can be read from the pixels."""
Box = tuple[float, float, float, float]
"""Left, top, right, bottom in chest coordinates."""
EVERYWHERE: Box = (-9.0, -9.0, 9.0, 9.0)


@dataclass(frozen=True, slots=True)
class Changes:
    """What is laid over a healthy chest at some points; all zero to begin with, and of the points' shape.

    Attributes:
        fluid: share of the lung's air that is replaced, vessels and all, 0 to 1.
        haze: share of the air that is replaced while the vessels still show, 0 to 1.
        gas: share of pleural gas, 0 to 1.
        density: what is added to the film's density: tissue and metal above 0, air below.
        congestion: how much denser the vessels are, 0 as usual.
        lines: density of lines that show in aerated lung alone.
        displaced: how much lower the bones stand, in chest coordinates.
    """

    fluid: Field
    haze: Field
    gas: Field
    density: Field
    congestion: Field
    lines: Field
    displaced: Field

    @classmethod
    def none(cls, shape: tuple[int, ...]) -> "Changes":
        return cls(*(np.zeros(shape) for _ in range(7)))

    def part(self, window: Window) -> "Changes":
        """Views of the same fields at some of the points."""
        return Changes(*(getattr(self, field.name)[window] for field in fields(self)))


class Shape(Protocol):
    """An abnormality with its measures, ready to be laid over a chest."""

    @property
    def bounds(self) -> Box:
        """Where it can change anything."""

    def lay(self, chest: Chest, changes: Changes, /) -> Mask:
        """Add it to the changes, in place, and return where it shows, bool of the points' shape."""


def extent(abnormality: Abnormality, ranges: Ranges, stream: Stream) -> float:
    """A measure within the range of the abnormality's size."""
    return stream.between(*ranges[tuple(Size).index(abnormality.size)])


def contrast(abnormality: Abnormality) -> float:
    """Share of its usual contrast that the abnormality has."""
    return 0.5 if abnormality.faint else 1.0


def raise_to(field: Field, values: Field) -> None:
    """Where two abnormalities meet, the stronger one holds."""
    np.maximum(field, values, out=field)
