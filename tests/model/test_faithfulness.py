"""What is hidden, and what is made of the falls."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.faithfulness import (
    Occlusion,
    filled_region,
    hidden_boxes,
    hide,
    occlusion_figures,
    random_region,
    room,
    thorax,
)
from model.geometry import Box
from model.pixels import Geometry


def test_the_thorax_is_the_middle_of_the_film_and_no_padding() -> None:
    inside = thorax(Geometry.fit(50, 100, 100))  # 50 columns of film between 25 and 75
    rows, columns = np.nonzero(inside)
    assert (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1) == (8, 82, 30, 70)


def test_boxes_are_clipped_to_the_thorax_and_dropped_outside() -> None:
    geometry = Geometry.fit(100, 100, 100)
    boxes = hidden_boxes([Box(0, 0, 20, 20), Box(0, 90, 20, 100)], geometry, thorax(geometry))
    assert boxes == [(slice(8, 20), slice(10, 20))]


def test_room_by_hand() -> None:
    free = np.array([[1, 1, 0], [1, 1, 1]], bool)
    assert room(free, 2, 2).tolist() == [[True, False]]
    assert room(free, 1, 3).tolist() == [[False], [True]]
    assert not room(free, 3, 1).any()


@given(st.integers(1, 24), st.integers(1, 24), st.integers(0, 8), st.integers(0, 8), st.integers(0, 9))
@settings(max_examples=60)
def test_a_random_region_has_the_area_stays_inside_and_keeps_off_the_sentences_own(
    tall: int, wide: int, top: int, left: int, seed: int
) -> None:
    within = np.zeros((32, 32), bool)
    within[2:30, 3:31] = True
    boxes = [(slice(2 + top, min(30, 2 + top + tall)), slice(3 + left, min(31, 3 + left + wide)))]
    own = filled_region(boxes, within.shape)
    found = random_region(boxes, within, np.random.default_rng(seed))
    if 2 * own.sum() > within.sum():
        assert found is None
    elif found is not None:
        assert found.sum() == own.sum()
        assert not (found & (own | ~within)).any()
        again = random_region(boxes, within, np.random.default_rng(seed))
        assert again is not None
        np.testing.assert_array_equal(found, again)


def test_a_large_region_finds_its_area_in_pieces() -> None:
    within = np.ones((32, 32), bool)
    boxes = [(slice(8, 24), slice(4, 28))]  # no box of 16 x 24 fits beside it
    found = random_region(boxes, within, np.random.default_rng(0))
    assert found is not None
    assert found.sum() == 16 * 24


def test_what_is_hidden_is_blurred_and_nothing_else_changes() -> None:
    image = np.zeros((64, 64), np.uint8)
    image[30:34, 30:34] = 255  # a nodule
    region = filled_region([(slice(26, 38), slice(26, 38))], image.shape)
    hidden = hide(image, region)
    assert hidden[region].max() < 30
    np.testing.assert_array_equal(hidden[~region], image[~region])


def test_the_ratio_is_that_of_the_mean_falls_and_has_a_bound() -> None:
    falls = [Occlusion(0, "Edema", 2.0, 0.5), Occlusion(1, "Edema", 1.0, 0.1)]
    figures = {f.name: f() for f in occlusion_figures(falls, 3)}
    assert figures["occlusion_ratio"] == pytest.approx(3.0 / 0.6)
    assert figures["occlusion.fall_grounded"] == 1.5
    assert figures["occlusion.fall_random"] == pytest.approx(0.3)
    unmoved = {f.name: f() for f in occlusion_figures([Occlusion(0, "Edema", 2.0, -0.3)], 1)}
    assert unmoved["occlusion_ratio"] == pytest.approx(2.0 / 0.01)
    assert np.isnan(occlusion_figures([], 1)[0]())
