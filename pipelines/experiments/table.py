"""An experiment's table in Markdown, and its place in `docs/experiments.md`.

The page's words are a person's. A table stands between two comments, and only what is between them is written anew.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple
from pathlib import Path

import pandas as pd

from model.errors import BadInput
from pipelines.experiments.spread import Spread, paired, spread

SCORED = (
    "findings_micro_f1",
    "bleu_4",
    "iou_norm_0.1",
    "miou",
    "miou_image_free",
    "pointing_game",
    "occlusion_ratio",
    "statements_found",
    "matched.iou_norm_0.1",
    "matched.miou",
    "matched.pointing_game",
    "teacher_forced.miou",
    "teacher_forced.pointing_game",
    "grounded_share",
)
TRAINED = ("train.attention_entropy_located",)
"""The figures of the table. Every figure of every run is in MLflow and in the CSV file beside the pictures; so are its
seconds, which on a shared machine tell of the neighbours."""


def table(runs: pd.DataFrame, reference: str, places: Sequence[str] = ("",)) -> str:
    """Two tables: each figure of each variant, and its difference to the reference.

    Args:
        runs: one row a run, the variants in their order: `variant`, `seed`, and a column a figure.
        places: what stands before the figures' names, one for each set that was scored.
    """
    variants = list(dict.fromkeys(runs.variant))
    figures = [name for name in (*(place + name for place in places for name in SCORED), *TRAINED) if name in runs]

    def lines(shown: Sequence[str], cell: Callable[[str, str], str]) -> Iterator[str]:
        yield f"| figure | {' | '.join(f'`{variant}`' for variant in shown)} |"
        yield f"| --- |{' --- |' * len(shown)}"
        for figure in figures:
            yield f"| `{figure}` | {' | '.join(cell(variant, figure) for variant in shown)} |"

    def value(variant: str, figure: str) -> str:
        return value_cell(spread(of(runs, variant, figure)))

    def difference(variant: str, figure: str) -> str:
        return difference_cell(paired(of(runs, variant, figure), of(runs, reference, figure)))

    seeds = runs.seed.nunique()
    said = f"Mean ± standard deviation over {seeds} seeds; below, the 95 % interval of the mean (Student's t)."
    parts = [said, "\n".join(lines(variants, value))]
    if others := [variant for variant in variants if variant != reference]:
        said = f"Difference to `{reference}`, paired by seed, and its 95 % interval; **bold** where that leaves out 0."
        parts += [said, "\n".join(lines(others, difference))]
    return "\n\n".join(parts)


def of(runs: pd.DataFrame, variant: str, figure: str) -> list[float]:
    """A figure of a variant's runs, in the order of the seeds; NaN where it was not measured."""
    values: list[float] = runs[runs.variant == variant].sort_values("seed")[figure].astype(float).tolist()
    return values


def value_cell(found: Spread) -> str:
    mean, sd, low, high = numbers(found)
    return mean if math.isnan(found.sd) else f"{mean} ± {sd}<br>{low} to {high}"


def difference_cell(found: Spread) -> str:
    mean, _, low, high = numbers(found, "+")
    text = mean if math.isnan(found.sd) else f"{mean}<br>{low} to {high}"
    return f"**{text}**" if found.low * found.high > 0 else text


def numbers(found: Spread, sign: str = "") -> list[str]:
    """Mean, sd, low and high with three decimals; around a mean of 10 and more with one.

    >>> numbers(Spread(112.0, 0.42, 110.96, 113.04))
    ['112.0', '0.4', '111.0', '113.0']
    """
    decimals = 1 if abs(found.mean) >= 10 else 3
    return ["-" if math.isnan(value) else f"{value:{sign}.{decimals}f}" for value in astuple(found)]


def put(page: Path, name: str, question: str, content: str) -> None:
    """Write an experiment's content into the page, in its place, or at the page's end under a heading.

    Raises:
        BadInput: the page has one of the two comments.
    """
    begin, end = f"<!-- {name}: written by radassist experiment -->", f"<!-- {name}: end -->"
    text = page.read_text() if page.is_file() else "# Experiments\n"
    if (begin in text) != (end in text):
        raise BadInput(f"{page}", f"{begin} and {end} stand both or not at all", "put the other comment back")
    if begin not in text:
        text = f"{text.rstrip()}\n\n## {name}\n\n{question}\n\n{begin}\n{end}\n"
    before, rest = text.split(begin, 1)
    after = rest.split(end, 1)[1]
    page.write_text(f"{before}{begin}\n\n{content}\n\n{end}{after}")
