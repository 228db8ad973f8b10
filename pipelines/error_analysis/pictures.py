"""One statement as a picture: the radiograph, where the reference sees the finding, where the model looked."""

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from model.drawing import HEAT, PALETTE, Colour, region_heat
from model.geometry import Box
from model.grounding import BOX_THRESHOLD
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
    rows, columns = image.shape
    scale = OVERSAMPLING * min(WIDTH / columns, HEIGHT / rows)
    size = (round(columns * scale), round(rows * scale))
    gray = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    picture = np.repeat(gray[..., None], 3, axis=2).astype(np.float32)
    heat = None if sentence is None else region_heat(sentence, geometry, size)
    if heat is not None:
        opacity = HEAT * heat[..., None]
        picture = picture * (1 - opacity) + np.asarray(DRAFT, np.float32) * opacity
    drawn = np.ascontiguousarray(picture.round().astype(np.uint8))
    if heat is not None:
        outline(drawn, heat >= BOX_THRESHOLD, DRAFT, OVERSAMPLING)
    if region is not None:
        covered = cv2.resize(geometry.map_to_original(region.astype(np.float32)), size)
        outline(drawn, covered >= 0.5, REFERENCE, 2 * OVERSAMPLING)
    page = Image.fromarray(drawn)
    for box in () if sentence is None else sentence.boxes:
        frame(ImageDraw.Draw(page), box, scale)
    return page.reduce(OVERSAMPLING)


def outline(picture: NDArray[np.uint8], held: Mask, colour: Colour, thickness: int) -> None:
    edges, _ = cv2.findContours(held.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.polylines(picture, edges, isClosed=True, color=colour, thickness=thickness, lineType=cv2.LINE_AA)


def frame(pen: ImageDraw.ImageDraw, box: Box, scale: float) -> None:
    pen.rectangle([value * scale for value in box.as_list()], outline=DRAFT, width=2 * OVERSAMPLING)
