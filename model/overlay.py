"""Where a sentence rests, over its radiograph: a shade that follows its map, an outline around its region.

Colours are those of Okabe and Ito, "Color Universal Design" (2008), lightened to stand on black, so that a colour-blind
reader tells them apart.
"""

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from model.grounding import BOX_THRESHOLD
from model.pixels import Geometry
from model.report import GroundedSentence

Colour = tuple[int, int, int]

HEAT = 0.38  # opacity of a region where its map is highest
PALETTE: tuple[Colour, ...] = (
    (240, 168, 30),
    (96, 188, 240),
    (32, 190, 142),
    (240, 228, 66),
    (234, 112, 52),
    (222, 142, 188),
    (110, 150, 250),
)


def fitted(image: NDArray[np.uint8], width: int, height: int) -> tuple[NDArray[np.uint8], float]:
    """A radiograph, uint8 (H, W), as large as fits into a frame of pixels with its aspect kept; and its scale."""
    rows, columns = image.shape
    scale = min(width / columns, height / rows)
    size = (round(columns * scale), round(rows * scale))
    kernel = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=kernel), np.uint8), scale


def region_heat(sentence: GroundedSentence, geometry: Geometry, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A sentence's map over an image (H, W) of the whole radiograph: 0 where it is least, 1 where it is greatest."""
    low, high = float(sentence.map.min()), float(sentence.map.max())
    spread = (sentence.map - low) / (high - low) if high > low else np.zeros_like(sentence.map)
    heat = cv2.resize(geometry.map_to_original(spread), image.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(heat, np.float32)


def draw_regions(
    image: NDArray[np.uint8], heats: Mapping[Colour, NDArray[np.float32]], thickness: int
) -> NDArray[np.uint8]:
    """Shade and outline regions.

    Args:
        image: uint8 (H, W).
        heats: float32 (H, W) from 0 to 1, by the colour in which it is shown. A box is drawn from BOX_THRESHOLD on, and
            so is the outline.
        thickness: of the outlines, in pixels.

    Returns:
        uint8 (H, W, 3).
    """
    channels = [image.astype(np.float32) for _ in range(3)]  # a plane each: a third of the time at 2500 x 2048
    for colour, heat in heats.items():
        opacity = HEAT * heat
        for channel, value in zip(channels, colour, strict=True):
            channel += opacity * (value - channel)
    drawn = np.asarray(cv2.merge([channel.round().astype(np.uint8) for channel in channels]), np.uint8)
    for colour, heat in heats.items():
        outline(drawn, heat >= BOX_THRESHOLD, colour, thickness)
    return drawn


def outline(picture: NDArray[np.uint8], region: NDArray[np.bool_], colour: Colour, thickness: int) -> None:
    """Draw the outer edges of a region (H, W) into a picture (H, W, 3)."""
    edges, _ = cv2.findContours(region.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.polylines(picture, edges, isClosed=True, color=colour, thickness=thickness, lineType=cv2.LINE_AA)
