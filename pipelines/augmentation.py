"""A study as it might also have been taken: turned a little, shifted, enlarged, exposed otherwise.

Image and regions move together, so that what is taught of the regions stays true. Never mirrored: the words have sides.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.params import Augment

OFFSET = 0.4
"""Largest change of brightness beside `Augment.exposure`'s gamma, as a share of it, of the full range of grey."""


@dataclass(frozen=True, slots=True)
class View:
    """`matrix` (2, 3) takes the study's pixels to the view's, `curve` uint8 (256,) its greys."""

    matrix: NDArray[np.float64]
    curve: NDArray[np.uint8]

    def image(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """uint8 (size, size); black where nothing was."""
        moved = cv2.warpAffine(image, self.matrix, image.shape[::-1], flags=cv2.INTER_LINEAR)
        seen: NDArray[np.uint8] = self.curve[moved]
        return seen

    def masks(self, masks: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """bool (count, size, size)"""
        seen = np.empty_like(masks)
        for mask, moved in zip(masks.view(np.uint8), seen.view(np.uint8), strict=True):
            cv2.warpAffine(mask, self.matrix, mask.shape[::-1], dst=moved, flags=cv2.INTER_NEAREST)
        return seen


def draw_view(params: Augment, size: int, seed: int, index: int) -> View:
    """The view of the study `index` in an epoch: the same for the same seed, in whatever order studies are read.

    Args:
        size: of the input, px. seed: of the epoch.
    """
    generator = np.random.default_rng([seed, index])
    turn = math.radians(generator.uniform(-params.turn, params.turn))
    zoom = (1 + params.zoom) ** generator.uniform(-1, 1)
    across, down = generator.uniform(-params.shift, params.shift, 2) * size
    gamma = math.exp(generator.uniform(-params.exposure, params.exposure))
    offset = generator.uniform(-OFFSET, OFFSET) * params.exposure
    middle = (size - 1) / 2
    matrix = cv2.getRotationMatrix2D((middle, middle), math.degrees(turn), zoom)
    matrix[:, 2] += across, down
    curve = 255 * np.clip((np.arange(256) / 255) ** gamma + offset, 0, 1)
    return View(matrix, curve.round().astype(np.uint8))
