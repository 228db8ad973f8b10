"""Does a sentence rest on the region that it shows? Hide it, and see whether the finding's words become unlikely.

Attention says where the model looked, not that it mattered (Jain and Wallace 2019, "Attention is not Explanation",
NAACL). The boxes of a sentence are hidden behind a blur and the report is read again with teacher forcing; the same is
done with random boxes of the same area, which overlap neither the sentence's own nor each other. `occlusion_ratio` is
the mean fall in log-probability of the finding's words for the one over that for the other. Numpy and OpenCV, no torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from model.geometry import Box
from model.metrics.figures import Figure, mean_figure
from model.pixels import Geometry

BLUR = 0.1
"""Standard deviation of the blur as a share of the input's side: a nodule vanishes, and so do the edges of a lobe."""
SIDES, TOP, BOTTOM = 0.10, 0.08, 0.18
"""Shares of a frontal film that are not thorax: arms on each side, neck, abdomen."""
SMALLEST = 2
"""Pixels: a random box that finds no room is cut in two, but never below this side."""
LEAST_FALL = 0.01
"""Nats: a mean random fall below this counts as this, so that the ratio is bounded and keeps its sign."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Occlusion:
    """One positive statement of a draft: what the words of its finding lose in log-probability, nats, mean over tokens.

    `fall_grounded` with the sentence's own region hidden, `fall_random` the mean over random regions of its area.
    """

    study: int
    observation: str
    fall_grounded: float
    fall_random: float


def thorax(geometry: Geometry) -> Mask:
    """Where regions are hidden, bool (size, size): the middle of the film.

    Frontal films are collimated to the chest, so its frame is a steadier guide than its shades: a threshold loses a
    lung that is white or runs into the border, and it is then that a finding is there.
    """
    inside = np.zeros((geometry.size, geometry.size), bool)
    top, left = geometry.pad_top, geometry.pad_left
    height, width = geometry.scaled_height, geometry.scaled_width
    inside[
        top + round(TOP * height) : top + round((1 - BOTTOM) * height),
        left + round(SIDES * width) : left + round((1 - SIDES) * width),
    ] = True
    return inside


def hidden_boxes(boxes: Sequence[Box], geometry: Geometry, within: Mask) -> list[tuple[slice, slice]]:
    """Boxes in original pixels as whole pixels of the input, clipped to the box that `within` is."""
    rows, columns = (np.flatnonzero(within.any(axis)) for axis in (1, 0))
    clipped = []
    for box in (geometry.to_input(box) for box in boxes):
        top, bottom = max(round(box.y0), rows[0]), min(round(box.y1), rows[-1] + 1)
        left, right = max(round(box.x0), columns[0]), min(round(box.x1), columns[-1] + 1)
        if top < bottom and left < right:
            clipped.append((slice(top, bottom), slice(left, right)))
    return clipped


def filled_region(boxes: Sequence[tuple[slice, slice]], shape: tuple[int, ...]) -> Mask:
    """The union of boxes."""
    region = np.zeros(shape, bool)
    for box in boxes:
        region[box] = True
    return region


def random_region(boxes: Sequence[tuple[slice, slice]], within: Mask, draw: np.random.Generator) -> Mask | None:
    """As many pixels as `boxes` cover, in boxes of their sizes, placed evenly at random in what `within` leaves free.

    A box that finds no room is cut in two across its longer side.

    Returns:
        bool, of the shape of `within`; None where there is not room enough.
    """
    own = filled_region(boxes, within.shape)
    free = within & ~own
    wanted = np.count_nonzero(own)
    if wanted > np.count_nonzero(free):
        return None
    region = np.zeros_like(own)
    sizes = [(box[0].stop - box[0].start, box[1].stop - box[1].start) for box in boxes]
    while sizes and np.count_nonzero(region) < wanted:
        tall, wide = sizes.pop(0)
        rows, columns = np.nonzero(room(free & ~region, tall, wide))
        if len(rows):
            at = draw.integers(len(rows))
            region[rows[at] : rows[at] + tall, columns[at] : columns[at] + wide] = True
        elif max(tall, wide) < 2 * SMALLEST:
            return None
        elif tall >= wide:
            sizes[:0] = [(tall // 2, wide), (tall - tall // 2, wide)]
        else:
            sizes[:0] = [(tall, wide // 2), (tall, wide - wide // 2)]
    return region


def room(free: Mask, tall: int, wide: int) -> Mask:
    """Where the upper left corner of a (tall, wide) box can stand so that all of it is free."""
    if tall > free.shape[0] or wide > free.shape[1]:
        return np.zeros((0, 0), bool)
    total = np.pad(free.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    inside = total[tall:, wide:] - total[:-tall, wide:] - total[tall:, :-wide] + total[:-tall, :-wide]
    fits: Mask = inside == tall * wide
    return fits


def hide(image: NDArray[np.uint8], region: Mask) -> NDArray[np.uint8]:
    """The image, uint8 (size, size), with a region replaced by its own blur."""
    blurred = cv2.GaussianBlur(image, (0, 0), BLUR * image.shape[0])
    return np.where(region, blurred, image).astype(np.uint8)


def occlusion_figures(falls: Sequence[Occlusion], studies: int) -> list[Figure]:
    """`occlusion_ratio` and the two mean falls that it is made of, resampled by study."""
    sums = np.zeros((studies, 3))
    for fall in falls:
        sums[fall.study] += (fall.fall_grounded, fall.fall_random, 1)
    counts = sums[:, 2].astype(int).tolist()
    return [
        Figure("occlusion_ratio", sums, ratio),
        mean_figure("occlusion.fall_grounded", sums[:, 0], counts),
        mean_figure("occlusion.fall_random", sums[:, 1], counts),
    ]


def ratio(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 3) of falls with the own region hidden, with random ones, and their number -> the ratio of the means."""
    number = np.where(sums[..., 2] > 0, sums[..., 2], np.nan)
    found: NDArray[np.float64] = (sums[..., 0] / number) / np.maximum(sums[..., 1] / number, LEAST_FALL)
    return found
