"""The figures, drawn by matplotlib without a display; the same numbers give the same bytes.

Colours: blue, orange and gray, told apart by a colour-blind reader and in print.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from matplotlib.typing import RcKeyType

from pipelines.exploration.disclosure import LEAST, shown
from pipelines.exploration.lengths import LENGTHS, MOST_FINDINGS
from pipelines.exploration.observations import STATED
from pipelines.exploration.regions import Regions

INK, MUTED, RULE = "#1b2026", "#5d6874", "#dde2e7"
POSITIVE, UNCERTAIN, NEGATIVE = "#1f5f99", "#e0892b", "#c8d0d8"
COLOURS = {"positive": POSITIVE, "uncertain": UNCERTAIN, "negative": NEGATIVE}
BLUES = LinearSegmentedColormap.from_list("share", ["#ffffff", "#9dc3e6", "#1f5f99", "#12395c"])
HEAT = LinearSegmentedColormap.from_list("region", ["#ffb000", "#ff6a00", "#d7191c"])

STYLE: dict[RcKeyType, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": RULE,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "svg.hashsalt": "radassist",
    "svg.fonttype": "path",
}
BINS, LONGEST_SHOWN = 40, 0.995  # the longest 0.5 % of reports stand in the last bin
PANELS_A_ROW = 5
PERCENT = PercentFormatter(1, decimals=0, symbol=" %")
WIDTH = 11.4  # inches: the width of the page's column at 100 px an inch
TITLES = {"given": "Labels that the set brings", "read": "Read off the reports"}
"""What each kind of labels is called."""


@contextmanager
def drawn(path: Path, width: float, height: float) -> Iterator[Figure]:
    """A figure, in inches, that is written to `path` (SVG, or PNG at two pixels a point of the page) when drawn."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        figure.savefig(path, dpi=200, metadata={"Date" if path.suffix == ".svg" else "Software": None})


def report_lengths(path: Path, studies: pd.DataFrame, max_tokens: int) -> None:
    """A histogram of each length that the set knows, its median marked; tokens with the limit of the model."""
    names = [name for name in LENGTHS if studies[name].count() >= LEAST]
    with drawn(path, WIDTH, 2.9) as figure:
        for axes, name in zip(np.ravel(figure.subplots(1, len(names), squeeze=False)), names, strict=True):
            values = studies[name].dropna()
            limit = max_tokens if name == "report_tokens" else 0
            longest = max(float(values.quantile(LONGEST_SHOWN)), 1.05 * limit)
            step = max(1, round(longest / BINS))
            edges = np.arange(0, longest + 2 * step, step) - 0.5  # each bar holds equally many whole numbers
            kept = values.clip(upper=edges[-1])
            heights, _, _ = axes.hist(kept, bins=list(edges), color=POSITIVE, edgecolor="white", linewidth=0.4)
            axes.set_ylim(0, 1.22 * max(heights))
            mark(axes, float(values.median()), f"median {values.median():,.0f}", INK)
            if limit:
                mark(axes, limit, f"cut at {limit:,}", UNCERTAIN, 0.86)
            axes.set(title=LENGTHS[name].capitalize(), ylabel="reports" if axes is figure.axes[0] else "")
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))


def mark(axes: Axes, x: float, text: str, colour: str, height: float = 0.97) -> None:
    """A vertical line with its name, on the side that has room."""
    axes.axvline(x, color=colour, linewidth=1.4, linestyle=(0, (4, 2)))
    left = x > 0.6 * axes.get_xlim()[1]
    axes.annotate(
        text,
        (x, height),
        (-5 if left else 5, 0),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="right" if left else "left",
        va="top",
        fontsize=9,
        color=colour,
    )


def observation_bars(path: Path, observations: pd.DataFrame) -> None:
    """How each observation is stated, as shares of the labelled studies; a panel for each kind of labels."""
    kinds = [kind for kind in TITLES if f"{kind}_positive" in observations]
    with drawn(path, WIDTH, 4.3) as figure:
        grid = figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
        for axes, kind in zip(grid, kinds, strict=True):
            counts = observations[[f"{kind}_{name}" for name in STATED]].set_axis(list(STATED), axis=1)
            share = counts.mask((counts > 0) & (counts < LEAST), 0).div(counts.sum(axis=1), axis=0)
            left = np.zeros(len(share))
            for name, colour in COLOURS.items():
                axes.barh(share.index, share[name], left=left, color=colour, label=name, height=0.72)
                left += share[name].to_numpy()
            for row, (value, end) in enumerate(zip(share.positive, left, strict=True)):
                if value:
                    axes.text(end + 0.012, row, f"{100 * value:.0f} %", va="center", fontsize=9, color=POSITIVE)
            axes.set(title=f"{TITLES[kind]} (n = {shown(int(counts.iloc[0].sum()))})", xlim=(0, 1.09))
            axes.xaxis.set_major_formatter(PERCENT)
            axes.tick_params(axis="y", length=0, labelcolor=INK)
            axes.grid(axis="x", color=RULE)
            axes.spines["left"].set_visible(False)
        grid[0].invert_yaxis()
        handles, labels = grid[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)


