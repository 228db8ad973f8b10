"""Broken bones: the ends stand apart, a dark gap between them, callus around it."""

from dataclasses import dataclass

import numpy as np

from model.findings import Side, Zone
from pipelines.sources.phantom.abnormalities import Abnormality, Form
from pipelines.sources.phantom.airspace import zone_y
from pipelines.sources.phantom.anatomy import SIGN, Chest, Frame
from pipelines.sources.phantom.changes import Box, Changes, contrast
from pipelines.sources.phantom.fields import Stream, bump, inside
from pipelines.sources.phantom.regions import Mask
from pipelines.sources.phantom.skeleton import clavicle_y, rib_y

MASK_RADIUS, REACH = 0.085, 0.14


@dataclass(frozen=True, slots=True)
class Fracture:
    """A break at (x, y) across a bone that runs there along the unit vector (along_x, along_y)."""

    abnormality: Abnormality
    x: float
    y: float
    along_x: float
    along_y: float
    step: float  # how far apart the ends stand, along y
    callus: float

    @classmethod
    def draw(cls, abnormality: Abnormality, frame: Frame, stream: Stream) -> "Fracture":
        """In a lateral rib at the height of the zone, or in the middle third of a clavicle."""
        side = abnormality.side or Side.RIGHT
        way = 1.0 if stream.chance(0.5) else -1.0
        if abnormality.form is Form.CLAVICLE_FRACTURE:
            out = stream.between(0.36, 0.46)
            y, beyond = clavicle_y(frame, out), clavicle_y(frame, out + 0.01)
            x, step, callus = frame.pose.turned + SIGN[side] * out, way * stream.between(0.09, 0.105), 0.20
        else:
            level = zone_y(frame, abnormality.zone or Zone.MIDDLE)
            out = float(frame.lateral(np.array([level]))[0]) - stream.between(0.10, 0.15)
            rib = min(range(12), key=lambda k: abs(rib_y(frame, out, k) - level))
            y, beyond = rib_y(frame, out, rib), rib_y(frame, out + 0.01, rib)
            x, step, callus = SIGN[side] * out, way * stream.between(0.06, 0.07), stream.between(0.28, 0.32)
        rise = (beyond - y) / 0.01
        length = float(np.sqrt(1.0 + rise * rise))
        return cls(abnormality, x, y, SIGN[side] / length, rise / length, step, callus)

    @property
    def bounds(self) -> Box:
        return self.x - REACH, self.y - REACH, self.x + REACH, self.y + REACH

    def lay(self, chest: Chest, changes: Changes) -> Mask:
        strength = contrast(self.abnormality)
        across, down = chest.x - self.x, chest.y - self.y
        along, off = across * self.along_x + down * self.along_y, down * self.along_x - across * self.along_y
        far = np.sqrt(along * along + off * off)
        changes.displaced[...] += strength * self.step * (inside(along, 0.012) - 0.5) * bump(far, REACH)
        callus = self.callus * bump(np.sqrt(0.5 * along * along + off * off), 0.075)
        gap = 0.34 * bump(along, 0.018) * inside(0.04 - np.abs(off), 0.02)
        changes.density[...] += strength * (callus - gap)
        return far < MASK_RADIUS
