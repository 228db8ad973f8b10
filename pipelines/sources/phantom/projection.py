"""From the pixels of one picture to chest coordinates, and back."""

from dataclasses import dataclass

import numpy as np

from pipelines.sources.phantom.anatomy import Pose
from pipelines.sources.phantom.fields import Field, turn

Window = tuple[slice, slice]
"""Rows and columns of a picture."""


@dataclass(frozen=True, slots=True)
class Projection:
    """A picture of `rows` x `columns` square pixels, whose shorter side spans [-1, 1] of the film.

    A pose moves, tilts and scales the upright chest on the film.
    """

    pose: Pose
    rows: int
    columns: int

    @property
    def pixel(self) -> float:
        """Side of a pixel on the film."""
        return 2.0 / min(self.rows, self.columns)

    @property
    def across(self) -> Field:
        """x of each column's centre on the film, float64 (columns,)."""
        return (np.arange(self.columns, dtype=np.float64) + (0.5 - 0.5 * self.columns)) * self.pixel

    @property
    def down(self) -> Field:
        """y of each row's centre on the film, float64 (rows,)."""
        return (np.arange(self.rows, dtype=np.float64) + (0.5 - 0.5 * self.rows)) * self.pixel

    def coordinates(self) -> tuple[Field, Field]:
        """Chest coordinates (x, y) of the pixels' centres, each float64 (rows, columns)."""
        across, down = self.across[None, :] - self.pose.shift_x, self.down[:, None] - self.pose.shift_y
        cosine, sine = turn(self.pose.half_tilt)
        return (cosine * across + sine * down) / self.pose.scale, (cosine * down - sine * across) / self.pose.scale

    def window(self, left: float, top: float, right: float, bottom: float) -> Window:
        """The pixels that may lie in a box of chest coordinates, within the picture; empty slices where none do."""
        cosine, sine = turn(self.pose.half_tilt)
        corners = [(x, y) for x in (left, right) for y in (top, bottom)]
        across = [self.pose.scale * (cosine * x - sine * y) + self.pose.shift_x for x, y in corners]
        down = [self.pose.scale * (cosine * y + sine * x) + self.pose.shift_y for x, y in corners]
        return self._span(min(down), max(down), self.rows), self._span(min(across), max(across), self.columns)

    def _span(self, low: float, high: float, pixels: int) -> slice:
        first = max(0, min(pixels, int(low / self.pixel + 0.5 * pixels)))
        return slice(first, max(first, min(pixels, int(high / self.pixel + 0.5 * pixels) + 1)))
