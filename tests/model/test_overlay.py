"""What lies over a radiograph: as much colour as the map has weight, and nothing where it has none."""

import numpy as np

from model.overlay import HEAT, PALETTE, draw_regions, fitted, region_heat
from model.pixels import Geometry
from tests.model.test_drawing import EFFUSION, SIZE, sentence


def test_a_shade_is_as_strong_as_the_map_and_an_outline_surrounds_its_region() -> None:
    image, heat = np.full((9, 9), 100, np.uint8), np.zeros((9, 9), np.float32)
    heat[2:7, 2:7] = 1.0
    picture = draw_regions(image, {PALETTE[0]: heat}, 1)
    assert (picture[0, 0] == 100).all()
    assert picture[4, 4].tolist() == [round(100 * (1 - HEAT) + HEAT * c) for c in PALETTE[0]]
    edge, middle = (np.abs(picture[row, 4] - np.array(PALETTE[0])).sum() for row in (2, 4))
    assert edge < middle


def test_a_radiograph_is_fitted_with_its_aspect_kept() -> None:
    wide, scale = fitted(np.zeros((30, 60), np.uint8), 120, 120)
    assert (wide.shape, scale) == ((60, 120), 2.0)
    assert fitted(np.zeros((300, 100), np.uint8), 120, 120)[0].shape == (120, 40)


def test_a_map_is_hottest_where_it_points() -> None:
    heat = region_heat(sentence(EFFUSION, at=(80, 300)), Geometry.fit(300, 400, SIZE), np.zeros((400, 300), np.uint8))
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    assert (abs(column - 80) < 25, abs(row - 300) < 25) == (True, True)
