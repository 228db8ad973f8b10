"""Random streams and the few operations that pictures are made of, each exact under IEEE 754.

Libraries differ in the last digit of exp, sin or pow from one processor to the next; + - * / and sqrt do not. Random
numbers come from PCG64 as integers and uniform doubles alone, so that no library's own sampling enters a picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float64]
T = TypeVar("T")


class Stream:
    """A random stream of its own for one purpose: `Stream(seed, "study", 17)` depends on nothing else."""

    def __init__(self, *key: int | str) -> None:
        self._digest = sha256("/".join(str(part) for part in key).encode()).digest()
        self._generator = np.random.Generator(np.random.PCG64(int.from_bytes(self._digest[:16], "big")))

    def between(self, low: float, high: float) -> float:
        """A float in [low, high)."""
        return low + (high - low) * float(self._generator.random())

    def whole(self, low: int, high: int) -> int:
        """An integer in [low, high)."""
        return int(self._generator.integers(low, high))

    def chance(self, probability: float) -> bool:
        return float(self._generator.random()) < probability

    def pick(self, choices: Sequence[T], weights: Sequence[float] | None = None) -> T:
        """One of the choices, each as likely as its weight."""
        if weights is None:
            return choices[self.whole(0, len(choices))]
        left = self.between(0.0, sum(weights))
        for choice, weight in zip(choices, weights, strict=True):
            left -= weight
            if left < 0:
                return choice
        return choices[-1]

    def field(self, rows: int, columns: int) -> Field:
        """Independent values in [0, 1), float64 (rows, columns)."""
        return self._generator.random((rows, columns))

    def grain(self, rows: int, columns: int) -> Field:
        """Film grain: near-normal values of mean 0 and deviation 1 (sums of four uniform bytes), float64."""
        octets = np.frombuffer(self._generator.bytes(4 * rows * columns), np.uint8).reshape(4, rows, columns)
        grain: Field = (octets.sum(axis=0, dtype=np.int64) - 510.0) / 147.8
        return grain


def clamp(x: Field, low: float, high: float) -> Field:
    """x held within [low, high], a new array."""
    held: Field = np.maximum(x, low)
    return np.minimum(held, high, out=held)


def smooth(x: Field) -> Field:
    """0 below 0, 1 above 1, and the cubic 3x^2 - 2x^3 between."""
    t = clamp(x, 0.0, 1.0)
    square: Field = t * t
    t *= -2.0
    t += 3.0
    square *= t
    return square


def inside(distance: Field, softness: float) -> Field:
    """1 well inside an outline (distance > 0), 0 well outside, smooth over `softness` about it."""
    t = distance / softness
    t += 0.5
    return smooth(t)


def bump(distance: Field, radius: float) -> Field:
    """1 at distance 0, falling smoothly to 0 at `radius`."""
    t = distance / radius
    t *= t
    t = np.maximum(1.0 - t, 0.0)
    t *= t
    return t


def periodic(position: Field, spacing: float) -> Field:
    """Signed distance from the nearest multiple of `spacing`."""
    return position - spacing * np.floor(position / spacing + 0.5)


def turn(t: float) -> tuple[float, float]:
    """Cosine and sine of the angle whose half has the tangent `t`: rational, hence exact everywhere."""
    return (1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t)


def clouds(stream: Stream, rows: int, columns: int, cells: int) -> Field:
    """Smooth value noise in [0, 1), float64 (rows, columns): `cells` random values along the shorter side.

    The same place of a picture's middle square has the same value at any size; a longer side repeats the values.
    """
    lattice = stream.field(cells + 1, cells + 1)
    top, bottom, down = _cells(rows, cells, min(rows, columns))
    left, right, across = _cells(columns, cells, min(rows, columns))
    mixed = lattice[top] * (1.0 - down)[:, None] + lattice[bottom] * down[:, None]
    both: Field = mixed[:, left] * (1.0 - across) + mixed[:, right] * across
    return both


def _cells(pixels: int, cells: int, shorter: int) -> tuple[NDArray[np.int64], NDArray[np.int64], Field]:
    """For each pixel along a side the lattice values before and behind it, and the weight of the one behind."""
    position = (np.arange(pixels) + 0.5 * (1 + shorter - pixels)) * (cells / shorter)
    cell = np.floor(position).astype(np.int64)
    return cell % (cells + 1), (cell + 1) % (cells + 1), smooth(position - cell)


@dataclass(frozen=True, slots=True)
class Noise:
    """Smooth value noise over the plane: a square lattice of values in [0, 1), repeated."""

    lattice: Field

    @classmethod
    def draw(cls, stream: Stream, period: int) -> "Noise":
        return cls(stream.field(period, period))

    def at(self, u: Field, v: Field) -> Field:
        """The noise at (u, v), of their shape and of mean 0, within [-0.75, 0.75].

        Two octaves, the coarse one with a lattice step of 1, each turned so that no lattice shows.
        """
        coarse = self._between(0.8 * u + 0.6 * v, 0.8 * v - 0.6 * u)
        return coarse + 0.5 * self._between(2.1 * u - 1.4 * v, 2.1 * v + 1.4 * u) - 0.75

    def _between(self, u: Field, v: Field) -> Field:
        left, top = np.floor(u), np.floor(v)
        right, down = smooth(u - left), smooth(v - top)
        period = len(self.lattice)
        column, row = left.astype(np.int64) % period, top.astype(np.int64) % period
        beside, below = (column + 1) % period, (row + 1) % period
        upper = self.lattice[row, column] * (1.0 - right) + self.lattice[row, beside] * right
        lower = self.lattice[below, column] * (1.0 - right) + self.lattice[below, beside] * right
        mixed: Field = upper + (lower - upper) * down
        return mixed
