"""Figures of regions, on maps small enough to work by hand."""

import itertools
import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from model.metrics import SizeBucket, grid_ceiling, grounding_figures, size_bucket
from model.metrics.grounding import upsampled

LEFT_HALF = np.repeat([[True, True, False, False]], 4, axis=0)

maps = arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 5)), elements=st.floats(0, 1, width=32))
masks = arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12))).filter(lambda mask: mask.any())


def test_by_hand() -> None:
    # Four columns of pixels from two patches: 0.8, 0.65, 0.35, 0.2; normalised 1, 0.75, 0.25, 0.
    figures = grounding_figures(np.array([[0.8, 0.2]], np.float32), LEFT_HALF)
    assert figures["iou_abs_0.1"] == pytest.approx(2 / 4)
    assert figures["iou_norm_0.1"] == pytest.approx(2 / 3)
    assert figures["miou"] == pytest.approx((2 / 3 + 2 / 3 + 1 + 1 + 1) / 5)
    assert figures["pointing_game"] == 1
    assert figures["mass_in_mask"] == pytest.approx((0.8 + 0.65) / 2)
    assert figures["cnr"] == pytest.approx(0.45 / math.sqrt(2 * 0.075**2))


def test_the_other_side_is_wrong() -> None:
    figures = grounding_figures(np.array([[0.8, 0.2]], np.float32), ~LEFT_HALF)
    assert figures["pointing_game"] == 0
    assert figures["iou_norm_0.1"] == pytest.approx(1 / 4)


def test_attention_spread_over_many_patches_fails_the_absolute_threshold_alone() -> None:
    grid = np.zeros((16, 16), np.float32)
    grid[4:8, 4:8] = 1 / 16
    mask = np.kron(grid > 0, np.ones((8, 8), bool))
    figures = grounding_figures(grid, mask)
    assert figures["iou_abs_0.1"] == 0
    assert figures["miou"] > 0.6
    assert figures["mass_in_mask"] > 0.8


def test_a_map_that_points_nowhere_earns_nothing() -> None:
    figures = grounding_figures(np.full((4, 4), 1 / 16, np.float32), LEFT_HALF)
    assert figures["iou_norm_0.1"] == figures["miou"] == figures["iou_abs_0.1"] == 0
    assert figures["pointing_game"] == figures["mass_in_mask"] == pytest.approx(0.5)
    assert math.isnan(figures["cnr"])
    assert grounding_figures(np.zeros((4, 4), np.float32), LEFT_HALF)["mass_in_mask"] == 0


@given(maps, masks)
def test_bounds(grid: np.ndarray, mask: np.ndarray) -> None:
    figures = grounding_figures(grid, mask)
    assert all(math.isnan(value) or value >= -1e-9 for value in figures.values())
    assert all(value <= 1 + 1e-9 for name, value in figures.items() if name != "cnr")


@given(maps, masks)
def test_a_mirrored_map_on_a_mirrored_mask_scores_the_same(grid: np.ndarray, mask: np.ndarray) -> None:
    figures, mirrored = grounding_figures(grid, mask), grounding_figures(grid[:, ::-1], mask[:, ::-1])
    # The absolute and normalised thresholds may fall to either side by rounding.
    for name in ("mass_in_mask", "pointing_game"):
        assert mirrored[name] == pytest.approx(figures[name], abs=1e-6)


@given(maps, st.integers(1, 40), st.integers(1, 40))
def test_upsampling_is_bilinear_at_half_pixel_centres(grid: np.ndarray, height: int, width: int) -> None:
    if height >= grid.shape[0] and width >= grid.shape[1]:
        expected = cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR)
        assert upsampled(grid, (height, width)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("grid", "mask"),
    [
        (np.ones((2, 2)), np.zeros((4, 4), bool)),
        (np.full((2, 2), np.nan), np.ones((4, 4), bool)),
        (np.array([[-0.1, 0.2]]), np.ones((4, 4), bool)),
        (np.ones(4), np.ones((4, 4), bool)),
    ],
)
def test_what_cannot_be_scored_is_refused(grid: np.ndarray, mask: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"map|mask"):
        grounding_figures(grid, mask)


@given(arrays(np.bool_, (6, 6)).filter(lambda mask: mask.any()))
def test_the_ceiling_is_the_best_of_all_sets_of_patches(mask: np.ndarray) -> None:
    patches = [np.kron(np.eye(4, dtype=bool)[i].reshape(2, 2), np.ones((3, 3), bool)) for i in range(4)]
    best = 0.0
    for size in range(1, 5):
        for chosen in itertools.combinations(patches, size):
            area = np.logical_or.reduce(chosen)
            best = max(best, (area & mask).sum() / (area | mask).sum())
    assert grid_ceiling(mask, 2, 2) == pytest.approx(best)


def test_a_finer_grid_raises_the_ceiling_of_a_small_region() -> None:
    mask = np.zeros((128, 128), bool)
    mask[30:42, 50:62] = True
    assert grid_ceiling(mask, 7, 7) < 0.5 < grid_ceiling(mask, 32, 32)
    assert grid_ceiling(mask, 128, 128) == 1


def test_size_buckets() -> None:
    mask = np.zeros((100, 100), bool)
    mask[:9, :10] = True
    assert size_bucket(mask) is SizeBucket.SMALL
    mask[:20, :20] = True
    assert size_bucket(mask) is SizeBucket.MEDIUM
    mask[:50] = True
    assert size_bucket(mask) is SizeBucket.LARGE
