"""The pieceing shadow of the pulmonary vessels: two trees that leave the hila and thin out towards the chest wall."""

from dataclasses import dataclass

import numpy as np

from model.findings import Side
from pipelines.sources.phantom.anatomy import SIGN, Body, Pose
from pipelines.sources.phantom.fields import Field, Stream, bump, clamp, turn

PIECES = 4


@dataclass(frozen=True, slots=True)
class Piece:
    """A straight piece of vessel in chest coordinates, `across` and `down` its unit direction."""

    x: float
    y: float
    across: float
    down: float
    length: float
    radius: float


def draw_tree(stream: Stream, side: Side, hilum_y: float) -> list[Piece]:
    """One lung's vessels: trunks that fan out from the hilum, each giving off twigs."""
    tree: list[Piece] = []
    for k in range(7):
        # Tangent of half the angle from straight out: -1 straight up, +1 straight down.
        lean = -0.92 + 1.85 * k / 6 + stream.between(-0.14, 0.14)
        start = SIGN[side] * stream.between(0.13, 0.19), hilum_y + 0.26 * (k / 6 - 0.4)
        for x, y, towards, radius in _grow(tree, stream, start, lean, SIGN[side], stream.between(0.013, 0.022), PIECES):
            if stream.chance(0.7):
                twig = towards + stream.between(0.18, 0.4) * (1.0 if stream.chance(0.5) else -1.0)
                _grow(tree, stream, (x, y), twig, SIGN[side], 0.7 * radius, 1)
    return tree


def _grow(
    tree: list[Piece],
    stream: Stream,
    start: tuple[float, float],
    lean: float,
    sign: float,
    radius: float,
    pieces: int,
) -> list[tuple[float, float, float, float]]:
    """Add a winding vessel; return its joints as (x, y, lean, radius)."""
    joints = []
    x, y = start
    for _ in range(pieces):
        across, down = turn(lean)
        length = stream.between(0.10, 0.18)
        tree.append(Piece(x, y, sign * across, down, length, radius))
        x, y = x + sign * across * length, y + down * length
        lean, radius = lean + stream.between(-0.15, 0.15), 0.78 * radius
        joints.append((x, y, lean, radius))
    return joints


def shadow(body: Body, pose: Pose, side: int) -> Field:
    """Vessel density before the lungs' outline is laid over it, 0 to 1, float64 (side, side)."""
    density = np.zeros((side, side))
    stream = Stream(body.vessel_key, "vessels")
    hilum_y = body.top + 0.50 * (body.base + pose.breath - body.top)
    for lung, lift in ((Side.RIGHT, 0.0), (Side.LEFT, 0.04)):
        for piece in draw_tree(stream, lung, hilum_y - lift):
            _stamp(density, pose, piece)
    return density


def _stamp(density: Field, pose: Pose, piece: Piece) -> None:
    """Add one piece within its own window."""
    side = density.shape[0]
    margin = piece.radius + 0.03 + 2.5 * abs(pose.half_tilt)
    columns = _window(piece.x, piece.across * piece.length, pose.scale, pose.shift_x, margin, side)
    rows = _window(piece.y, piece.down * piece.length, pose.scale, pose.shift_y, margin, side)
    x, y = pose.coordinates(side, rows, columns)
    x -= piece.x
    y -= piece.y
    along = clamp(x * piece.across + y * piece.down, 0.0, piece.length)
    x -= along * piece.across
    y -= along * piece.down
    radius = max(piece.radius, 2.2 / side)
    thickness = min(1.0, piece.radius / radius) * min(1.0, piece.radius / 0.012)
    window = density[rows, columns]
    np.maximum(window, thickness * bump(np.sqrt(x * x + y * y), radius), out=window)


def _window(start: float, run: float, scale: float, shift: float, margin: float, side: int) -> slice:
    """Pixels that a piece from `start` to `start + run` can touch."""
    ends = (start * scale + shift, (start + run) * scale + shift)
    low, high = (min(ends) - margin + 1.0) * side / 2, (max(ends) + margin + 1.0) * side / 2
    return slice(max(0, int(low)), min(side, max(0, int(high)) + 1))
