"""Where one sentence rests, on the radiograph in its original size."""

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.drawing import HEAT, PALETTE, region_heat
from model.grounding import BOX_THRESHOLD
from model.pixels import Geometry
from model.report import GroundedSentence

LINE = 600
"""A line is one pixel wide for so many of the image's longer side."""


def overlay(image: NDArray[np.uint8], sentence: GroundedSentence, geometry: Geometry) -> Image.Image:
    """Shade, outline and boxes of a sentence over its radiograph; RGB, as large as `image`, uint8 (H, W)."""
    height, width = image.shape
    colour = np.asarray(PALETTE[0], np.float32)
    heat = region_heat(sentence, geometry, (width, height))
    opacity = HEAT * heat[..., None]
    shaded = image[..., None].astype(np.float32) * (1 - opacity) + colour * opacity
    picture = np.ascontiguousarray(shaded.round().astype(np.uint8))
    thick = max(1, max(height, width) // LINE)
    outlines, _ = cv2.findContours((heat >= BOX_THRESHOLD).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.polylines(picture, outlines, isClosed=True, color=PALETTE[0], thickness=thick, lineType=cv2.LINE_AA)
    for box in sentence.boxes:
        left, top, right, bottom = (round(edge) for edge in box.as_list())
        cv2.rectangle(picture, (left, top), (right, bottom), PALETTE[0], 2 * thick, cv2.LINE_AA)
    return Image.fromarray(picture)
