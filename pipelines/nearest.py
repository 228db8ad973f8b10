"""The nearest-image report: what a study would be told if it got the report of the training image most like its own.

Likeness is the cosine of small standardised thumbnails. No model is asked: what this reaches, looking at pictures side
by side reaches.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 32
"""Pixels of a thumbnail's side: the chest's build, a large effusion, a device; no texture."""
BATCH = 256
"""Training images that are compared at once."""

Thumbnail = NDArray[np.float32]


def thumbnail(image: NDArray[np.uint8]) -> Thumbnail:
    """An image (size, size) as a vector (SIDE * SIDE,) of mean 0 and length 1; zeros for an even one."""
    small = cv2.resize(image.astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA).ravel()
    centred = small - small.mean()
    length = np.linalg.norm(centred)
    found: Thumbnail = centred / length if length > 1e-3 else np.zeros_like(centred)
    return found


class NearestImages:
    """For each of some thumbnails, the one most like it of those that go by; the first of equals."""

    def __init__(self, thumbnails: Sequence[Thumbnail]) -> None:
        self._asked = np.stack(thumbnails)
        self._likeness = np.full(len(thumbnails), -np.inf, np.float32)
        self._nearest = np.zeros(len(thumbnails), np.int64)
        self._waiting: list[Thumbnail] = []
        self._compared = 0

    def see(self, image: NDArray[np.uint8]) -> None:
        """The next image that goes by."""
        self._waiting.append(thumbnail(image))
        if len(self._waiting) == BATCH:
            self._compare()

    def found(self) -> list[int]:
        """The place of the nearest image, in the order in which they went by, for each thumbnail."""
        if self._waiting:
            self._compare()
        return self._nearest.tolist()

    def _compare(self) -> None:
        alike = self._asked @ np.stack(self._waiting).T
        best = alike.argmax(axis=1)
        likeness = alike[np.arange(len(best)), best]
        nearer = likeness > self._likeness
        self._likeness[nearer], self._nearest[nearer] = likeness[nearer], self._compared + best[nearer]
        self._compared += len(self._waiting)
        self._waiting = []
