"""Figures of regions: how well a sentence's attention map covers the region that the sentence is about.

A map is float (rows, columns) over the patch grid of the square model input, non-negative, with sum 1 less the null
token's share. A mask is bool (H, W) over the same square. The map is brought to the mask's size bilinearly, pixel
centres at half pixels; min-max normalised where a figure says so. Definitions: MS-CXR and BioViL (Boecking et al. 2022,
ECCV) for `miou` and `cnr`, CheXlocalize (Saporta et al. 2022) for the normalisation and the hit rate.
"""

from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.floating]
Mask = NDArray[np.bool_]

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5)
SIZE_BOUNDS = (0.01, 0.05)
"""Shares of the input below which a region is small, and medium."""


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
    normal = min_max(pixels)
    ious = [iou(normal >= threshold, mask) for threshold in THRESHOLDS]
    total = float(pixels.sum())
    return {
        "iou_abs_0.1": iou(pixels >= THRESHOLDS[0], mask),
        "iou_norm_0.1": ious[0],
        "miou": float(np.mean(ious)),
        "pointing_game": float(mask[np.isclose(pixels, pixels.max(), rtol=1e-6, atol=0)].mean()),
        "mass_in_mask": float(pixels[mask].sum()) / total if total else 0.0,
        "cnr": _contrast_to_noise(pixels, mask),
    }


def _check(grid_map: Map, mask: Mask) -> None:
    if grid_map.ndim != 2 or mask.ndim != 2 or not grid_map.size:
        raise ValueError(f"map {grid_map.shape} and mask {mask.shape}: both are two-dimensional and not empty")
    if not mask.any():
        raise ValueError(f"mask {mask.shape} marks no pixel: a sentence without a region has no grounding figures")
    if not np.isfinite(grid_map).all() or grid_map.min() < 0:
        raise ValueError(f"map {grid_map.shape} holds NaN or a negative value: attention is 0 or more")


def upsampled(grid_map: Map, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """The map at `shape` = (H, W) by bilinear interpolation; beyond the outer patch centres it stays constant."""
    rows = _interpolation(shape[0], grid_map.shape[0])
    columns = _interpolation(shape[1], grid_map.shape[1])
    result: NDArray[np.float64] = rows @ grid_map.astype(np.float64) @ columns.T
    return result


@lru_cache(maxsize=64)
def _interpolation(length: int, cells: int) -> NDArray[np.float64]:
    """Weights (length, cells) of linear interpolation between cell centres."""
    position = np.clip((np.arange(length) + 0.5) * cells / length - 0.5, 0, cells - 1)
    below = np.floor(position).astype(int)
    above = np.minimum(below + 1, cells - 1)
    weights = np.zeros((length, cells))
    np.add.at(weights, (np.arange(length), below), 1 - (position - below))
    np.add.at(weights, (np.arange(length), above), position - below)
    return weights


def min_max(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """The map scaled to [0, 1]; zeros for one that is constant but for rounding."""
    low, high = pixels.min(), pixels.max()
    if np.isclose(low, high, rtol=1e-6, atol=0):
        return np.zeros_like(pixels)
    scaled: NDArray[np.float64] = (pixels - low) / (high - low)
    return scaled


def iou(a: Mask, b: Mask) -> float:
    """Intersection over union of two masks of one shape; 0 where both are empty."""
    union = np.count_nonzero(a | b)
    return np.count_nonzero(a & b) / union if union else 0.0


def _contrast_to_noise(pixels: NDArray[np.float64], mask: Mask) -> float:
    inside, outside = pixels[mask], pixels[~mask]
    noise = np.sqrt(inside.var() + outside.var()) if outside.size else 0.0
    if noise <= 1e-12 * pixels.max():
        return float("nan")
    return float(abs(inside.mean() - outside.mean()) / noise)


def grid_ceiling(mask: Mask, rows: int, columns: int) -> float:
    """The best IoU that any set of whole patches reaches: what the grid itself allows.

    Patches are taken in the order of the share of each that the mask covers; no other order can do better, since IoU is
    a ratio of sums over patches.
    """
    patch_of_row = np.arange(mask.shape[0]) * rows // mask.shape[0]
    patch_of_column = np.arange(mask.shape[1]) * columns // mask.shape[1]
    patch = patch_of_row[:, None] * columns + patch_of_column[None, :]
    area = np.bincount(patch.ravel(), minlength=rows * columns)
    covered = np.bincount(patch[mask], minlength=rows * columns)
    order = np.argsort(-covered / np.maximum(area, 1), kind="stable")
    common = np.cumsum(covered[order])
    union = np.count_nonzero(mask) + np.cumsum((area - covered)[order])
    return float(np.max(common / union))


def size_bucket(mask: Mask, bounds: tuple[float, float] = SIZE_BOUNDS) -> SizeBucket:
    """The bucket of a mask over the model's input."""
    share = np.count_nonzero(mask) / mask.size
    return SizeBucket.SMALL if share < bounds[0] else SizeBucket.MEDIUM if share < bounds[1] else SizeBucket.LARGE
