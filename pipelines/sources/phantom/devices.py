"""What medicine put into the chest: tubes, lines, a pacemaker, wires. Each lies where it does its work."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from model.findings import Side
from pipelines.sources.phantom.abnormalities import Abnormality, Form
from pipelines.sources.phantom.anatomy import SIGN, Chest, Frame
from pipelines.sources.phantom.changes import Box, Changes, contrast
from pipelines.sources.phantom.fields import Field, Stream, bump, inside
from pipelines.sources.phantom.regions import Mask
from pipelines.sources.phantom.strokes import Point, around, curve, distance

MASK_HALF_WIDTH = 0.045
OFF_FILM = -1.5
FORK = 0.40  # of the windpipe, share of the lungs' height
CAVA, RIGHT_ATRIUM = -0.095, 0.56  # x of the superior vena cava; where it ends, share of the lungs' height


@dataclass(frozen=True, slots=True)
class Line:
    """A wire, or a tube when `bore` is above 0: then its two walls show. Lengths in chest coordinates."""

    course: tuple[Point, ...]
    bore: float
    width: float
    density: float

    def shadow(self, far: Field) -> Field:
        """Density at the distance `far` from the course."""
        if not self.bore:
            return self.density * bump(far, self.width)
        return self.density * (bump(far - self.bore, self.width) + 0.45 * inside(self.bore - far, self.width))


@dataclass(frozen=True, slots=True)
class Device:
    """Lines, rings (centre and half-axes) and at most one box (its centre), as one abnormality."""

    abnormality: Abnormality
    lines: tuple[Line, ...] = ()
    rings: tuple[tuple[Point, float, float], ...] = ()
    case: Point | None = None

    @classmethod
    def draw(cls, abnormality: Abnormality, frame: Frame, stream: Stream) -> "Device":
        """Lay the device of this form into the chest."""
        if abnormality.form not in BUILDERS:
            raise ValueError(f"{abnormality.form} is no device")
        return BUILDERS[abnormality.form](abnormality, frame, stream)

    @property
    def bounds(self) -> Box:
        corners = [point for line in self.lines for point in line.course] + [centre for centre, *_ in self.rings]
        return around([*corners, *([self.case] if self.case else [])], 0.14)

    def lay(self, chest: Chest, changes: Changes) -> Mask:
        mask, shadow = np.zeros(chest.x.shape, bool), np.zeros(chest.x.shape)
        for line in self.lines:
            far = distance(line.course, chest.x, chest.y)
            np.maximum(shadow, line.shadow(far), out=shadow)
            mask |= far < MASK_HALF_WIDTH
        for (x, y), wide, high in self.rings:
            across, down = (chest.x - x) / wide, (chest.y - y) / high
            far = np.sqrt(across * across + down * down)
            np.maximum(shadow, 0.30 * bump((far - 1.0) * high, 0.012), out=shadow)
        if self.rings:
            mask |= distance([centre for centre, *_ in self.rings], chest.x, chest.y) < 1.3 * MASK_HALF_WIDTH
        if self.case:
            far = _from_case(chest, self.case)
            np.maximum(shadow, 0.34 * inside(-far, 0.015) + 0.06 * bump(far + 0.02, 0.02), out=shadow)
            mask |= far < 0.02
        changes.density[...] += contrast(self.abnormality) * shadow
        return mask


def _from_case(chest: Chest, case: Point) -> Field:
    """Signed distance from the generator's outline, negative inside: a box with round corners."""
    across = np.maximum(np.abs(chest.x - case[0]) - 0.035, 0.0)
    down = np.maximum(np.abs(chest.y - case[1]) - 0.02, 0.0)
    far: Field = np.sqrt(across * across + down * down)
    return far - 0.05


def _level(frame: Frame, share: float) -> float:
    return frame.top + share * frame.height


def _endotracheal_tube(abnormality: Abnormality, frame: Frame, stream: Stream) -> Device:
    x, tip = frame.pose.turned, _level(frame, FORK) - stream.between(0.07, 0.14)
    course = curve(((x + stream.between(-0.05, 0.05), OFF_FILM), (x + 0.01, frame.top - 0.1), (x - 0.01, tip)))
    return Device(abnormality, (Line(course, 0.018, 0.013, 0.20),))


