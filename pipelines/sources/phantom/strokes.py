"""Lines drawn through a few points: tubes, wires and bands."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from pipelines.sources.phantom.fields import Field

Point = tuple[float, float]


def curve(points: Sequence[Point], pieces: int = 5) -> tuple[Point, ...]:
    """A Catmull-Rom spline through the points, as the corners of a polyline with `pieces` pieces a span."""
    ends = (points[0], *points, points[-1])
    corners = [points[0]]
    for a, b, c, d in zip(ends, ends[1:], ends[2:], ends[3:], strict=False):
        for k in range(1, pieces + 1):
            t = k / pieces
            corners.append((_spline(a[0], b[0], c[0], d[0], t), _spline(a[1], b[1], c[1], d[1], t)))
    return tuple(corners)


def _spline(a: float, b: float, c: float, d: float, t: float) -> float:
    return 0.5 * (2 * b + t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a))))


def distance(line: Sequence[Point], x: Field, y: Field) -> Field:
    """Distance of the points (x, y) from a polyline, of the points' shape."""
    nearest = np.full(x.shape, 1e6)
    for (ax, ay), (bx, by) in pairwise(line):
        run_x, run_y = bx - ax, by - ay
        across, down = x - ax, y - ay
        along = (across * run_x + down * run_y) / (run_x * run_x + run_y * run_y)
        np.clip(along, 0.0, 1.0, out=along)
        across -= along * run_x
        down -= along * run_y
        across *= across
        down *= down
        across += down
        np.minimum(nearest, across, out=nearest)
    np.sqrt(nearest, out=nearest)
    return nearest


def around(points: Sequence[Point], margin: float) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of the box around the points with a margin."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return min(xs) - margin, min(ys) - margin, max(xs) + margin, max(ys) + margin
