"""Boxes in image coordinates.

Coordinates follow DICOM PS3.3 C.10.5.1.2 (graphic data): floats, column first, (0, 0) the top left *corner* of the top
left pixel; pixel (row i, column j) covers [j, j + 1) x [i, i + 1) and has its centre at (j + 0.5, i + 0.5).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle, `x0 < x1` and `y0 < y1`, in pixels."""

    x0: float
    y0: float
    x1: float
    y1: float

    def __post_init__(self) -> None:
        if not (self.x0 < self.x1 and self.y0 < self.y1):
            raise ValueError(f"box {self.x0, self.y0, self.x1, self.y1} is empty: x0 < x1 and y0 < y1 must hold")

    @property
    def area(self) -> float:
        return (self.x1 - self.x0) * (self.y1 - self.y0)

    def iou(self, other: "Box") -> float:
        """Intersection over union, 0 to 1."""
        wide = min(self.x1, other.x1) - max(self.x0, other.x0)
        tall = min(self.y1, other.y1) - max(self.y0, other.y0)
        common = max(0.0, wide) * max(0.0, tall)
        return common / (self.area + other.area - common)

    def as_list(self) -> list[float]:
        return [self.x0, self.y0, self.x1, self.y1]


def filled(boxes: Sequence[Box], width: int, height: int) -> NDArray[np.bool_]:
    """Boxes as a mask (height, width): every pixel that a box touches."""
    mask = np.zeros((height, width), bool)
    for box in boxes:
        rows = slice(max(0, int(box.y0)), int(np.ceil(box.y1)))
        mask[rows, max(0, int(box.x0)) : int(np.ceil(box.x1))] = True
    return mask
