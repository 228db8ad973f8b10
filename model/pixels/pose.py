"""Does the picture lie as its tags say? Doubts are flagged, and no pixel is changed.

A chest, however ill, shows dark lungs beside a bright mediastinum and above a bright abdomen; from the side, a dark
middle below bright shoulders. The picture, small and its histogram equalised, is correlated with a drawing of that in
four quarter turns and two polarities. Where another pose fits better than its own by MARGIN, its own is doubtful.

Of 199 public radiographs as they are 1 is flagged; of their negatives and quarter turns 99 %, of frontal ones upside
down 85 %, or 95 % where a tag says that they are frontal. A lateral one upside down, or one mirrored, looks right.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from model.pixels.flag import Flag

SIDE = 32
"""Of the picture that is compared, px."""

MARGIN = 0.15
"""Of Pearson's r."""

BORDER = 16
"""Grey levels that the middle 70 % of a row or column spans, unless it is collimator or paper, with letters or not."""

FRONTAL = frozenset({"PA", "AP"})
LATERAL = frozenset({"LL", "RL", "LATERAL"})


def doubts(image: NDArray[np.uint8], view: str | None, patient_orientation: tuple[str, str] | None) -> frozenset[Flag]:
    """What a displayed image and its tags disagree on.

    Args:
        image: uint8 (H, W), black 0.
        view: View Position; unless it is frontal, lateral or None (unknown), the picture is not looked at.
        patient_orientation: where rows and columns run to (PS3.3 C.7.6.1.1.1), as ("L", "F").
    """
    flags = set()
    if patient_orientation is not None and not _as_hung(*patient_orientation, view):
        flags.add(Flag.ORIENTATION_DOUBTFUL)
    frontal, lateral = _DRAWINGS @ _small(image)
    if view in FRONTAL:
        fits, other = frontal, lateral
    elif view in LATERAL:
        fits, other = lateral, frontal
    elif view is None:
        fits = other = np.maximum(frontal, lateral)
    else:
        return frozenset(flags)
    negative, turn = np.unravel_index(fits.argmax(), fits.shape)
    if fits.max() > fits[0, 0] + MARGIN:
        flags |= ({Flag.POLARITY_DOUBTFUL} if negative else set()) | ({Flag.ORIENTATION_DOUBTFUL} if turn else set())
    elif other[0, 0] > fits[0, 0] + MARGIN:
        flags.add(Flag.VIEW_DOUBTFUL)
    return frozenset(flags)


def _as_hung(row: str, column: str, view: str | None) -> bool:
    """Whether the image is stored as a reader hangs it: feet below, and the patient's left on the right if frontal."""
    sides = {"L"} if view in FRONTAL else {"A", "P"} if view in LATERAL else {"L", "A", "P"}
    return row[0] in sides and column[0] == "F"


def _small(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The picture within its border: (SIDE * SIDE,), its grey levels equally frequent, of mean 0 and norm 1."""
    small = cv2.resize(image, (2 * SIDE, 2 * SIDE), interpolation=cv2.INTER_AREA)
    for _ in range(4):  # rows, columns, and both again: what is left of each is more of the picture
        low, high = np.percentile(small, (15, 85), axis=1)
        inside = np.flatnonzero(high - low > BORDER)
        small = (small[inside[0] : inside[-1] + 1] if inside.size else small).T
    small = cv2.resize(np.ascontiguousarray(small), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return _unit(cv2.equalizeHist(small))


def _unit(image: NDArray[np.generic]) -> NDArray[np.float64]:
    centred: NDArray[np.float64] = image.astype(np.float64).ravel()
    centred -= centred.mean()
    return centred / (float(np.linalg.norm(centred)) or 1.0)


def _drawings() -> NDArray[np.float64]:
    """Frontal and lateral chest, positive and negative, in four quarter turns: (2, 2, 4, SIDE * SIDE)."""
    y, x = (np.mgrid[:SIDE, :SIDE] + 0.5) / SIDE

    def blob(cx: float, cy: float, rx: float, ry: float) -> NDArray[np.float64]:
        blurred: NDArray[np.float64] = np.exp(-((((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2) ** 2))
        return blurred

    lungs = blob(0.29, 0.36, 0.15, 0.3) + blob(0.71, 0.36, 0.15, 0.3)
    mediastinum, abdomen = blob(0.5, 0.5, 0.1, 9), blob(0.5, 1.05, 9, 0.32)
    beside_the_neck = (y < 0.12) & (abs(x - 0.5) > 0.2)
    frontal = 0.8 * abdomen + 0.6 * mediastinum - lungs - 0.6 * beside_the_neck
    lateral = blob(0.5, 0, 0.33, 0.27) + blob(0.5, 1, 0.33, 0.27)
    turned = [[_unit(np.rot90(drawing, turn)) for turn in range(4)] for drawing in (frontal, lateral)]
    return np.stack([turned, np.negative(turned)], axis=1)


_DRAWINGS = _drawings()
