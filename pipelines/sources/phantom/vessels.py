"""The branching shadow of the pulmonary vessels: two trees that leave the hila and thin out towards the chest wall."""

from dataclasses import dataclass

import numpy as np

from model.findings import Side
from pipelines.sources.phantom.anatomy import SIGN, Frame
from pipelines.sources.phantom.fields import Field, Stream, bump, clamp, turn
from pipelines.sources.phantom.projection import Projection
from pipelines.sources.phantom.strokes import around

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


def shadow(frame: Frame, projection: Projection, x: Field, y: Field) -> Field:
    """Vessel density before the lungs' outline is laid over it, 0 to 1; (x, y) are the picture's chest coordinates."""
    density = np.zeros_like(x)
    stream = Stream(frame.body.vessel_key, "vessels")
    hilum_y = frame.top + 0.50 * frame.height
    for lung, lift in ((Side.RIGHT, 0.0), (Side.LEFT, 0.04)):
        for piece in draw_tree(stream, lung, hilum_y - lift):
            radius = max(piece.radius, 1.1 * projection.pixel)
            end = piece.x + piece.across * piece.length, piece.y + piece.down * piece.length
            window = projection.window(*around(((piece.x, piece.y), end), radius))
            _stamp(density[window], x[window] - piece.x, y[window] - piece.y, piece, radius)
    return density


def _stamp(density: Field, x: Field, y: Field, piece: Piece, radius: float) -> None:
    """Add one piece, drawn `radius` thick, at the points (x, y) from its start."""
    along = clamp(x * piece.across + y * piece.down, 0.0, piece.length)
    x -= along * piece.across
    y -= along * piece.down
    thickness = min(1.0, piece.radius / radius) * min(1.0, piece.radius / 0.012)
    np.maximum(density, thickness * bump(np.sqrt(x * x + y * y), radius), out=density)
