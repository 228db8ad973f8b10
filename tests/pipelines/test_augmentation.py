"""Views of a study, on images that can be worked by hand."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipelines.augmentation import draw_view
from pipelines.params import Augment

STILL = Augment(turn=0, shift=0, zoom=0, exposure=0)
MOVED = Augment(turn=8, shift=0.06, zoom=0.1, exposure=0)


def blob(size: int = 64) -> np.ndarray:
    image = np.zeros((size, size), np.uint8)
    image[20:36, 30:50] = 255
    return image


def test_nothing_to_vary_leaves_a_study_as_it_is() -> None:
    image = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)
    view = draw_view(STILL, 64, 1, 2)
    np.testing.assert_array_equal(view.image(image), image)
    np.testing.assert_array_equal(view.masks(image[None] > 7), image[None] > 7)


@given(st.integers(0, 2**32), st.integers(0, 10**6))
def test_a_region_goes_where_its_shadow_goes(seed: int, index: int) -> None:
    view = draw_view(MOVED, 64, seed, index)
    shadow, mask = view.image(blob()) > 127, view.masks(blob()[None] > 0)[0]
    assert (shadow & mask).sum() / (shadow | mask).sum() > 0.85


def test_the_same_epoch_shows_a_study_alike_in_any_order_and_another_otherwise() -> None:
    image = blob()
    first = draw_view(MOVED, 64, 5, 3).image(image)
    draw_view(MOVED, 64, 5, 4)
    np.testing.assert_array_equal(draw_view(MOVED, 64, 5, 3).image(image), first)
    assert (draw_view(MOVED, 64, 6, 3).image(image) != first).any()


def test_a_small_shift_is_at_most_its_share_of_the_side() -> None:
    shifted = Augment(turn=0, shift=0.1, zoom=0, exposure=0)
    for index in range(50):
        moved = draw_view(shifted, 64, 0, index).matrix[:, 2]
        assert np.abs(moved).max() <= 6.4


def test_exposure_changes_greys_in_their_order_and_nothing_else() -> None:
    exposed = Augment(turn=0, shift=0, zoom=0, exposure=0.3)
    curves = [draw_view(exposed, 64, 0, index).curve.astype(int) for index in range(20)]
    assert all((np.diff(curve) >= 0).all() for curve in curves)
    assert len({tuple(curve) for curve in curves}) == 20
