"""What fills or darkens the lung itself: opacity, consolidation, pneumonia, edema, and the solid lesion.

An opacity is haze through which the vessels still show; a consolidation hides them and shows the airways dark instead
(air bronchograms); a pneumonia is a cluster of patchy foci; an edema fans out from both hila, with Kerley's short
lines at the wall (Hansell et al. 2008, "Fleischner Society: glossary of terms for thoracic imaging").
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from model.findings import Side, Zone
from pipelines.sources.phantom.abnormalities import Abnormality
from pipelines.sources.phantom.anatomy import SIGN, Chest, Frame
from pipelines.sources.phantom.changes import EVERYWHERE, Box, Changes, Ranges, contrast, extent, raise_to
from pipelines.sources.phantom.fields import Field, Noise, Stream, bump, inside, periodic, smooth
from pipelines.sources.phantom.regions import Mask
from pipelines.sources.phantom.strokes import distance

RADII: dict[str, Ranges] = {
    "Lung Opacity": ((0.13, 0.15), (0.19, 0.21), (0.26, 0.29)),
    "Consolidation": ((0.11, 0.125), (0.165, 0.185), (0.23, 0.26)),
    "Pneumonia": ((0.14, 0.16), (0.20, 0.22), (0.27, 0.30)),
    "Lung Lesion": ((0.060, 0.068), (0.088, 0.098), (0.125, 0.145)),
    "Edema": ((0.24, 0.27), (0.32, 0.36), (0.42, 0.47)),
}
"""In chest coordinates, by size."""

ZONE_LEVEL = {Zone.UPPER: 0.24, Zone.MIDDLE: 0.50, Zone.LOWER: 0.74}  # share of the lung's height


def zone_y(frame: Frame, zone: Zone) -> float:
    """The height at the middle of a zone."""
    return frame.top + ZONE_LEVEL[zone] * frame.height


@dataclass(frozen=True, slots=True)
class Patch:
    """A round place in a lung, its outline made ragged by noise."""

    abnormality: Abnormality
    x: float
    y: float
    radius: float
    noise: Noise

    @classmethod
    def draw(cls, abnormality: Abnormality, frame: Frame, stream: Stream) -> Self:
        """Centred in its zone where the lung shows at that height."""
        if abnormality.side is None or abnormality.zone is None:
            raise ValueError(f"{abnormality.observation} needs a side and a zone")
        radius = extent(abnormality, RADII[abnormality.observation], stream)
        y = zone_y(frame, abnormality.zone) + stream.between(-0.05, 0.05) * frame.height
        x = _between_wall_and_heart(frame, abnormality.side, y, radius, stream.between(-1.0, 1.0))
        return cls(abnormality, x, y, radius, Noise.draw(stream, 12))

    @property
    def side(self) -> Side:
        return self.abnormality.side or Side.RIGHT

    @property
    def bounds(self) -> Box:
        reach = 1.6 * self.radius
        return self.x - reach, self.y - reach, self.x + reach, self.y + reach

    def reach(self, chest: Chest) -> Field:
        """Distance from the centre in radii."""
        across, down = chest.x - self.x, chest.y - self.y
        return np.sqrt(across * across + down * down) / self.radius

    def cloud(self, chest: Chest, ragged: float, softness: float, lump: float) -> Field:
        """1 inside, 0 outside; `ragged` and `softness` of the outline in radii, `lump` the size of a cloud in them."""
        scale = 1.0 / (lump * self.radius)
        noise = self.noise.at((chest.x - self.x) * scale, (chest.y - self.y) * scale)
        return inside(1.0 - self.reach(chest) + ragged * noise, softness)


def _between_wall_and_heart(frame: Frame, side: Side, y: float, radius: float, aside: float) -> float:
    """x of a centre at height y that leaves room for `radius` where it can; `aside` in [-1, 1] uses up the room."""
    across = np.arange(200) / 200.0
    line = Chest.at(frame, SIGN[side] * across, np.full(200, y))
    shown = across[line.aerated[side] > 0]
    inner, outer = float(shown[0]), float(shown[-1])
    slack = max(0.0, 0.5 * (outer - inner) - 0.8 * radius)
    return SIGN[side] * (0.5 * (inner + outer) + aside * slack)


@dataclass(frozen=True, slots=True)
class Opacity(Patch):
    """Haze with the vessels still seen in it."""

    def lay(self, chest: Chest, changes: Changes) -> Mask:
        cloud = self.cloud(chest, ragged=0.7, softness=0.8, lump=0.7)
        raise_to(changes.haze, 0.70 * contrast(self.abnormality) * cloud)
        return (cloud > 0.5) & (chest.aerated[self.side] > 0)


@dataclass(frozen=True, slots=True)
class Consolidation(Patch):
    """Dense, with air bronchograms that fork towards the wall."""

    def lay(self, chest: Chest, changes: Changes) -> Mask:
        cloud, strength = self.cloud(chest, ragged=0.55, softness=0.35, lump=0.6), contrast(self.abnormality)
        raise_to(changes.fluid, 0.92 * strength * cloud)
        changes.density[...] += strength * cloud * (0.09 - 0.20 * self._bronchograms(chest))
        return (cloud > 0.5) & (chest.aerated[self.side] > 0)

    def _bronchograms(self, chest: Chest) -> Field:
        out, size = SIGN[self.side], self.radius
        root, fork = (self.x - 0.9 * out * size, self.y - 0.25 * size), (self.x - 0.2 * out * size, self.y)
        twigs = [(self.x + 0.6 * out * size, self.y + lean * size) for lean in (-0.55, 0.05, 0.6)]
        nearest = distance((root, fork, twigs[0]), chest.x, chest.y)
        for twig in twigs[1:]:
            np.minimum(nearest, distance((fork, twig), chest.x, chest.y), out=nearest)
        return bump(nearest, 0.020 + 0.045 * size)


@dataclass(frozen=True, slots=True)
class Pneumonia(Patch):
    """Several patchy foci in light haze."""

    def lay(self, chest: Chest, changes: Changes) -> Mask:
        envelope, strength = self.cloud(chest, ragged=0.5, softness=0.6, lump=0.9), contrast(self.abnormality)
        scale = 2.4 / self.radius
        foci = smooth(0.30 + 4.0 * self.noise.at((chest.x - self.x) * scale, (chest.y - self.y) * scale))
        raise_to(changes.fluid, 0.85 * strength * envelope * foci)
        raise_to(changes.haze, 0.18 * strength * envelope)
        return (envelope > 0.5) & (chest.aerated[self.side] > 0)


@dataclass(frozen=True, slots=True)
class Lesion(Patch):
    """A round solid density with a slightly lobed outline."""

    def lay(self, chest: Chest, changes: Changes) -> Mask:
        scale = 1.0 / self.radius
        lobes = self.noise.at((chest.x - self.x) * scale, (chest.y - self.y) * scale)
        reach = self.reach(chest) + 0.35 * lobes
        sphere = np.sqrt(np.maximum(0.0, 1.0 - reach * reach))
        solid = (0.27 + 0.6 * self.radius) * (0.6 * sphere + 0.4 * inside(1.0 - reach, 0.25))
        changes.density[...] += contrast(self.abnormality) * solid
        return (reach < 1.0) & (chest.lung[self.side] > -0.02)


@dataclass(frozen=True, slots=True)
class Edema:
    """Haze that fans out from both hila, thick vessels, Kerley lines: the more of each, the more severe."""

    abnormality: Abnormality
    radius: float
    hilum_y: float
    noise: Noise
    bounds: Box = EVERYWHERE

    @classmethod
    def draw(cls, abnormality: Abnormality, frame: Frame, stream: Stream) -> "Edema":
        radius = extent(abnormality, RADII["Edema"], stream)
        return cls(abnormality, radius, frame.top + 0.54 * frame.height, Noise.draw(stream, 16))

    def lay(self, chest: Chest, changes: Changes) -> Mask:
        strength, frame = contrast(self.abnormality), chest.frame
        across, down = np.abs(chest.x) - 0.20, 0.75 * (chest.y - self.hilum_y)
        noise = self.noise.at(chest.x * 7.0, chest.y * 7.0)
        wings = inside(1.0 - np.sqrt(across * across + down * down) / self.radius + 0.3 * noise, 0.9)
        raise_to(changes.haze, (0.35 + 0.85 * self.radius) * strength * wings)
        raise_to(changes.congestion, (0.3 + 1.5 * self.radius) * strength * wings)
        low = smooth((chest.y - frame.top - 0.55 * frame.height) / 0.15)
        lung = np.maximum(chest.lung[Side.RIGHT], chest.lung[Side.LEFT])
        beside = bump(chest.wall - np.abs(chest.x) - 0.05, 0.07) * inside(lung, 0.02) * low
        kerley = bump(periodic(chest.y + 0.1 * noise, 0.055), 0.014) * beside
        changes.lines[...] += (0.05 + 0.25 * self.radius) * strength * kerley
        return (wings > 0.5) & ((chest.aerated[Side.RIGHT] > 0) | (chest.aerated[Side.LEFT] > 0))
