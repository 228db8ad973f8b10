"""Figures of regions: how well a sentence's attention map covers the region that the sentence is about.

A map is float (rows, columns) over the patch grid of the square model input, non-negative, with sum 1 less the null
token's share. A mask is bool (H, W) over the same square. The map is brought to the mask's size bilinearly, pixel
centres at half pixels; min-max normalised where a figure says so. Definitions: MS-CXR and BioViL (Boecking et al. 2022,
ECCV) for `miou` and `cnr`, CheXlocalize (Saporta et al. 2022) for the normalisation and the hit rate.
"""

from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5)
SIZE_BOUNDS = (0.01, 0.05)
"""Shares of the input below which a region is small, and medium."""

SAME = 1e-6
"""Values that differ by less than this share are the same but for rounding."""


class SizeBucket(StrEnum):
    """How much of the model's input a region covers, between two bounds: those of the training split's terciles, or
    SIZE_BOUNDS where it is not at hand."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


def grounding_figures(grid_map: Map, mask: Mask) -> dict[str, float]:
    """The figures of one sentence, each 0 to 1 but `cnr`, which has no upper bound.

    - `iou_abs_0.1`: intersection over union of the mask and the pixels whose own attention is at least 0.1;
    - `iou_norm_0.1`: the same after min-max normalisation, the gate's "grounding IoU";
    - `miou`: its mean over the thresholds .1 to .5;
    - `pointing_game`: whether the map's peak lies in the mask, a share where several pixels tie;
    - `mass_in_mask`: the share of the map within the mask;
    - `cnr`: |mean inside - mean outside| / sqrt(variance inside + variance outside), NaN for a mask without outside or
      a map without variance on either side.

    A constant map has no peak: its IoUs after normalisation are 0.

    Raises:
        ValueError: a map or mask that is not two-dimensional, is empty, or holds NaN or a negative value.
    """
    _check(grid_map, mask)
    pixels = upsampled(grid_map, mask.shape)
    inside = pixels[mask]
    low, high = float(pixels.min()), float(pixels.max())
    constant = high - low <= SAME * high
    ious = [0.0 if constant else _iou_above(low + share * (high - low), pixels, inside) for share in THRESHOLDS]
    peak = high * (1 - SAME)
    total = float(pixels.sum())
    return {
        "iou_abs_0.1": _iou_above(THRESHOLDS[0], pixels, inside),
        "iou_norm_0.1": ious[0],
        "miou": float(np.mean(ious)),
        "pointing_game": np.count_nonzero(inside >= peak) / np.count_nonzero(pixels >= peak),
        "mass_in_mask": float(inside.sum()) / total if total else 0.0,
        "cnr": float("nan") if constant else _contrast_to_noise(inside, pixels[~mask]),
    }


def _check(grid_map: Map, mask: Mask) -> None:
    if grid_map.ndim != 2 or mask.ndim != 2 or not grid_map.size:
        raise ValueError(f"map {grid_map.shape} and mask {mask.shape}: both are two-dimensional and not empty")
    if not mask.any():
        raise ValueError(f"mask {mask.shape} marks no pixel: a sentence without a region has no grounding figures")
    if not np.isfinite(grid_map).all() or grid_map.min() < 0:
        raise ValueError(f"map {grid_map.shape} holds NaN or a negative value: attention is 0 or more")


def upsampled(grid_map: Map, shape: tuple[int, ...]) -> Map:
    """The map at `shape` = (H, W) by bilinear interpolation; beyond the outer patch centres it stays constant."""
    height, width = shape
    pixels: Map = cv2.resize(grid_map.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return pixels


def _iou_above(threshold: float, pixels: Map, inside: Map) -> float:
    """Intersection over union of a mask, which holds the pixels `inside`, and the pixels from a threshold on."""
    common = np.count_nonzero(inside >= threshold)
    return common / (inside.size + np.count_nonzero(pixels >= threshold) - common)


def _contrast_to_noise(inside: Map, outside: Map) -> float:
    noise = np.sqrt(inside.var() + outside.var()) if outside.size else 0.0
    if noise <= SAME * inside.max(initial=outside.max(initial=0.0)):
        return float("nan")
    return float(abs(inside.mean() - outside.mean()) / noise)


def grid_ceiling(mask: Mask, rows: int, columns: int) -> float:
    """The best IoU that any set of whole patches reaches: what the grid itself allows.

    Patches are taken in the order of the share of each that the mask covers; no other order can do better, since IoU is
    a ratio of sums over patches.
    """
    rows, columns = min(rows, mask.shape[0]), min(columns, mask.shape[1])
    tops, lefts = (-(-np.arange(n) * side // n) for n, side in zip((rows, columns), mask.shape, strict=True))
    counted = np.add.reduceat(mask.view(np.uint8), lefts, axis=1, dtype=np.int32)
    covered = np.add.reduceat(counted, tops, axis=0).ravel()
    tall, wide = (np.diff([*starts, side]) for starts, side in zip((tops, lefts), mask.shape, strict=True))
    area = np.outer(tall, wide).ravel()
    order = np.argsort(-covered / area, kind="stable")
    common = np.cumsum(covered[order])
    union = np.count_nonzero(mask) + np.cumsum((area - covered)[order])
    return float(np.max(common / union))


def size_bucket(mask: Mask, bounds: tuple[float, float] = SIZE_BOUNDS) -> SizeBucket:
    """The bucket of a mask over the model's input."""
    share = np.count_nonzero(mask) / mask.size
    return SizeBucket.SMALL if share < bounds[0] else SizeBucket.MEDIUM if share < bounds[1] else SizeBucket.LARGE
