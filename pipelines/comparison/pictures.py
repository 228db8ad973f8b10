"""A comparison's pictures: every difference with its interval, and the drafts of the studies that changed most."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
from matplotlib.axes import Axes
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from model.drawing import BACKGROUND, MARGIN, OVERSAMPLING, PLAIN, draw_report, font
from model.pixels import Geometry, to_display
from model.report import GroundedReport
from pipelines.comparison.compared import Comparison
from pipelines.comparison.differences import Difference
from pipelines.comparison.runs import GROUNDING, Run
from pipelines.examples import read_drafts, report_text
from pipelines.exploration.figures import INK, MUTED, POSITIVE, RULE, drawn
from pipelines.manifest import read_manifest
from pipelines.shards import first_image

WIDTH, ROW = 11.4, 0.21  # inches
PICTURES = 6
"""Studies whose drafts are drawn."""
HEAD, LETTERS = 64, 22
"""Pixels: the band above two drafts, and the size of the names in it."""


def draw_differences(comparison: Comparison, path: Path) -> None:
    """A dot and its 95 % interval a figure, b - a: of the whole on the left, of each observation on the right.

    Only figures from 0 to 1 share an axis; the others are in the table.
    """
    panels = {
        "Figures": {d.name: d for d in comparison.figures},
        "F1 of each observation": of_observations(comparison, "f1."),
        "Grounding IoU of each observation": of_observations(comparison, f"{GROUNDING}."),
    }
    shown = {title: {name: d for name, d in found.items() if bounded(d)} for title, found in panels.items()}
    whole, f1, grounding = shown
    rows = [max(1, len(shown[title])) for title in (f1, grounding)]
    with drawn(path, WIDTH, 1.6 + ROW * max(len(shown[whole]), sum(rows))) as picture:
        said = f"{comparison.b.name} less {comparison.a.name}, {comparison.summary}"
        filled = "filled: more than chance, by Holm over the figures of a table"
        picture.suptitle(f"{said}\n{filled}", fontsize=9, color=MUTED)
        grid = picture.subplot_mosaic([[whole, f1], [whole, grounding]], height_ratios=rows)
        for title, axes in grid.items():
            forest(axes, shown[title])
            axes.set_title(title)


def of_observations(comparison: Comparison, prefix: str) -> dict[str, Difference]:
    return {d.name.removeprefix(prefix): d for d in comparison.findings if d.name.startswith(prefix)}


def bounded(d: Difference) -> bool:
    return all(0 <= value <= 1 for value in (d.a, d.b)) and bool(np.isfinite([d.low, d.high]).all())


def forest(axes: Axes, found: Mapping[str, Difference]) -> None:
    axes.axvline(0, color=MUTED, linewidth=1, zorder=0)
    for place, d in enumerate(found.values()):
        colour = POSITIVE if d.stands else INK
        axes.plot([d.low, d.high], [place, place], color=colour, linewidth=1.4)
        axes.plot([d.value], [place], "o", color=colour, mfc=colour if d.stands else "white", markersize=4)
    axes.set_yticks(range(len(found)), list(found), fontsize=8)
    axes.set_ylim(max(1, len(found)) - 0.5, -0.5)
    axes.grid(axis="x", color=RULE, linewidth=0.8)
    axes.tick_params(length=0)


def draw_changed(comparison: Comparison, data: Path, folder: Path) -> str | None:
    """Draw the drafts of the most changed studies side by side, `changed_1.png` and on; None when that was done.

    Args:
        data: the ingested set; the radiographs are read from it.

    Returns:
        Why there is no picture.
    """
    wanted = list(comparison.studies.study_id.head(PICTURES))
    if not wanted:
        return "no study changed"
    drafts = [drafts_of(run, wanted) for run in (comparison.a, comparison.b)]
    if any(len(found) < len(wanted) for found in drafts):
        return "the drafts are not at hand"
    patients = dict(zip(comparison.a.figures.study_ids, comparison.a.figures.patient_ids, strict=True))
    images = dict(radiographs(data, {study_id: patients[study_id] for study_id in wanted}))
    if len(images) < len(wanted):
        return f"the radiographs are not in {data}"
    names = [f"a   {comparison.a.name}", f"b   {comparison.b.name}"]
    for place, study_id in enumerate(wanted, start=1):
        pages = [draw_draft(images[study_id], found[study_id]) for found in drafts]
        beside(names, pages).save(folder / f"changed_{place}.png")
    return None


def drafts_of(run: Run, wanted: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    path = run.folder / "drafts.jsonl"
    if not path.is_file():
        return {}
    return {line["study_id"]: line for line in read_drafts(path) if line["study_id"] in wanted}


def radiographs(data: Path, wanted: Mapping[str, str]) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """The first image of each study that the set holds, ready for display.

    Args:
        wanted: study and patient; a set may have a study of that id of another patient.
    """
    if not (data / "manifest.parquet").is_file():
        return
    table = read_manifest(data)
    rows = table.filter(pc.field("study_id").isin(list(wanted))).select(["study_id", "patient_id", "shard", "images"])
    for row in rows.to_pylist():
        if row["patient_id"] == wanted[row["study_id"]]:
            yield row["study_id"], to_display(first_image(data, row))


def draw_draft(image: NDArray[np.uint8], line: Mapping[str, Any]) -> Image.Image:
    """One model's draft. Its maps are laid over the picture as its own resolution would have them, unrounded."""
    height, width = image.shape
    geometry = Geometry.fit(width, height, max(width, height))
    return draw_report(image, GroundedReport.from_json(line["draft"]), geometry, report_text(line["reference"]))


def beside(names: Sequence[str], pages: Sequence[Image.Image]) -> Image.Image:
    """Pages from left to right, each under its name."""
    size = (sum(page.width for page in pages), HEAD + max(page.height for page in pages))
    sheet = Image.new("RGB", size, BACKGROUND)
    pen, left = ImageDraw.Draw(sheet), 0
    for name, page in zip(names, pages, strict=True):
        pen.text((left + MARGIN, MARGIN), name, font=font(LETTERS / OVERSAMPLING, bold=True), fill=PLAIN, anchor="lm")
        sheet.paste(page, (left, HEAD))
        left += page.width
    return sheet
