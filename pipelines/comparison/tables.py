"""A comparison as tables: to be read in a terminal, and as CSV."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict

import pandas as pd

from pipelines.comparison.compared import Comparison
from pipelines.comparison.differences import Difference

SHOWN = 10
"""Studies in the terminal."""
HEAD = ("", "a", "b", "b - a", "95 % interval", "p", "patients")
NOTE = (
    "b - a with its paired 95 % interval: patients drawn with replacement, the same for both. p of the paired "
    "randomisation test, by Holm over the figures of its table; * where it is below 0.05. patients: those with a study "
    "that counts."
)


def text(comparison: Comparison) -> str:
    """What the command prints."""
    parts = [
        f"a = {comparison.a.name}, b = {comparison.b.name}: {comparison.summary}",
        *(f"WARNING: {warning}" for warning in comparison.warnings),
        aligned([HEAD, *rows(comparison.figures)], "<>>>>>>"),
        aligned([HEAD, *rows(comparison.findings)], "<>>>>>>"),
        NOTE,
        studies_text(comparison.studies),
    ]
    return "\n\n".join(parts)


def rows(differences: Sequence[Difference]) -> Iterator[tuple[str, ...]]:
    for d in differences:
        interval = f"[{number(d.low, '+')}, {number(d.high, '+')}]"
        p = "-" if math.isnan(d.p_adjusted) else f"{d.p_adjusted:.3f}{'*' if d.stands else ''}"
        yield d.name, number(d.a), number(d.b), number(d.value, "+"), interval, p, f"{d.n_patients}"


def number(value: float, sign: str = "") -> str:
    """Three decimals; a dash where undefined.

    >>> number(-0.00004, "+"), number(float("nan"))
    ('+0.000', '-')
    """
    return "-" if math.isnan(value) else f"{round(value, 3) + 0.0:{sign}.3f}"


def aligned(table: Sequence[tuple[str, ...]], sides: str) -> str:
    """Columns of equal width, each to the side that `sides` says for it, "<" or ">"."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = []
    for row in table:
        cells = (f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True))
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def studies_text(studies: pd.DataFrame) -> str:
    if studies.empty:
        return "No study changed."
    head = ("study", "change", "gain", "righted", "broken")
    most = [
        (row["study_id"], number(row["change"]), number(row["gain"], "+"), row["righted"] or "-", row["broken"] or "-")
        for row in studies.head(SHOWN).to_dict("records")
    ]
    return f"{len(studies)} studies changed; the most:\n{aligned([head, *most], '<>><<')}"


def frame(differences: Sequence[Difference]) -> pd.DataFrame:
    """One row a figure, with every field of Difference."""
    return pd.DataFrame([asdict(d) | {"stands": d.stands} for d in differences])