def _gastric_tube(abnormality: Abnormality, frame: Frame, stream: Stream) -> Device:
    x, bow = frame.pose.turned, stream.between(0.0, 0.03)
    course = curve(
        (
            (x + stream.between(0.0, 0.06), OFF_FILM),
            (x + 0.015, _level(frame, 0.1)),
            (x + 0.02 + bow, _level(frame, 0.5)),
            (x + 0.05, _level(frame, 0.85)),
            (x + 0.13, frame.base + 0.02),
            (x + stream.between(0.26, 0.36), frame.base + stream.between(0.06, 0.14)),
        ),
        4,
    )
    return Device(abnormality, (Line(course, 0.0, 0.018, 0.22),))


def _central_line(abnormality: Abnormality, frame: Frame, stream: Stream) -> Device:
    """From the neck or from under the clavicle into the superior vena cava."""
    sign, x = SIGN[abnormality.side or Side.RIGHT], frame.pose.turned
    if stream.chance(0.55):
        way = [(x + sign * stream.between(0.15, 0.22), OFF_FILM), (x + sign * 0.14, _level(frame, 0.02))]
    else:
        way = [(x + sign * 0.66, _level(frame, 0.20)), (x + sign * 0.40, _level(frame, 0.05))]
    way.append((x + sign * 0.12, _level(frame, 0.16)))
    if sign > 0:
        way.append((x, _level(frame, 0.25)))
    way += [(x + CAVA, _level(frame, 0.34)), (x + CAVA, _level(frame, stream.between(0.44, RIGHT_ATRIUM)))]
    return Device(abnormality, (Line(curve(way, 4), 0.0, 0.017, 0.22),))


def _pacemaker(abnormality: Abnormality, frame: Frame, stream: Stream) -> Device:
    """A generator under the clavicle, a lead to the right atrium and one to the right ventricle's apex."""
    sign, x = SIGN[abnormality.side or Side.RIGHT], frame.pose.turned
    case = sign * stream.between(0.48, 0.58), _level(frame, stream.between(0.18, 0.26))
    vein = [
        (case[0] - sign * 0.05, case[1]),
        (x + sign * 0.32, _level(frame, 0.09)),
        (x + sign * 0.12, _level(frame, 0.18)),
    ]
    vein += [(x, _level(frame, 0.26))] if sign > 0 else []
    vein += [(x + CAVA, _level(frame, 0.38)), (x + CAVA - 0.01, _level(frame, 0.62))]
    atrium = [*vein, (x - 0.12, _level(frame, 0.70)), (x - 0.05, _level(frame, 0.66))]
    ventricle = [*vein, (x + 0.02, _level(frame, 0.83)), (x + stream.between(0.18, 0.26), _level(frame, 0.86))]
    return Device(abnormality, tuple(Line(curve(way, 3), 0.0, 0.015, 0.22) for way in (atrium, ventricle)), case=case)


def _chest_tube(abnormality: Abnormality, frame: Frame, stream: Stream) -> Device:
    sign, width = SIGN[abnormality.side or Side.RIGHT], frame.body.width
    way = (
        (sign * (width + 0.24), _level(frame, stream.between(0.70, 0.80))),
        (sign * (width - 0.06), _level(frame, 0.66)),
        (sign * (0.72 * width), _level(frame, 0.40)),
        (sign * stream.between(0.26, 0.34), _level(frame, stream.between(0.10, 0.18))),
    )
    return Device(abnormality, (Line(curve(way), 0.02, 0.013, 0.20),))


def _sternal_wires(abnormality: Abnormality, frame: Frame, stream: Stream) -> Device:
    x = 1.3 * frame.pose.turned + stream.between(-0.01, 0.01)
    levels = [_level(frame, 0.28 + 0.09 * k + stream.between(-0.012, 0.012)) for k in range(6)]
    rings = tuple(((x + stream.between(-0.012, 0.012), y), stream.between(0.030, 0.040), 0.024) for y in levels)
    return Device(abnormality, rings=rings)


BUILDERS: dict[Form | None, Callable[[Abnormality, Frame, Stream], Device]] = {
    Form.ENDOTRACHEAL_TUBE: _endotracheal_tube,
    Form.GASTRIC_TUBE: _gastric_tube,
    Form.CENTRAL_LINE: _central_line,
    Form.PACEMAKER: _pacemaker,
    Form.CHEST_TUBE: _chest_tube,
    Form.STERNAL_WIRES: _sternal_wires,
}
