"""Where one sentence rests, on the radiograph in its original size."""

import cv2
import numpy as np
from numpy.typing import NDArray

from model.overlay import PALETTE, draw_regions, region_heat
from model.pixels import Geometry
from model.report import GroundedSentence

LINE = 600
"""A line is one pixel wide for so many of the image's longer side."""


def overlay(image: NDArray[np.uint8], sentence: GroundedSentence, geometry: Geometry) -> NDArray[np.uint8]:
    """Shade, outline and boxes of a sentence over its radiograph; uint8 (H, W, 3) of `image` (H, W)."""
    colour, thick = PALETTE[0], max(1, max(image.shape) // LINE)
    picture = draw_regions(image, {colour: region_heat(sentence, geometry, image)}, thick)
    for box in sentence.boxes:
        left, top, right, bottom = (round(edge) for edge in box.as_list())
        cv2.rectangle(picture, (left, top), (right, bottom), colour, 2 * thick, cv2.LINE_AA)
    return picture
