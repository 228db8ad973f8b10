"""The chest as geometry: who the patient is, how they stand, and where that puts lungs, heart and diaphragm.

Coordinates: x in [-1, 1] from the image's left to its right (the patient's right is at negative x), y in [-1, 1] from
top to bottom, both of an upright chest; `projection.Projection` carries a picture's pixels there. A structure is a
signed distance-like field, positive inside.
"""

from dataclasses import dataclass, field

import numpy as np

from model.findings import Side
from pipelines.sources.phantom.fields import Field, Stream, clamp, smooth

SIGN = {Side.RIGHT: -1.0, Side.LEFT: 1.0}
BOTH = (Side.RIGHT, Side.LEFT)


@dataclass(frozen=True, slots=True)
class Body:
    """What stays with a patient from one study to the next. Lengths in chest coordinates."""

    sex: str
    width: float  # inner half-width of the thorax at its widest
    top: float  # y of the lung apices
    base: float  # y of the costophrenic angles
    taper: float  # 0 for a bell-shaped thorax, 1 for a barrel
    dome: float  # how high the diaphragm rises above the angles
    heart_ratio: float  # cardiothoracic ratio while the heart is healthy
    heart_lift: float  # how high the heart's widest level lies above the angles: high in a lying heart, low in a drop
    mediastinum: float  # half-width of the vessels' column above the heart
    aorta: float  # 0 the straight aorta of the young, 1 elongated and unfolded
    fat: float  # 0 lean to 1 heavy
    breast: float  # 0 none to 1 large
    rib_spacing: float
    rib_offset: float
    rib_slope: float
    clavicle_slope: float
    vessel_key: int

    @classmethod
    def draw(cls, stream: Stream, sex: str, age: int) -> "Body":
        """A patient of `sex` (F, M) and `age` in years: a tall narrow chest has a slim upright heart."""
        stocky, larger = stream.between(-1.0, 1.0), 0.02 if sex == "M" else -0.02
        fat = stream.between(0.0, 1.0)
        return cls(
            sex=sex,
            width=0.725 + 0.045 * stocky + stream.between(-0.025, 0.025) + larger,
            top=-0.76 + 0.05 * stocky + stream.between(-0.03, 0.03),
            base=0.63 - 0.06 * stocky + stream.between(-0.03, 0.03) + larger,
            taper=stream.between(0.0, 1.0),
            dome=stream.between(0.13, 0.24),
            heart_ratio=0.415 + 0.025 * stocky + stream.between(-0.025, 0.025),
            heart_lift=0.31 + 0.05 * stocky + stream.between(-0.02, 0.02),
            mediastinum=stream.between(0.115, 0.165),
            aorta=max(0.0, min(1.0, (age - 35) / 45)) * stream.between(0.3, 1.0),
            fat=fat,
            breast=(0.25 + 0.4 * fat + stream.between(0.0, 0.35)) if sex == "F" else 0.0,
            rib_spacing=stream.between(0.132, 0.168),
            rib_offset=stream.between(0.0, 1.0),
            rib_slope=stream.between(0.7, 1.3),
            clavicle_slope=stream.between(0.12, 0.42),
            vessel_key=stream.whole(0, 2**31),
        )


