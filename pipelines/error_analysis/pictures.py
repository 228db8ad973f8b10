"""One statement as a picture: the radiograph, where the reference sees the finding, where the model looked."""

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from model.geometry import Box
from model.overlay import PALETTE, draw_regions, fitted, outline, region_heat
from model.pixels import Geometry
from model.report import GroundedSentence
from pipelines.error_analysis.attention import Mask

WIDTH, HEIGHT = 420, 480  # px, at most
OVERSAMPLING = 2
DRAFT, REFERENCE = PALETTE[0], PALETTE[1]


def draw_statement(
    image: NDArray[np.uint8], geometry: Geometry, sentence: GroundedSentence | None, region: Mask | None
) -> Image.Image:
    """Draw where a sentence looks, and a region.

    Args:
        image: uint8 (H, W), the radiograph in original pixels, ready for display.
        geometry: how the original lies in the model's input.
        sentence: its map as shade and outline, its boxes as rectangles, in the draft's colour.
        region: bool (size, size) over the model's input, as an outline in the reference's colour.

    Returns:
        RGB, at most WIDTH x HEIGHT. It names no patient and no study.
    """
    gray, scale = fitted(image, WIDTH * OVERSAMPLING, HEIGHT * OVERSAMPLING)
    heats = {} if sentence is None else {DRAFT: region_heat(sentence, geometry, gray)}
    drawn = draw_regions(gray, heats, OVERSAMPLING)
    if region is not None:
        covered = cv2.resize(geometry.map_to_original(region.astype(np.float32)), gray.shape[::-1])
        outline(drawn, covered >= 0.5, REFERENCE, 2 * OVERSAMPLING)
    page = Image.fromarray(drawn)
    for box in () if sentence is None else sentence.boxes:
        frame(ImageDraw.Draw(page), box, scale)
    return page.reduce(OVERSAMPLING)


def frame(pen: ImageDraw.ImageDraw, box: Box, scale: float) -> None:
    pen.rectangle([value * scale for value in box.as_list()], outline=DRAFT, width=2 * OVERSAMPLING)
