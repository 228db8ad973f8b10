"""A monitor's figure over the windows of a stream as a small SVG chart: the band where nothing alarms, and marks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.charts import path, ticks

WIDTH, HEIGHT = 320, 120
LEFT, RIGHT, TOP, BOTTOM = 44, 10, 8, 20


@dataclass(frozen=True, slots=True)
class Timeline:
    """One figure. `values` has an item a window, None where it is not known; `band` is where nothing is alarming, and
    `alarms` tells of each window whether the figure alarmed after it."""

    name: str
    values: Sequence[float | None]
    band: tuple[float, float]
    alarms: Sequence[bool]
    percent: bool = False

    @property
    def alarming(self) -> bool:
        """Now."""
        return bool(self.alarms) and self.alarms[-1]

    @property
    def latest(self) -> str:
        value = self.values[-1] if self.values else None
        return "–" if value is None else self._said(value)

    def svg(self, first: int) -> str:
        """The chart; `first` is the number of its first window, from 1."""
        known = [value for value in self.values if value is not None]
        if not known:
            return ""
        low, high = min(*self.band, *known), max(*self.band, *known)
        margin = 0.06 * (high - low) or 0.5
        low, high = (low if low == 0 else low - margin), high + margin
        steps = max(1, len(self.values) - 1)

        def x(place: float) -> float:
            return LEFT + place / steps * (WIDTH - LEFT - RIGHT)

        def y(value: float) -> float:
            return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

        top, bottom = y(self.band[1]), y(self.band[0])
        parts = [
            f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{self.name}">',
            f'<rect class="band" x="{LEFT}" y="{top:.1f}" width="{WIDTH - LEFT - RIGHT}" height="{bottom - top:.1f}"/>',
            *(
                f'<line class="limit" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(limit):.1f}" y2="{y(limit):.1f}"/>'
                for limit in self.band
                if limit > low
            ),
        ]
        for value in ticks(low, high, 3):
            at = y(value)
            parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
            parts.append(f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{self._said(value)}</text>')
        every = math.ceil(len(self.values) / 8)
        parts += [
            f'<text x="{x(place):.1f}" y="{HEIGHT - 5}" text-anchor="middle">{first + place}</text>'
            for place in range(0, len(self.values), every)
        ]
        points = [None if value is None else (x(place), y(value)) for place, value in enumerate(self.values)]
        parts.append(f'<path class="line line-0" d="{path(points)}"/>')
        for point, alarming in zip(points, self.alarms, strict=True):
            if point is not None:
                kind, radius = ("alarm", 4) if alarming else ("line-0", 2)
                parts.append(f'<circle class="{kind}" cx="{point[0]:.1f}" cy="{point[1]:.1f}" r="{radius}"/>')
        return "".join([*parts, "</svg>"])

    def _said(self, value: float) -> str:
        return f"{value * 100:.3g} %" if self.percent else f"{value:.2g}"
