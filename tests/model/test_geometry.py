"""Boxes small enough to compare by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.geometry import Box, filled

corners = st.integers(0, 6)
boxes = st.builds(lambda x, y, w, h: Box(x, y, x + w, y + h), corners, corners, st.integers(1, 5), st.integers(1, 5))


def test_intersection_over_union_by_hand() -> None:
    assert Box(0, 0, 2, 2).iou(Box(1, 0, 3, 2)) == pytest.approx(2 / 6)
    assert Box(0, 0, 2, 2).iou(Box(2, 2, 3, 3)) == 0


@given(boxes, boxes)
def test_intersection_over_union_is_that_of_the_pixels(a: Box, b: Box) -> None:
    first, second = (filled([box], 12, 12) for box in (a, b))
    assert a.iou(b) == pytest.approx((first & second).sum() / (first | second).sum())
