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
    MEDIASTINUM = "mediastinum"
    ANGLES = "costophrenic angles"
    APICES = "lung apices"
    LUNGS = "lung fields"
    BONES = "bones of the thorax"
    CHEST = "lungs and heart"


def regions_of(chest: Chest) -> dict[Region, Mask]:
    """A mask for each region, bool of the points' shape."""
    lungs = (chest.aerated[Side.RIGHT] > 0) | (chest.aerated[Side.LEFT] > 0)
    heart = chest.heart > 0
    frame, out = chest.frame, np.abs(chest.x)
    low = (chest.y > frame.base - 0.24 * frame.height) & (out > 0.45 * frame.body.width)
    caged = (chest.y > frame.top - 0.05) & (chest.y < frame.base)
    return {
        Region.HEART: heart,
        Region.MEDIASTINUM: (chest.mediastinum > 0) & (chest.y > frame.top) & (chest.y < frame.base),
        Region.ANGLES: lungs & low,
        Region.APICES: lungs & (chest.y < frame.top + 0.26 * frame.height),
        Region.LUNGS: lungs,
        Region.BONES: (np.abs(chest.wall - out) < 0.09) & caged,
        Region.CHEST: lungs | heart,
    }
