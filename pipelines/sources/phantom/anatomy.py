"""The chest as geometry: who the patient is, how they stand, and where that puts lungs, heart and diaphragm.

Coordinates: x in [-1, 1] from the image's left to its right (the patient's right is at negative x), y in [-1, 1] from
top to bottom, both of an upright chest; `Pose` carries the image's pixels there. A structure is a signed distance-like
field, positive inside.
"""

from dataclasses import dataclass

import numpy as np

from model.findings import Side
from pipelines.sources.phantom.fields import Field, Stream, clamp, turn

SIGN = {Side.RIGHT: -1.0, Side.LEFT: 1.0}


@dataclass(frozen=True, slots=True)
class Body:
    """What stays with a patient from one study to the next. Lengths in chest coordinates."""

    sex: str
    width: float  # inner half-width of the thorax at its widest
    top: float  # y of the lung apices
    base: float  # y of the costophrenic angles
    dome: float  # how high the diaphragm rises above the angles
    heart_ratio: float  # cardiothoracic ratio while the heart is healthy
    fat: float  # 0 lean to 1 heavy
    rib_spacing: float
    rib_offset: float
    clavicle_slope: float
    vessel_key: int

    @classmethod
    def draw(cls, stream: Stream, sex: str) -> "Body":
        larger = 0.02 if sex == "M" else -0.02
        return cls(
            sex=sex,
            width=stream.between(0.68, 0.77) + larger,
            top=stream.between(-0.82, -0.74),
            base=stream.between(0.60, 0.70) + larger,
            dome=stream.between(0.15, 0.22),
            heart_ratio=stream.between(0.40, 0.465),
            fat=stream.between(0.0, 1.0),
            rib_spacing=stream.between(0.135, 0.16),
            rib_offset=stream.between(0.0, 1.0),
            clavicle_slope=stream.between(0.20, 0.42),
            vessel_key=stream.whole(0, 2**31),
        )


@dataclass(frozen=True, slots=True)
class Pose:
    """How the patient stands before the detector in one study, and how the exposure came out."""

    half_tilt: float  # tangent of half the tilt
    shift_x: float
    shift_y: float
    scale: float
    turned: float  # sideways shift of the mediastinum by a turned patient
    breath: float  # how far the diaphragm stands below (+) or above (-) its mean
    stomach: float  # radius of the gas bubble under the left hemidiaphragm
    brightness: float
    contrast: float
    curve: float  # of the tone curve: below 1 darker mid-tones, above 1 brighter ones
    grain: float

    @classmethod
    def draw(cls, stream: Stream, portable: bool) -> "Pose":
        """`portable` (AP, in bed) is less straight, less deeply breathed in and grainier."""
        loose = 1.4 if portable else 1.0
        return cls(
            half_tilt=loose * stream.between(-0.018, 0.018),
            shift_x=loose * stream.between(-0.045, 0.045),
            shift_y=stream.between(-0.04, 0.04),
            scale=stream.between(0.95, 1.05),
            turned=loose * stream.between(-0.018, 0.018),
            breath=stream.between(-0.03, 0.03) - (0.03 if portable else 0.0),
            stomach=stream.between(0.06, 0.16),
            brightness=stream.between(-0.03, 0.03),
            contrast=stream.between(0.90, 1.05),
            curve=stream.between(0.85, 1.2),
            grain=loose * stream.between(0.005, 0.012),
        )

    def coordinates(self, side: int, rows: slice, columns: slice) -> tuple[Field, Field]:
        """Chest coordinates (x, y) of some pixels of a square image of `side` pixels, each float64 (rows, columns)."""
        column, row = np.arange(columns.start, columns.stop)[None, :], np.arange(rows.start, rows.stop)[:, None]
        across = (column + 0.5) * (2.0 / side) - (1.0 + self.shift_x)
        down = (row + 0.5) * (2.0 / side) - (1.0 + self.shift_y)
        cosine, sine = turn(self.half_tilt)
        return (cosine * across + sine * down) / self.scale, (cosine * down - sine * across) / self.scale


