"""Flags of a picture that contradicts its tags: on real radiographs turned by hand, and by tags alone."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from model.pixels import Flag, to_display
from model.pixels.geometry import Geometry
from model.pixels.pose import doubts

SET = Path(__file__).resolve().parents[2] / "../shared/realdata/cxr512"

Picture = NDArray[np.uint8]
TURNS: dict[str, Callable[[Picture], Picture]] = {
    "as it is": lambda image: image,
    "collimated": lambda image: np.pad(image, ((20, 20), (15, 15))),
    "negative": lambda image: 255 - image,
    "negative, collimated": lambda image: np.pad(255 - image, ((20, 20), (15, 15))),
    "to the left": lambda image: np.rot90(image).copy(),
    "to the right": lambda image: np.rot90(image, 3).copy(),
    "upside down": lambda image: image[::-1, ::-1].copy(),
}


@pytest.fixture(scope="module")
def radiographs() -> list[tuple[Picture, str]]:
    """The real radiographs at 128 px, and their views."""
    if not SET.is_dir():
        pytest.skip("no real files: ../shared/realdata is absent")
    made = []
    with (SET / "manifest.csv").open() as manifest:
        for row in csv.DictReader(manifest):
            image = to_display(SET / "images" / row["file"])
            view = "LATERAL" if row["view"] == "L" else row["view"].split()[0]
            made.append((Geometry.fit(image.shape[1], image.shape[0], 128).resample(image), view))
    return made


@pytest.mark.parametrize(
    ("turn", "tagged", "flag", "least", "most"),
    [
        ("as it is", True, None, 0, 0.02),
        ("as it is", False, None, 0, 0.02),
        ("collimated", True, None, 0, 0.02),
        ("negative", True, Flag.POLARITY_DOUBTFUL, 0.93, 1),
        ("negative", False, Flag.POLARITY_DOUBTFUL, 0.93, 1),
        ("negative, collimated", True, Flag.POLARITY_DOUBTFUL, 0.93, 1),
        ("to the left", True, Flag.ORIENTATION_DOUBTFUL, 0.95, 1),
        ("to the right", False, Flag.ORIENTATION_DOUBTFUL, 0.95, 1),
        ("upside down", True, Flag.ORIENTATION_DOUBTFUL, 0.8, 1),
    ],
)
def test_share_of_real_radiographs_that_is_flagged(
    radiographs: list[tuple[Picture, str]], turn: str, tagged: bool, flag: Flag | None, least: float, most: float
) -> None:
    flags = [doubts(TURNS[turn](image), view if tagged else None, None) for image, view in radiographs]
    share = np.mean([flag in found if flag else bool(found) for found in flags])
    assert least <= share <= most


def test_a_lateral_tagged_as_frontal_is_flagged(radiographs: list[tuple[Picture, str]]) -> None:
    laterals = [image for image, view in radiographs if view == "LATERAL"]
    assert np.mean([bool(doubts(image, "PA", None)) for image in laterals]) >= 0.9
    frontals = [image for image, view in radiographs if view != "LATERAL"]
    assert np.mean([Flag.VIEW_DOUBTFUL in doubts(image, "LL", None) for image in frontals]) >= 0.8


@pytest.mark.parametrize(
    ("view", "orientation", "doubtful"),
    [
        ("PA", ("L", "F"), False),
        ("AP", ("L", "FP"), False),
        ("PA", ("R", "F"), True),  # mirrored
        ("PA", ("L", "H"), True),  # head down
        ("PA", ("F", "R"), True),  # lying
        ("LL", ("A", "F"), False),
        ("LL", ("P", "F"), False),
        ("LL", ("L", "F"), True),
        (None, ("P", "F"), False),
        (None, ("R", "F"), True),
    ],
)
def test_patient_orientation_is_held_against_how_a_chest_is_hung(
    view: str | None, orientation: tuple[str, str], doubtful: bool
) -> None:
    nothing = np.full((64, 64), 128, np.uint8)
    assert (Flag.ORIENTATION_DOUBTFUL in doubts(nothing, view, orientation)) == doubtful


def test_other_views_are_not_judged_by_their_pixels() -> None:
    image = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)
    assert doubts(image, "LAO", None) == frozenset()
