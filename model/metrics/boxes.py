"""Boxes that are shown beside the boxes that are asked for: which of them agree."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import linear_sum_assignment

from model.geometry import Box

AGREE = 0.5
"""Two boxes agree from this intersection over union on (PASCAL VOC, Everingham et al. 2010)."""


def region_boxes(mask: NDArray[np.bool_]) -> tuple[Box, ...]:
    """The boxes around the connected parts of a mask (H, W), in its pixels; parts that touch at a corner are one."""
    parts, _ = ndimage.label(mask, structure=np.ones((3, 3)))
    return tuple(
        Box(horizontal.start, vertical.start, horizontal.stop, vertical.stop)
        for vertical, horizontal in ndimage.find_objects(parts)
    )


def agreeing(shown: Sequence[Box], asked: Sequence[Box], comparable: NDArray[np.bool_]) -> int:
    """How many pairs of boxes agree, one to one, as many as can be.

    Args:
        comparable: (shown, asked), which pairs speak of the same.
    """
    agree = np.array([[one.iou(other) >= AGREE for other in asked] for one in shown], bool)
    pairs = agree.reshape(comparable.shape) & comparable
    return int(pairs[linear_sum_assignment(pairs, maximize=True)].sum())