class Chest:
    """The chest of one study at the points (x, y) of the upright chest; every field has the points' shape."""

    def __init__(self, body: Body, pose: Pose, heart_ratio: float, x: Field, y: Field) -> None:
        self.body, self.pose, self.x, self.y = body, pose, x, y
        self.top, self.base = body.top, body.base + pose.breath
        self.height = self.base - self.top
        self.wall = self.lateral(self.y)
        self.lung = {side: self.lung_at(side, self.x, self.y, self.wall) for side in (Side.RIGHT, Side.LEFT)}
        self.heart, self.mediastinum = self._heart(heart_ratio), self._mediastinum()
        self.shadow = np.maximum(self.heart, self.mediastinum)  # what hides the lung behind it
        self.aerated = {side: np.minimum(lung, -self.shadow) for side, lung in self.lung.items()}  # and what it leaves

    def lateral(self, y: Field) -> Field:
        """Distance of the inner chest wall from the midline at height y."""
        t = clamp((y - self.top) / self.height, 0.0, 1.0)
        dome = np.sqrt(t * (2.0 - t))
        return self.body.width * 0.5 * (dome + np.sqrt(dome)) * (1.0 - 0.05 * t * t)

    def diaphragm(self, side: Side, out: Field) -> Field:
        """y of a hemidiaphragm at the distance `out` from the midline; the right one stands higher."""
        crest, width = 0.30, self.body.width
        rise = self.body.dome + (0.03 if side is Side.RIGHT else 0.0)
        outward, inward = np.maximum(out - crest, 0.0) / (width - crest), np.maximum(crest - out, 0.0) / crest
        return self.base - rise + rise * outward * outward + 0.35 * rise * inward * inward

    def lung_at(self, side: Side, x: Field, y: Field, wall: Field) -> Field:
        """Signed distance-like field of one lung at any points; `wall` is `lateral(y)`.

        Chest wall, mediastinum, diaphragm and apex bound it.
        """
        out = SIGN[side] * (x - self.pose.turned * 0.5)
        apex = np.maximum(0.0, 1.0 - (y - self.top) / (0.14 * self.height))
        medial = 0.095 + 0.15 * apex * apex
        bounds = np.minimum(wall - out, out - medial)
        return np.minimum(bounds, np.minimum(self.diaphragm(side, out) - y, y - self.top))

    def _heart(self, ratio: float) -> Field:
        """The heart, its widest transverse diameter being `ratio` of the inner thorax."""
        diameter = ratio * 2.0 * self.body.width * 0.97
        enlarged = max(0.0, ratio - 0.44)
        low, high = 0.40 + 0.2 * enlarged, 0.50 + 0.35 * enlarged
        x, y = self.x - self.pose.turned - 0.01, self.y - self.base + 0.32
        left = 0.66 * diameter * _half_oval(y, high, low)
        right = 0.34 * diameter * _half_oval(y + 0.07, high * 0.88, low)
        floor = 0.20 + 0.06 * clamp(x, 0.0, 1.0) - y
        return np.minimum(np.minimum(left - x, right + x), floor)

    def _mediastinum(self) -> Field:
        """The column between the lungs with the aortic knob and the pulmonary trunk at its left."""
        x = self.x - self.pose.turned - 0.01
        half = 0.165 + 0.01 * clamp((self.y + 0.05) / 0.5, 0.0, 1.0) - 0.035 * clamp((-0.45 - self.y) / 0.5, 0.0, 1.0)
        across, knob_y = x - 0.135, self.y - (self.top + 0.33 * self.height)
        across *= across
        knob = 0.095 - np.sqrt(across + 0.8 * knob_y * knob_y)
        trunk_y = self.y - (self.top + 0.47 * self.height)
        trunk = 0.09 - np.sqrt(across + 0.5 * trunk_y * trunk_y)
        return np.maximum(np.minimum(half + 0.02 - x, half + x), np.maximum(knob, trunk))


def _half_oval(offset: Field, high: float, low: float) -> Field:
    """sqrt(1 - t^2), with its own half-axis above (`high`) and below (`low`) the centre; 0 outside."""
    t = np.where(offset < 0.0, offset / high, offset / low)
    return np.sqrt(np.maximum(0.0, 1.0 - t * t))