@dataclass(frozen=True, slots=True)
class Pose:
    """How the patient stands before the detector in one study."""

    half_tilt: float  # tangent of half the tilt
    shift_x: float
    shift_y: float
    scale: float
    turned: float  # sideways shift of the mediastinum by a turned patient
    breath: float  # how far the diaphragm stands below (+) or above (-) its mean
    lucency: float  # how much of the lungs' air darkens the film: little after a shallow breath
    magnified: float  # of the heart, by its distance from the detector: 1 in PA
    lordotic: float  # how far the clavicles are thrown up by a ray from below
    blades: float  # how far the shoulder blades lie over the lungs
    stomach: float  # radius of the gas bubble under the left hemidiaphragm

    @classmethod
    def draw(cls, stream: Stream, portable: bool) -> "Pose":
        """`portable` (AP, in bed): less straight, less breathed in, the heart magnified, the blades not aside."""
        loose = 1.5 if portable else 1.0
        return cls(
            half_tilt=loose * stream.between(-0.022, 0.022),
            shift_x=loose * stream.between(-0.07, 0.07),
            shift_y=stream.between(-0.08, 0.08),
            scale=stream.between(0.89, 1.12),
            turned=loose * stream.between(-0.035, 0.035),
            breath=stream.between(-0.05, 0.04) - (0.07 if portable else 0.0),
            lucency=stream.between(0.80, 1.08) - (0.06 if portable else 0.0),
            magnified=stream.between(1.03, 1.09) if portable else 1.0,
            lordotic=stream.between(0.0, 0.12) if portable else stream.between(-0.02, 0.03),
            blades=stream.between(0.06, 0.2) if portable else stream.between(-0.12, 0.05),
            stomach=stream.between(0.05, 0.17),
        )


