"""Small charts as SVG text: they take their type and colours from the page, print sharp and need no script."""

import math
from collections.abc import Mapping, Sequence

WIDTH, HEIGHT = 460, 210
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 12, 30


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """At most `most` + 1 round numbers (1, 2 or 5 times a power of ten apart) within [low, high].

    >>> ticks(0.0, 4.2)
    [0.0, 1.0, 2.0, 3.0, 4.0]
    """
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 12) for i in range(first, math.floor(high / step + 1e-9) + 1)]


def line_chart(x: Sequence[float], series: Mapping[str, Sequence[float | None]]) -> str:
    """Lines over `x`, epochs or probabilities, at most four, named in a legend. What is None or not finite is a gap."""
    values = [v for line in series.values() for v in line if v is not None and math.isfinite(v)]
    if not values:
        return ""
    low, high = min(0.0, *values), max(values)
    high = high if high > low else low + 1
    x_low, x_high = x[0], x[-1] if x[-1] > x[0] else x[0] + 1

    def at(a: float, b: float) -> tuple[float, float]:
        return (
            LEFT + (a - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - (b - low) / (high - low) * (HEIGHT - TOP - BOTTOM),
        )

    parts = [f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{", ".join(series)}">']
    for value in ticks(low, high):
        y = at(x_low, value)[1]
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    shown = [v for v in ticks(x_low, x_high, 8) if v == int(v) or x_high - x_low < 1]
    parts += [f'<text x="{at(v, low)[0]:.1f}" y="{HEIGHT - 10}" text-anchor="middle">{v:g}</text>' for v in shown]
    ends = [line[-1] for line in series.values() if line[-1] is not None and math.isfinite(line[-1])]
    lines_end_high = bool(ends) and max(ends) > (low + high) / 2
    legend = HEIGHT - BOTTOM - 17 * len(series) if lines_end_high else TOP + 8
    for index, (name, line) in enumerate(series.items()):
        points = [(at(a, b) if b is not None and math.isfinite(b) else None) for a, b in zip(x, line, strict=True)]
        parts.append(f'<path class="line line-{index}" d="{path(points)}"/>')
        parts += [f'<circle class="dot line-{index}" cx="{p[0]:.1f}" cy="{p[1]:.1f}" r="2"/>' for p in points if p]
        y = legend + 17 * index
        parts.append(f'<line class="line line-{index}" x1="{WIDTH - 128}" x2="{WIDTH - 108}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{WIDTH - 102}" y="{y + 4}">{name}</text>')
    return "".join([*parts, "</svg>"])


def path(points: Sequence[tuple[float, float] | None]) -> str:
    """SVG path data that lifts the pen over gaps."""
    commands, drawing = [], False
    for point in points:
        if point is not None:
            commands.append(f"{'L' if drawing else 'M'}{point[0]:.1f} {point[1]:.1f}")
        drawing = point is not None
    return "".join(commands)


def strip(value: float | None, low: float | None, high: float | None, bound: float | None) -> str:
    """A figure between 0 and 1 on one line: its interval as a bar, its value as a dot, the bound as a tick."""
    width, height = 180, 18
    known = [v for v in (value, low, high, bound) if v is not None]
    if not known or min(known) < 0 or max(known) > 1:
        return ""
    parts = [f'<svg class="strip" viewBox="0 0 {width} {height}" width="{width}" height="{height}">']
    parts.append(f'<line class="rail" x1="4" x2="{width - 4}" y1="9" y2="9"/>')

    def at(v: float) -> float:
        return 4 + v * (width - 8)

    if low is not None and high is not None:
        parts.append(f'<line class="interval" x1="{at(low):.1f}" x2="{at(high):.1f}" y1="9" y2="9"/>')
    if bound is not None:
        parts.append(f'<line class="bound" x1="{at(bound):.1f}" x2="{at(bound):.1f}" y1="2" y2="16"/>')
    if value is not None:
        parts.append(f'<circle class="value" cx="{at(value):.1f}" cy="9" r="4"/>')
    return "".join([*parts, "</svg>"])
