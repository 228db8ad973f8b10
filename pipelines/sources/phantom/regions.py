"""Where a statement can rest that names no abnormality."""

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from model.findings import Side
from pipelines.sources.phantom.anatomy import Chest

Mask = NDArray[np.bool_]


class Region(StrEnum):
    """Parts of the chest that a negation or a normal summary is read from."""

    HEART = "heart"
    ANGLES = "costophrenic angles"
    APICES = "lung apices"
    LUNGS = "lung fields"
    CHEST = "lungs and heart"


def regions_of(chest: Chest) -> dict[Region, Mask]:
    """A mask for each region, bool of the points' shape."""
    lungs = (chest.aerated[Side.RIGHT] > 0) | (chest.aerated[Side.LEFT] > 0)
    heart = chest.heart > 0
    low = (chest.y > chest.base - 0.24 * chest.height) & (np.abs(chest.x) > 0.45 * chest.body.width)
    return {
        Region.HEART: heart,
        Region.ANGLES: lungs & low,
        Region.APICES: lungs & (chest.y < chest.top + 0.26 * chest.height),
        Region.LUNGS: lungs,
        Region.CHEST: lungs | heart,
    }
