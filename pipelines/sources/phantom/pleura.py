"""What lies between lung and chest wall: fluid, gas, thickening, calcified plaques.

An effusion is a meniscus that climbs towards the chest wall. In a pneumothorax the lung shrinks towards its base and
leaves gas without vessels beyond a thin line, the pleura.
"""

from dataclasses import dataclass

import numpy as np

from model.findings import Side
from pipelines.sources.phantom.abnormalities import Abnormality
from pipelines.sources.phantom.anatomy import BOTH, SIGN, Chest, Frame
from pipelines.sources.phantom.changes import EVERYWHERE, Box, Changes, contrast, extent, raise_to
from pipelines.sources.phantom.fields import Noise, Stream, bump, clamp, inside, smooth
from pipelines.sources.phantom.regions import Mask
from pipelines.sources.phantom.strokes import Point, around, distance

EFFUSION = ((0.20, 0.235), (0.32, 0.38), (0.53, 0.62))  # share of the lung's height
PNEUMOTHORAX = ((0.15, 0.18), (0.27, 0.31), (0.44, 0.51))  # share by which the lung shrinks
THICKENING = ((0.06, 0.07), (0.09, 0.10), (0.12, 0.135))  # of the pleura, in chest coordinates
PLAQUE = ((0.052, 0.058), (0.066, 0.074), (0.082, 0.092))  # half-length of one plaque, in chest coordinates


def _sides(abnormality: Abnormality) -> tuple[Side, ...]:
    return BOTH if abnormality.side in (None, Side.BILATERAL) else (abnormality.side,)


@dataclass(frozen=True, slots=True)
class Effusion:
    """Fluid up to `extent` of the lung's height."""

    abnormality: Abnormality
    extent: float
    bounds: Box

    @classmethod
    def draw(cls, abnormality: Abnormality, frame: Frame, stream: Stream) -> "Effusion":
        share = extent(abnormality, EFFUSION, stream)
        return cls(abnormality, share, (-1.0, frame.base - share * frame.height - 0.12, 1.0, 9.0))

    def lay(self, chest: Chest, changes: Changes) -> Mask:
        mask, frame = np.zeros(chest.x.shape, bool), chest.frame
        for side in _sides(self.abnormality):
            out = SIGN[side] * chest.x / frame.body.width
            near_wall, near_heart = clamp((out - 0.35) / 0.65, 0.0, 1.0), clamp((0.35 - out) / 0.35, 0.0, 1.0)
            level = frame.base - self.extent * frame.height + 0.11 - 0.16 * near_wall * near_wall - 0.03 * near_heart
            fluid = inside(chest.y - level, 0.05) * (out > 0)
            raise_to(changes.fluid, 0.96 * contrast(self.abnormality) * fluid)
            mask |= (fluid > 0.2) & (chest.aerated[side] > 0)
        return mask


@dataclass(frozen=True, slots=True)
class Pneumothorax:
    """Gas beyond a lung that shrinks by `extent`."""

    abnormality: Abnormality
    extent: float
    bounds: Box = EVERYWHERE

    @classmethod
    def draw(cls, abnormality: Abnormality, stream: Stream) -> "Pneumothorax":
        return cls(abnormality, extent(abnormality, PNEUMOTHORAX, stream))

    def lay(self, chest: Chest, changes: Changes) -> Mask:
        side, frame = self.abnormality.side or Side.RIGHT, chest.frame
        root_x, root_y = SIGN[side] * 0.12, frame.base
        shrunk = 1.0 - self.extent * smooth((root_y - chest.y) / (0.7 * frame.height))
        y = root_y + (chest.y - root_y) / shrunk
        collapsed = frame.lung(side, root_x + (chest.x - root_x) / shrunk, y, frame.lateral(y))
        cavity = chest.lung[side]
        gas, strength = inside(-collapsed, 0.02) * inside(cavity, 0.02), contrast(self.abnormality)
        raise_to(changes.gas, strength * gas)
        changes.density[...] += 0.20 * strength * bump(collapsed, 0.024) * inside(cavity - 0.03, 0.02)
        return (gas > 0.5) & (chest.aerated[side] > 0)


