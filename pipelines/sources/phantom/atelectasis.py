"""Collapsed lung: flat bands above a hemidiaphragm, or the wedge of a lower lobe, whose hemidiaphragm stands high."""

from dataclasses import dataclass

import numpy as np

from model.findings import Side
from pipelines.sources.phantom.abnormalities import Abnormality
from pipelines.sources.phantom.anatomy import SIGN, Chest, Frame
from pipelines.sources.phantom.changes import Box, Changes, contrast, extent, raise_to
from pipelines.sources.phantom.fields import Stream, inside, smooth
from pipelines.sources.phantom.regions import Mask
from pipelines.sources.phantom.strokes import Point, around, distance

# Chest coordinates, by size: half the width and half the length of a band, the wedge's width at the lung's base.
HALF_WIDTH = ((0.021, 0.023), (0.026, 0.028), (0.031, 0.034))
HALF_LENGTH = ((0.11, 0.13), (0.14, 0.16), (0.17, 0.19))
FOOT = ((0.42, 0.45), (0.54, 0.58), (0.68, 0.72))


@dataclass(frozen=True, slots=True)
class LinearAtelectasis:
    """Flat bands just above a hemidiaphragm."""

    abnormality: Abnormality
    bands: tuple[tuple[Point, Point], ...]
    half_width: float

    @classmethod
    def draw(cls, abnormality: Abnormality, frame: Frame, stream: Stream) -> "LinearAtelectasis":
        half_width = extent(abnormality, HALF_WIDTH, stream)
        length = extent(abnormality, HALF_LENGTH, stream)
        side, bands = abnormality.side or Side.RIGHT, []
        out, slope = stream.between(0.40, 0.46), stream.between(-0.3, 0.3)
        dome = float(frame.diaphragm(side, np.array([out]))[0])
        for k in range(2):
            y = dome - 0.09 - (0.09 + 2.0 * half_width) * k - stream.between(0.0, 0.03)
            inner, outer = out - length - stream.between(-0.04, 0.0), out + length - stream.between(0.0, 0.04)
            bands.append(((SIGN[side] * inner, y - slope * length), (SIGN[side] * outer, y + slope * length)))
        return cls(abnormality, tuple(bands), half_width)

    @property
    def bounds(self) -> Box:
        return around([point for band in self.bands for point in band], 0.12)

    def lay(self, chest: Chest, changes: Changes) -> Mask:
        nearest = distance(self.bands[0], chest.x, chest.y)
        for band in self.bands[1:]:
            np.minimum(nearest, distance(band, chest.x, chest.y), out=nearest)
        raise_to(
            changes.fluid,
            0.95 * contrast(self.abnormality) * inside(self.half_width - nearest, 0.9 * self.half_width),
        )
        return (nearest < self.half_width + 0.035) & (chest.lung[self.abnormality.side or Side.RIGHT] > 0)


@dataclass(frozen=True, slots=True)
class LobarAtelectasis:
    """A collapsed lower lobe: a wedge from the hilum to the diaphragm, dense beside and behind the heart."""

    abnormality: Abnormality
    hilum_y: float
    foot: float  # distance of the wedge's straight edge from the midline at the lung's base

    @classmethod
    def draw(cls, abnormality: Abnormality, frame: Frame, stream: Stream) -> "LobarAtelectasis":
        foot = extent(abnormality, FOOT, stream)
        return cls(abnormality, frame.top + stream.between(0.48, 0.52) * frame.height, foot)

    @property
    def bounds(self) -> Box:
        sign = SIGN[self.abnormality.side or Side.RIGHT]
        return min(0.0, sign) * 0.8, self.hilum_y - 0.1, max(0.0, sign) * 0.8, self.hilum_y + 1.0

    def lay(self, chest: Chest, changes: Changes) -> Mask:
        side, strength = self.abnormality.side or Side.RIGHT, contrast(self.abnormality)
        fallen = (chest.y - self.hilum_y) / (chest.frame.base - self.hilum_y)
        wedge = inside(0.10 + (self.foot - 0.10) * fallen - SIGN[side] * chest.x, 0.035) * smooth(fallen * 5.0)
        raise_to(changes.fluid, 0.85 * strength * wedge)
        changes.density[...] += 0.10 * strength * wedge * inside(chest.lung[side], 0.03)
        return (wedge > 0.5) & (chest.lung[side] > 0)