@dataclass(frozen=True, slots=True)
class Measures:
    """What abnormalities do to the geometry itself.

    `heart_ratio`: cardiothoracic ratio; `widening`: added to the mediastinum's half-width; `raised`: how far each
    hemidiaphragm stands above its place. The last two in chest coordinates.
    """

    heart_ratio: float
    widening: float = 0.0
    raised: dict[Side, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Frame:
    """A patient in a pose with what abnormalities changed of their geometry: all of a chest that is not a field."""

    body: Body
    pose: Pose
    measures: Measures

    @property
    def top(self) -> float:
        return self.body.top

    @property
    def base(self) -> float:
        return self.body.base + self.pose.breath

    @property
    def height(self) -> float:
        """Of the lungs, from the apices to the costophrenic angles."""
        return self.base - self.top

    def lateral(self, y: Field) -> Field:
        """Distance of the inner chest wall from the midline at height y."""
        t = clamp((y - self.top) / self.height, 0.0, 1.0)
        dome = np.sqrt(t * (2.0 - t))
        barrel = 0.5 + 0.2 * (self.body.taper - 0.5)
        narrow = 1.0 - 0.08 * self.body.taper * t * t
        return self.body.width * ((1.0 - barrel) * dome + barrel * np.sqrt(dome)) * narrow

    def diaphragm(self, side: Side, out: Field) -> Field:
        """y of a hemidiaphragm at the distance `out` from the midline; the right one stands higher."""
        crest, width = 0.30, self.body.width
        raised = self.measures.raised.get(side, 0.0)
        rise = self.body.dome + (0.03 if side is Side.RIGHT else 0.0) + raised
        outward, inward = np.maximum(out - crest, 0.0) / (width - crest), np.maximum(crest - out, 0.0) / crest
        return self.base - rise + rise * outward * outward + 0.35 * rise * inward * inward

    def lung(self, side: Side, x: Field, y: Field, wall: Field) -> Field:
        """Signed distance-like field of one lung; `wall` is `lateral(y)`.

        Chest wall, mediastinum, diaphragm and apex bound it.
        """
        out = SIGN[side] * (x - 0.5 * self.pose.turned)
        apex = np.maximum(0.0, 1.0 - (y - self.top) / (0.14 * self.height))
        medial = 0.095 + 0.15 * apex * apex
        bounds = np.minimum(wall - out, out - medial)
        return np.minimum(bounds, np.minimum(self.diaphragm(side, out) - y, y - self.top))

    def heart(self, x: Field, y: Field) -> Field:
        """The heart, its widest transverse diameter being `heart_ratio` of the inner thorax, times its magnification.

        An enlarged heart rises and its apex sinks outwards.
        """
        ratio = min(0.74, self.measures.heart_ratio * self.pose.magnified)
        diameter = ratio * 2.0 * self.body.width * 0.97
        enlarged = max(0.0, ratio - 0.44)
        low, high = 0.40 + 0.2 * enlarged, 0.50 + 0.35 * enlarged
        across, down = x - self.pose.turned - 0.01, y - self.base + self.body.heart_lift
        left = 0.66 * diameter * _half_oval(down, high, low)
        right = 0.34 * diameter * _half_oval(down + 0.07, high * 0.88, low)
        floor = self.body.heart_lift - 0.12 + 0.06 * clamp(across, 0.0, 1.0) - down
        return np.minimum(np.minimum(left - across, right + across), floor)

    def mediastinum(self, x: Field, y: Field) -> Field:
        """The vessels' column between the lungs, with the aortic knob, the aorta's course and the pulmonary trunk."""
        body, across = self.body, x - self.pose.turned - 0.01
        above = smooth((self.top + 0.62 * self.height - y) / 0.25)
        half = body.mediastinum - 0.03 * smooth((self.top + 0.2 * self.height - y) / 0.3)
        half += self.measures.widening * above
        ascending = 0.03 * body.aorta * _hump((y - self.top - 0.46 * self.height) / 0.3)
        descending = 0.05 * body.aorta * _hump((y - self.top - 0.60 * self.height) / 0.35)
        column = np.minimum(half + 0.02 + descending - across, half + ascending + across)
        knob_x, knob_y = across - 0.12 - 0.03 * body.aorta, y - (self.top + (0.33 - 0.04 * body.aorta) * self.height)
        knob_x -= self.measures.widening
        knob = 0.085 + 0.035 * body.aorta - np.sqrt(knob_x * knob_x + 0.8 * knob_y * knob_y)
        trunk_x, trunk_y = across - 0.12, y - (self.top + 0.47 * self.height)
        trunk = 0.085 - np.sqrt(trunk_x * trunk_x + 0.5 * trunk_y * trunk_y)
        return np.maximum(column, np.maximum(knob, trunk))


@dataclass(frozen=True, slots=True)
class Chest:
    """The chest of one study at the points (x, y) of the upright chest; every field has the points' shape.

    `shadow` (heart or mediastinum) hides the lung behind it; `aerated` is what it leaves of each lung.
    """

    frame: Frame
    x: Field
    y: Field
    wall: Field
    lung: dict[Side, Field]
    heart: Field
    mediastinum: Field
    shadow: Field
    aerated: dict[Side, Field]

    @classmethod
    def at(cls, frame: Frame, x: Field, y: Field) -> "Chest":
        wall = frame.lateral(y)
        lung = {side: frame.lung(side, x, y, wall) for side in BOTH}
        heart, mediastinum = frame.heart(x, y), frame.mediastinum(x, y)
        shadow = np.maximum(heart, mediastinum)
        aerated = {side: np.minimum(lung[side], -shadow) for side in BOTH}
        return cls(frame, x, y, wall, lung, heart, mediastinum, shadow, aerated)

    def part(self, window: tuple[slice, slice]) -> "Chest":
        """The same chest at some of its points."""
        return Chest(
            frame=self.frame,
            x=self.x[window],
            y=self.y[window],
            wall=self.wall[window],
            lung={side: lung[window] for side, lung in self.lung.items()},
            heart=self.heart[window],
            mediastinum=self.mediastinum[window],
            shadow=self.shadow[window],
            aerated={side: aerated[window] for side, aerated in self.aerated.items()},
        )


def _half_oval(offset: Field, high: float, low: float) -> Field:
    """sqrt(1 - t^2), with its own half-axis above (`high`) and below (`low`) the centre; 0 outside."""
    t = np.where(offset < 0.0, offset / high, offset / low)
    return np.sqrt(np.maximum(0.0, 1.0 - t * t))


def _hump(t: Field) -> Field:
    """1 at 0, falling to 0 at -1 and 1."""
    return np.maximum(0.0, 1.0 - t * t)
