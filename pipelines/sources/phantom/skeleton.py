"""The bones' shadow: ribs, clavicles, spine and shoulder blades, as density that they add to the film."""

from typing import TypeVar

import numpy as np

from pipelines.sources.phantom.anatomy import Chest, Frame
from pipelines.sources.phantom.fields import Field, bump, inside, periodic, smooth

Number = TypeVar("Number", float, Field)

RIB_HALF_WIDTH, CLAVICLE_HALF_WIDTH = 0.034, 0.034


def bones(chest: Chest, displaced: Field) -> Field:
    """All bones; where a fracture displaces them, `displaced` says by how much they stand lower."""
    y = chest.y - displaced
    return _ribs(chest, y) + _clavicles(chest, y) + _spine(chest) + _blades(chest)


def rib_y(frame: Frame, out: float, rib: int) -> float:
    """y of a posterior rib (0 at the apex, then 1, 2 ...) at the distance `out` from the midline."""
    return frame.top - _behind(frame, out) + (rib + frame.body.rib_offset) * frame.body.rib_spacing


def clavicle_y(frame: Frame, out: Number) -> Number:
    """y of a clavicle at the distance `out` from the midline: an S that rises outwards."""
    slope = frame.body.clavicle_slope
    return frame.top + 0.22 - frame.pose.lordotic - slope * out + 0.30 * slope * out * out


def _behind(frame: Frame, out: Number) -> Number:
    """How far a posterior rib lies above its level at the spine."""
    bend = out - 0.14
    bend = bend * (bend > 0.0)
    return 0.10 * out - 0.72 * frame.body.rib_slope * bend * bend


def _ribs(chest: Chest, y: Field) -> Field:
    frame, body, out = chest.frame, chest.frame.body, np.abs(chest.x - 0.5 * chest.frame.pose.turned)
    cage = inside(chest.wall + 0.02 - out, 0.05) * inside(frame.base - 0.08 - y, 0.22)
    cage *= inside(y - frame.top + 0.08, 0.1)
    behind = y - frame.top + _behind(frame, out) - body.rib_offset * body.rib_spacing
    posterior = _band(periodic(behind, body.rib_spacing), RIB_HALF_WIDTH) * smooth((out - 0.04) / 0.1)
    inward = np.maximum(body.width - out, 0.0)
    front = y - frame.top - 0.62 * inward + 0.25 * inward * inward - body.rib_offset * body.rib_spacing
    anterior = _band(periodic(front, body.rib_spacing * 1.12), 0.042)
    anterior *= smooth((out - 0.24) / 0.22) * smooth((y - frame.top - 0.2) / 0.2)
    edge = bump(out - chest.wall - 0.02, 0.06)
    return cage * (0.10 * posterior + 0.05 * anterior + 0.05 * edge)


def _band(distance: Field, half_width: float) -> Field:
    """A bone in profile: its cortex brighter than its middle."""
    off = np.abs(distance)
    return inside(half_width - off, half_width * 0.5) * (0.62 + 0.38 * smooth(off / half_width))


def _clavicles(chest: Chest, y: Field) -> Field:
    out = np.abs(chest.x - chest.frame.pose.turned)
    ends = smooth((out - 0.05) / 0.06) * smooth((0.86 - out) / 0.1)
    return 0.14 * _band(y - clavicle_y(chest.frame, out), CLAVICLE_HALF_WIDTH) * ends


def _spine(chest: Chest) -> Field:
    x = chest.x - 0.3 * chest.frame.pose.turned
    level = chest.y - chest.frame.top
    discs = bump(periodic(level, 0.125), 0.025)
    spinous = bump(x, 0.02) * bump(periodic(level - 0.03, 0.125), 0.045)
    return inside(0.085 - np.abs(x), 0.07) * (0.035 - 0.02 * discs) + 0.015 * spinous


def _blades(chest: Chest) -> Field:
    """Shoulder blades and the heads of the upper arms, at the edge of the film or, arms down, over the lungs."""
    out = np.abs(chest.x) + chest.frame.pose.blades
    down = chest.y - chest.frame.top
    medial = 0.70 + 0.10 * np.abs(down - 0.25)
    blade = inside(np.minimum(out - medial, np.minimum(0.62 - down - 0.3 * (out - 0.7), down - 0.10)), 0.05)
    joint_x, joint_y = out - 1.06, down - 0.14
    head = inside(0.16 - np.sqrt(joint_x * joint_x + joint_y * joint_y), 0.06)
    return 0.055 * blade + 0.07 * head
