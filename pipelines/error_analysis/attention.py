"""What a map does over a region: how right it points, how far it spreads, how much of it lies elsewhere."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.metrics import grounding_figures

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]

SPREAD, OUTSIDE = 2.0, 0.5
"""A look is diffuse from this spread on, where at least this share of it lies outside its region."""


PEAK = 0.5
"""Of several pixels that tie for the peak, the share that lies in the region."""


@dataclass(frozen=True, slots=True)
class Look:
    """A map over a region.

    - `miou`: as in `model.metrics.grounding_figures`; `peak`: whether the map's peak lies in the region;
    - `spread`: the patches at half of the map's maximum or above, over those that the region touches;
    - `outside`: the share of the map on patches that the region does not touch;
    - `area`: the share of the model's input that the region covers.

    Patches are counted on both sides, so that a coarse grid does not make every small region look badly looked at.
    """

    miou: float
    peak: bool
    spread: float
    outside: float
    area: float

    @property
    def diffuse(self) -> bool:
        """Spread over far more than the region, and mostly elsewhere."""
        return self.spread >= SPREAD and self.outside >= OUTSIDE


def look(grid_map: Map, region: Mask) -> Look | None:
    """How a map (rows, columns) looks at a region (H, W) over the same square; None where either is empty."""
    total = grid_map.sum(dtype=np.float64)
    if total <= 0 or not region.any():
        return None
    patches, figures = touched(region, grid_map.shape), grounding_figures(grid_map, region)
    return Look(
        miou=figures["miou"],
        peak=figures["pointing_game"] >= PEAK,
        spread=float((grid_map >= grid_map.max() / 2).sum() / patches.sum()),
        outside=float(grid_map[~patches].sum(dtype=np.float64) / total),
        area=float(region.mean()),
    )


def touched(region: Mask, grid: tuple[int, ...]) -> Mask:
    """The patches (rows, columns) that hold a pixel of the region."""
    rows, columns = np.nonzero(region)
    patches = np.zeros(grid, bool)
    patches[rows * grid[0] // region.shape[0], columns * grid[1] // region.shape[1]] = True
    return patches
