"""The way between original pixels and the model's input, held against hand-worked numbers, OpenCV and itself."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.geometry import Box
from model.pixels import Geometry

sides = st.integers(1, 3001)
sizes = st.sampled_from([32, 97, 128, 384])


@st.composite
def placed_boxes(draw: st.DrawFn) -> tuple[Geometry, Box]:
    """A geometry and a box of at least a tenth of a pixel inside its original image."""
    width, height = draw(sides), draw(sides)
    x0 = draw(st.floats(0, width - 0.2))
    y0 = draw(st.floats(0, height - 0.2))
    box = Box(x0, y0, draw(st.floats(x0 + 0.1, width)), draw(st.floats(y0 + 0.1, height)))
    return Geometry.fit(width, height, draw(sizes)), box


def test_a_portrait_image_is_fitted_by_its_height_and_centred() -> None:
    # 2048 * 128 / 2500 = 104.86, so 105 columns and 23 columns of padding, 11 of them on the left
    assert Geometry.fit(2048, 2500, 128) == Geometry(2048, 2500, 105, 128, 11, 0, 128)


def test_box_to_input_uses_the_rounded_scale_of_each_axis() -> None:
    box = Geometry.fit(2048, 2500, 128).to_input(Box(1024, 625, 2048, 2500))
    assert box.as_list() == pytest.approx([11 + 52.5, 32, 11 + 105, 128])


@given(placed_boxes())
@settings(max_examples=200)
def test_box_round_trip_stays_within_half_a_pixel(case: tuple[Geometry, Box]) -> None:
    geometry, box = case
    back = geometry.to_original(geometry.to_input(box))
    assert back is not None
    assert back.as_list() == pytest.approx(box.as_list(), abs=0.5)


@given(sides, sides, sizes)
@settings(max_examples=200)
def test_the_whole_image_lies_inside_the_square(width: int, height: int, size: int) -> None:
    geometry = Geometry.fit(width, height, size)
    box = geometry.to_input(Box(0, 0, width, height))
    assert min(box.x0, box.y0) >= 0
    assert max(box.x1, box.y1) <= size + 1e-9
    assert max(geometry.scaled_width, geometry.scaled_height) == size


@given(sides, sides, st.sampled_from([(8, 8), (16, 16), (7, 11)]))
@settings(max_examples=50)
def test_patches_tile_the_original_and_padding_has_none(width: int, height: int, grid: tuple[int, int]) -> None:
    geometry = Geometry.fit(width, height, 128)
    patches = [geometry.patch(row, column, grid) for row in range(grid[0]) for column in range(grid[1])]
    assert sum(patch.area for patch in patches if patch) == pytest.approx(width * height, rel=1e-6)


def test_a_patch_of_padding_alone_has_no_original() -> None:
    geometry = Geometry.fit(100, 400, 128)  # 32 columns of image between 48 and 80
    assert geometry.patch(0, 5, (16, 16)) is None
    assert geometry.patch(0, 6, (16, 16)) == Box(0, 0, 25, 25)
    assert geometry.to_original(Box(0, 0, 48, 128)) is None
    assert geometry.to_original(Box(40, 0, 49, 128)) == Box(0, 0, 3.125, 400)


def test_mask_becomes_the_covered_share_of_each_pixel() -> None:
    mask = np.zeros((256, 128), np.bool_)
    mask[0:2, 0:1] = True  # half of the first 2x2 block
    mask[2:4, 2:4] = True  # the whole of the second on the diagonal
    covered = Geometry.fit(128, 256, 128).mask_to_input(mask)
    assert covered[0, 32] == 0.5
    assert covered[1, 33] == 1
    assert covered.sum() == 1.5
    assert covered.dtype == np.float32


@given(st.integers(129, 700), st.integers(129, 700), st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_mask_keeps_its_area_and_its_place(width: int, height: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x0, y0 = rng.integers(0, width - 40), rng.integers(0, height - 40)
    mask = np.zeros((height, width), np.bool_)
    mask[y0 : y0 + 40, x0 : x0 + 31] = True
    geometry = Geometry.fit(width, height, 128)
    covered = geometry.mask_to_input(mask)
    assert covered.sum() / geometry.scale_x / geometry.scale_y == pytest.approx(40 * 31, rel=1e-3)
    box = geometry.to_input(Box(x0, y0, x0 + 31, y0 + 40))
    inside = covered[int(box.y0) : int(np.ceil(box.y1)), int(box.x0) : int(np.ceil(box.x1))]
    assert inside.sum() == pytest.approx(covered.sum(), rel=1e-5)


def test_a_mask_of_another_size_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"mask \(10, 20\): the image is \(20, 10\)"):
        Geometry.fit(10, 20, 32).mask_to_input(np.zeros((10, 20), np.bool_))


def test_map_of_a_square_image_is_opencvs_bilinear_resize() -> None:
    grid_map = np.random.default_rng(0).random((16, 16), np.float32)
    expected = cv2.resize(grid_map, (512, 512), interpolation=cv2.INTER_LINEAR)
    assert np.allclose(Geometry.fit(512, 512, 128).map_to_original(grid_map), expected, atol=1e-6)


@given(st.integers(64, 400), st.integers(64, 400), st.integers(0, 15), st.integers(0, 15))
@settings(max_examples=50)
def test_the_peak_of_a_map_lies_in_its_patch(width: int, height: int, row: int, column: int) -> None:
    geometry = Geometry.fit(width, height, 128)
    grid_map = np.zeros((16, 16), np.float32)
    grid_map[row, column] = 1
    spread = geometry.map_to_original(grid_map)
    assert spread.shape == (height, width)
    patch = geometry.patch(row, column, (16, 16))
    if patch and min(patch.x1 - patch.x0, patch.y1 - patch.y0) >= 2:
        y, x = np.unravel_index(spread.argmax(), spread.shape)
        assert patch.x0 <= x + 0.5 <= patch.x1
        assert patch.y0 <= y + 0.5 <= patch.y1


def test_a_flat_map_stays_flat_to_the_borders() -> None:
    assert np.allclose(Geometry.fit(333, 77, 128).map_to_original(np.full((16, 16), 0.25, np.float32)), 0.25)