@dataclass(frozen=True, slots=True)
class Thickening:
    """A band of thick pleura along the chest wall, with an uneven inner edge."""

    abnormality: Abnormality
    depth: float
    middle: float  # y
    half_length: float
    noise: Noise

    @classmethod
    def draw(cls, abnormality: Abnormality, frame: Frame, stream: Stream) -> "Thickening":
        return cls(
            abnormality,
            depth=extent(abnormality, THICKENING, stream),
            middle=frame.top + stream.between(0.40, 0.62) * frame.height,
            half_length=stream.between(0.24, 0.32) * frame.height,
            noise=Noise.draw(stream, 16),
        )

    @property
    def bounds(self) -> Box:
        sign, reach = SIGN[self.abnormality.side or Side.RIGHT], self.half_length + 0.1
        return min(0.2 * sign, 1.1 * sign), self.middle - reach, max(0.2 * sign, 1.1 * sign), self.middle + reach

    def lay(self, chest: Chest, changes: Changes) -> Mask:
        side = self.abnormality.side or Side.RIGHT
        span = inside(self.half_length - np.abs(chest.y - self.middle), 0.14)
        from_wall = chest.wall - SIGN[side] * chest.x
        depth = self.depth * span * (1.0 + 0.5 * self.noise.at(chest.x * 2.0, chest.y * 9.0))
        band = inside(depth - from_wall, 0.02) * inside(chest.lung[side] + 0.015, 0.02) * (span > 0.3)
        raise_to(changes.fluid, 0.9 * contrast(self.abnormality) * band)
        return (from_wall < depth + 0.025) & (span > 0.3) & (chest.lung[side] > 0)


@dataclass(frozen=True, slots=True)
class Plaques:
    """A few calcified plaques: bright, sharply edged, angular, brightest at the rim, as a holly leaf."""

    abnormality: Abnormality
    plaques: tuple[tuple[Point, Point], ...]
    size: float
    noise: Noise

    @classmethod
    def draw(cls, abnormality: Abnormality, frame: Frame, stream: Stream) -> "Plaques":
        size, sign = extent(abnormality, PLAQUE, stream), SIGN[abnormality.side or Side.RIGHT]
        middle, plaques = frame.top + stream.between(0.50, 0.62) * frame.height, []
        for k in (-1.0, 0.0, 1.0):
            y = middle + 2.1 * size * k + stream.between(-0.02, 0.02)
            out = float(frame.lateral(np.array([y]))[0]) - 0.10 - size - stream.between(0.0, 0.05)
            lean = stream.between(-0.6, 0.6)
            ends = (sign * (out - 0.6 * size), y - lean * size), (sign * (out + 0.6 * size), y + lean * size)
            plaques.append(ends)
        return cls(abnormality, tuple(plaques), size, Noise.draw(stream, 16))

    @property
    def bounds(self) -> Box:
        return around([point for plaque in self.plaques for point in plaque], 2.0 * self.size)

    def lay(self, chest: Chest, changes: Changes) -> Mask:
        nearest = distance(self.plaques[0], chest.x, chest.y)
        for plaque in self.plaques[1:]:
            np.minimum(nearest, distance(plaque, chest.x, chest.y), out=nearest)
        ragged = self.noise.at(chest.x * 22.0, chest.y * 22.0)
        within = 0.75 * self.size - nearest + 0.9 * self.size * ragged
        calcified = 0.16 * inside(within, 0.012) + 0.20 * bump(within - 0.01, 0.016)
        changes.density[...] += contrast(self.abnormality) * calcified
        return (nearest < self.size + 0.01) & (chest.lung[self.abnormality.side or Side.RIGHT] > -0.05)
