"""A confidence sequence against its guardrail, as SVG text that takes its colours from the page."""

from collections.abc import Sequence

from pipelines.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, path, ticks
from release.evidence import Reading

LEAST_SPAN = 0.02


def sequence_chart(
    hours: Sequence[float], readings: Sequence[Reading], margin: float, changes: Sequence[tuple[float, float]]
) -> str:
    """The bounds as a band, the estimate as a line, 0 and the margin as levels, each change of the share as a post.

    The difference is in percentage points, the time in days, or in hours or minutes where there are few. Bounds beyond
    the frame run along its edge: they say nothing yet.
    """
    known = [r for r in readings if r.estimate is not None]
    span = max([LEAST_SPAN, 2.5 * margin, *(1.3 * abs(r.estimate) for r in known[len(known) // 4 :] if r.estimate)])
    span = min(1.0, span)
    unit, name = _unit(hours[-1])

    def x(hour: float) -> float:
        return LEFT + (hour - hours[0]) / ((hours[-1] - hours[0]) or 1) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        inside = max(-span, min(span, value))
        return HEIGHT - BOTTOM - (inside + span) / (2 * span) * (HEIGHT - TOP - BOTTOM)

    parts = [f'<svg class="chart sequence" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">']
    upper = [(x(hour), y(r.high)) for hour, r in zip(hours, readings, strict=True)]
    lower = [(x(hour), y(r.low)) for hour, r in zip(hours, readings, strict=True)]
    parts.append(f'<path class="band" d="{path([*upper, *reversed(lower)])}Z"/>')
    for value in ticks(-100 * span, 100 * span):
        parts.append(_level("grid", y(value / 100)))
        parts.append(f'<text x="{LEFT - 8}" y="{y(value / 100) + 4:.1f}" text-anchor="end">{_signed(value)}</text>')
    marks = ticks(hours[0] / unit, hours[-1] / unit, 8) if hours[-1] > hours[0] else []
    parts += [
        f'<text x="{x(mark * unit):.1f}" y="{HEIGHT - 14}" text-anchor="middle">{mark:g}</text>'
        for mark in marks
        if x(mark * unit) < WIDTH - RIGHT - 62  # where the unit stands
    ]
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 14}" text-anchor="end">{name}</text>')
    for hour, weight in changes:
        parts.append(f'<line class="post" x1="{x(hour):.1f}" x2="{x(hour):.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
        parts.append(f'<text class="share" x="{x(hour) + 3:.1f}" y="{TOP + 9}">{weight:.0%}</text>')
    parts += [_level("level", y(0.0)), _level("guardrail", y(margin))]
    line = [None if r.estimate is None else (x(hour), y(r.estimate)) for hour, r in zip(hours, readings, strict=True)]
    parts.append(f'<path class="line line-0" d="{path(line)}"/>')
    return "".join([*parts, "</svg>"])


def _level(kind: str, y: float) -> str:
    return f'<line class="{kind}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'


def _signed(value: float) -> str:
    """
    >>> _signed(0.0), _signed(5.0), _signed(-2.5)
    ('0', '+5', '−2.5')
    """
    return f"{value:+g}".replace("-", "−") if value else "0"


def _unit(hours: float) -> tuple[float, str]:
    """How many hours a unit of the axis has, and its name."""
    if hours >= 48:
        return 24.0, "days"
    return (1.0, "hours") if hours >= 2 else (1 / 60, "minutes")