def co_occurrence(path: Path, together: pd.DataFrame) -> None:
    """Of the studies with the observation of the row, the share with that of the column, as a heat map."""
    alone = pd.Series(np.diag(together), together.index)
    names = list(alone.index[alone >= LEAST])
    counts = together.loc[names, names].to_numpy()
    share = counts / np.diag(counts)[:, None]
    hidden = np.eye(len(names), dtype=bool) | ((counts > 0) & (counts < LEAST))
    side = 1.6 + 0.56 * len(names)
    with drawn(path, min(WIDTH, 2.6 + side), side) as figure:
        axes = figure.subplots()
        image = axes.imshow(np.ma.array(share, mask=hidden), cmap=BLUES, vmin=0, vmax=1, aspect="auto")
        for row, column in np.ndindex(*share.shape):
            text, colour = f"{100 * share[row, column]:.0f} %", "white" if share[row, column] > 0.45 else INK
            if row == column:
                text, colour = "–", MUTED
            elif hidden[row, column]:
                text, colour = f"< {LEAST}", MUTED
            axes.text(column, row, text, ha="center", va="center", fontsize=9, color=colour)
        axes.set_xticks(range(len(names)), names, rotation=40, ha="left", rotation_mode="anchor", color=INK)
        axes.set_yticks(range(len(names)), [f"{name}  ({alone[name]:,})" for name in names], color=INK)
        axes.xaxis.tick_top()
        axes.set_xticks(np.arange(0.5, len(names) - 1), minor=True)
        axes.set_yticks(np.arange(0.5, len(names) - 1), minor=True)
        axes.grid(which="minor", color="white", linewidth=2)
        axes.tick_params(which="both", length=0)
        axes.spines[:].set_visible(False)
        bar = figure.colorbar(image, ax=axes, shrink=0.6, aspect=28, format=PERCENT)
        bar.outline.set_visible(False)


def length_by_findings(path: Path, table: pd.DataFrame) -> None:
    """A box for each number of findings: quartiles and median, whiskers from the 5th to the 95th percentile."""
    boxes = [
        {"med": row.median, "q1": row.p25, "q3": row.p75, "whislo": row.p5, "whishi": row.p95}
        for row in table.itertuples()
    ]
    names = [
        f"{findings}{' or more' if findings == MOST_FINDINGS else ''}\nn = {reports:,}"
        for findings, reports in table.reports.items()
    ]
    with drawn(path, 0.8 * WIDTH, 3.4) as figure:
        axes = figure.subplots()
        axes.bxp(
            boxes,
            showfliers=False,
            patch_artist=True,
            widths=0.56,
            boxprops={"facecolor": "#dbe8f4", "edgecolor": POSITIVE},
            medianprops={"color": POSITIVE, "linewidth": 2.2},
            whiskerprops={"color": MUTED},
            capprops={"color": MUTED},
        )
        axes.set_xticks(range(1, len(names) + 1), names, fontsize=9)
        axes.set(xlabel="positive findings in the report", ylabel="words in the report", ylim=(0, None))
        axes.grid(axis="y", color=RULE)


def mean_regions(path: Path, regions: Regions) -> None:
    """A panel for each finding with a region in LEAST studies or more: its mean region over the mean radiograph."""
    drawable = [finding for finding, studies in regions.studies.items() if studies >= LEAST]
    rows = -(-len(drawable) // PANELS_A_ROW)
    with drawn(path, WIDTH, rows * (WIDTH / PANELS_A_ROW * regions.aspect + 0.45)) as figure:
        grid = figure.subplots(rows, PANELS_A_ROW, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for axes, finding in zip(grid.flat, drawable, strict=False):
            share = regions.share[finding]
            extent = (0.0, 1.0, regions.aspect, 0.0)
            if regions.radiograph is not None:
                axes.imshow(regions.radiograph, cmap="gray", vmin=0, vmax=330, extent=extent)
            peak = float(share.max())
            opacity = np.clip(share / peak, 0, 1) * 0.8
            axes.imshow(share / peak, cmap=HEAT, vmin=0, vmax=1, alpha=opacity, extent=extent, interpolation="bilinear")
            line = "white" if regions.radiograph is not None else INK
            axes.contour(share / peak, [0.5], colors=line, linewidths=0.9, extent=extent, origin="upper")
            axes.set_title(f"{finding}\n", fontsize=9)
            told = f"{regions.studies[finding]:,} studies, peak {100 * peak:.0f} %"
            axes.text(0, -0.03, told, fontsize=8.5, color=MUTED)
