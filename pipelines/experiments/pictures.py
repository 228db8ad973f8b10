"""An experiment's two pictures: the figures by variant, and how the variants learned."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from pipelines.experiments.spread import spread
from pipelines.experiments.table import of
from pipelines.exploration.figures import INK, POSITIVE, RULE, UNCERTAIN, drawn

FIGURES = {
    "findings_micro_f1": "Findings, micro-F1",
    "bleu_4": "BLEU-4",
    "miou": "Regions, mean IoU",
    "teacher_forced.miou": "The same, told what to write",
}
CURVES = {
    "validate_ce": "Cross-entropy of the words, nats",
    "attention_entropy_located": "Attention entropy of words with a region",
}
COLOURS = (POSITIVE, UNCERTAIN, "#3f8f5f", "#8a5fb0", "#b5524f", "#5d6874", "#4aa3b5")
WIDTH = 11.4  # inches


def draw_figures(runs: pd.DataFrame, reference: str, places: Sequence[str], path: Path) -> None:
    """A panel a figure, a row of panels a scored set: a dot a run, below the dots the mean with its 95 % interval; a
    line through the reference's mean."""
    variants = list(dict.fromkeys(runs.variant))
    with drawn(path, WIDTH, len(places) * (0.7 + 0.36 * len(variants))) as picture:
        grid = picture.subplots(len(places), len(FIGURES), squeeze=False)
        for place, row in zip(places, grid, strict=True):
            for (name, title), axes in zip(FIGURES.items(), row, strict=True):
                panel(axes, {variant: of(runs, variant, place + name) for variant in variants}, reference)
                axes.set_title(f"{place}{title}")
                axes.set_yticks(range(len(variants)), variants if axes is row[0] else [""] * len(variants))


def panel(axes: Axes, values: Mapping[str, Sequence[float]], reference: str) -> None:
    axes.axvline(float(np.mean(values[reference])), color=UNCERTAIN, linewidth=1, zorder=0)
    for place, each in enumerate(values.values()):
        found = spread(each)
        axes.plot(each, [place - 0.15] * len(each), "o", color=POSITIVE, markersize=3.5, alpha=0.5)
        axes.plot([found.low, found.high], [place + 0.15] * 2, color=INK, linewidth=1.4)
        axes.plot([found.mean], [place + 0.15], "o", color=INK, markersize=4.5)
    axes.set_ylim(len(values) - 0.5, -0.5)
    axes.grid(axis="x", color=RULE, linewidth=0.8)
    axes.tick_params(length=0)


def draw_curves(histories: Mapping[str, Sequence[Sequence[Mapping[str, float]]]], path: Path) -> None:
    """A panel a curve over the epochs: a line a variant, the mean over its seeds as far as all of them went.

    Args:
        histories: by variant, one history a seed.
    """
    with drawn(path, WIDTH, 3.0) as picture:
        panels = picture.subplots(1, len(CURVES))
        for (name, title), axes in zip(CURVES.items(), panels, strict=True):
            for (variant, seeds), colour in zip(histories.items(), colours(len(histories)), strict=True):
                length = min(len(seed) for seed in seeds)
                mean = np.mean([[line.get(name, np.nan) for line in seed[:length]] for seed in seeds], axis=0)
                axes.plot(range(1, length + 1), mean, color=colour, linewidth=1.5, label=variant)
            axes.set(title=title, xlabel="epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.grid(axis="y", color=RULE, linewidth=0.8)
            axes.tick_params(length=0)
        panels[-1].legend(frameon=False, loc="upper left", bbox_to_anchor=(1.01, 1.02))


def colours(count: int) -> list[str]:
    """One a line; they come again where there are more lines than colours."""
    return [COLOURS[index % len(COLOURS)] for index in range(count)]
