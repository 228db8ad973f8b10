"""Boxes small enough to compare by hand."""

import numpy as np

from model.geometry import Box
from model.metrics.boxes import agreeing, region_boxes


def test_parts_of_a_region_have_a_box_each() -> None:
    mask = np.zeros((8, 10), bool)
    mask[1:3, 2:5] = True
    mask[3, 5] = True  # touches the first at a corner
    mask[6:8, 7] = True
    assert region_boxes(mask) == (Box(2, 1, 6, 4), Box(7, 6, 8, 8))
    assert region_boxes(np.zeros((4, 4), bool)) == ()


def test_pairs_are_one_to_one_and_as_many_as_can_be() -> None:
    wide, left, right = Box(0, 0, 4, 2), Box(0, 0, 3, 2), Box(1, 0, 4, 2)
    every = np.ones((2, 2), bool)
    assert agreeing([wide, left], [left, right], every) == 2  # left takes left, so that wide is free for right
    assert agreeing([wide, wide], [left], every[:, :1]) == 1
    assert agreeing([wide], [left], np.array([[False]])) == 0
    assert agreeing([], [left], np.zeros((0, 1), bool)) == 0
