"""A drafted report as one picture: the radiograph with each finding's region, the sentences beside it.

The number on a region and before its sentence says what their colour says, without colour.
"""

from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from model.findings import Certainty
from model.geometry import Box
from model.overlay import PALETTE, Colour, draw_regions, fitted, region_heat
from model.pixels import Geometry
from model.report import GroundedReport, GroundedSentence, Verdict
from model.study import Section

WIDTH, MARGIN, GUTTER = 1400, 36, 44
PANEL_WIDTH, PANEL_HEIGHT = 680, 780
COLUMN_X = MARGIN + PANEL_WIDTH + GUTTER
COLUMN_WIDTH = WIDTH - MARGIN - COLUMN_X
INDENT, BADGE, DASH = 42, 12, 9
OVERSAMPLING = 2

SAME_PLACE = 0.5  # IoU from which two boxes of one finding are one box to the eye

BACKGROUND: Colour = (19, 22, 26)
PLAIN: Colour = (206, 210, 216)
MUTED: Colour = (146, 153, 163)
FAINT: Colour = (58, 64, 72)
WARNING: Colour = (244, 160, 130)
LEGEND = "Shade and outline: where the sentence rests.  Box: its extent; dashed where the grounding is weak."


class Mark(Enum):
    """How a sentence stands in the picture."""

    REGION = "states a finding and points at it"
    LOST = "states a finding and points nowhere"
    DENIED = "denies a finding"
    PLAIN = "states no finding"


@dataclass(frozen=True, slots=True)
class Entry:
    """A sentence ready to be drawn. `number` counts the findings that have a region, from 1; else None."""

    sentence: GroundedSentence
    mark: Mark
    number: int | None

    @property
    def colour(self) -> Colour:
        if self.number is not None:
            return PALETTE[(self.number - 1) % len(PALETTE)]
        return {Mark.LOST: WARNING, Mark.DENIED: MUTED}.get(self.mark, PLAIN)


def mark_of(sentence: GroundedSentence) -> Mark:
    """How the picture shows a sentence; "No Finding" denies, it has no place of its own."""
    if any(f.certainty is not Certainty.NEGATED and f.observation != "No Finding" for f in sentence.findings):
        return Mark.LOST if sentence.verdict is Verdict.UNGROUNDED else Mark.REGION
    return Mark.DENIED if sentence.findings else Mark.PLAIN


def number_sentences(report: GroundedReport) -> tuple[Entry, ...]:
    """The sentences in reading order; two that state the same finding on the same side share a number."""
    numbers: dict[frozenset[object], int] = {}
    entries = []
    for sentence in sorted(report.sentences, key=lambda s: list(Section).index(s.section)):
        mark = mark_of(sentence)
        stated = frozenset((f.observation, f.side) for f in sentence.findings if f.certainty is not Certainty.NEGATED)
        number = numbers.setdefault(stated, len(numbers) + 1) if mark is Mark.REGION else None
        entries.append(Entry(sentence, mark, number))
    return tuple(entries)


def draw_report(
    image: NDArray[np.uint8], report: GroundedReport, geometry: Geometry, reference: str | None = None
) -> Image.Image:
    """Draw a report beside its radiograph.

    Args:
        image: uint8 (H, W), the radiograph in original pixels, ready for display.
        report: what the model drafted for it.
        geometry: how the original lies in the model's input, to carry the maps back.
        reference: the radiologist's report, shown small below the draft.

    Returns:
        RGB, 1400 px wide, as high as the sentences need. It names no patient and no study.

    Raises:
        ValueError: `image` is not 2-D.
    """
    if image.ndim != 2:
        raise ValueError(f"image of shape {image.shape}: a radiograph is (rows, columns)")
    entries = number_sentences(report)
    panel = draw_panel(image, entries, geometry)
    panel_height = panel.height // OVERSAMPLING
    column_end = write_column(ImageDraw.Draw(Image.new("RGB", (1, 1))), entries, reference)
    height = MARGIN + max(MARGIN + panel_height + 30, column_end)
    page = Image.new("RGB", (WIDTH * OVERSAMPLING, height * OVERSAMPLING), BACKGROUND)
    left = MARGIN + (PANEL_WIDTH - panel.width // OVERSAMPLING) // 2
    page.paste(panel, (left * OVERSAMPLING, MARGIN * OVERSAMPLING))
    pen = ImageDraw.Draw(page)
    write(pen, left, MARGIN + panel_height + 16, LEGEND, 12.5, MUTED)
    write_column(pen, entries, reference)
    return page.reduce(OVERSAMPLING)


def draw_panel(image: NDArray[np.uint8], entries: tuple[Entry, ...], geometry: Geometry) -> Image.Image:
    """The radiograph, scaled to the panel and oversampled, with the region of every numbered sentence."""
    gray, scale = fitted(image, PANEL_WIDTH * OVERSAMPLING, PANEL_HEIGHT * OVERSAMPLING)
    pointing = [entry for entry in entries if entry.number is not None]
    heats: dict[Colour, NDArray[np.float32]] = {}
    for entry in pointing:
        heat = region_heat(entry.sentence, geometry, gray)
        heats[entry.colour] = np.maximum(heats.get(entry.colour, heat), heat)
    drawn = Image.fromarray(draw_regions(gray, heats, OVERSAMPLING))
    draw_boxes(ImageDraw.Draw(drawn), pointing, scale / OVERSAMPLING, drawn.size)
    return drawn


def draw_boxes(pen: ImageDraw.ImageDraw, entries: list[Entry], scale: float, size: tuple[int, int]) -> None:
    """Every box, a finding's repeated one once; then their numbers, each at a corner that no other number takes."""
    shown: list[tuple[Entry, Box]] = []
    for entry in entries:
        for box in entry.sentence.boxes:
            if not any(entry.number == e.number and box.iou(other) > SAME_PLACE for e, other in shown):
                shown.append((entry, box))
    for entry, box in shown:
        draw_rectangle(pen, scaled(box, scale), entry.colour, dashed=entry.sentence.verdict is Verdict.WEAK)
    width, height = (v // OVERSAMPLING for v in size)
    badges: list[tuple[int, int]] = []
    for entry, box in shown:
        x0, y0, x1, y1 = scaled(box, scale)
        corners = [
            (min(max(x, BADGE), width - BADGE), min(max(y, BADGE), height - BADGE))
            for x, y in ((x0, y0), (x1, y0), (x0, y1), (x1, y1))
        ]
        free = (c for c in corners if all(max(abs(c[0] - x), abs(c[1] - y)) > 2 * BADGE for x, y in badges))
        badges.append(next(free, corners[0]))
        draw_badge(pen, *badges[-1], str(entry.number), entry.colour)


def scaled(box: Box, scale: float) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = (round(v * scale) for v in box.as_list())
    return x0, y0, x1, y1


def draw_rectangle(
    pen: ImageDraw.ImageDraw, corners: tuple[int, int, int, int], colour: Colour, *, dashed: bool
) -> None:
    """The outline of a rectangle in page pixels."""
    x0, y0, x1, y1 = corners
    for ax, ay, bx, by in ((x0, y0, x1, y0), (x1, y0, x1, y1), (x1, y1, x0, y1), (x0, y1, x0, y0)):
        pieces = max(1, (abs(bx - ax) + abs(by - ay)) // DASH) if dashed else 1
        for piece in range(0, pieces, 2):
            ends = [
                ((ax + (bx - ax) * t / pieces) * OVERSAMPLING, (ay + (by - ay) * t / pieces) * OVERSAMPLING)
                for t in (piece, piece + 1)
            ]
            pen.line(ends, fill=colour, width=2 * OVERSAMPLING)


def write_column(pen: ImageDraw.ImageDraw, entries: tuple[Entry, ...], reference: str | None) -> int:
    """Write the sentences under their sections, the reference below; returns the y where the column ends."""
    y = MARGIN
    for section in Section:
        y = write_heading(pen, y, section.value)
        own = [entry for entry in entries if entry.sentence.section is section]
        for entry in own:
            y = write_entry(pen, y, entry)
        if not own:
            y = write(pen, COLUMN_X + INDENT, y, "nothing drafted", 17, MUTED, slanted=True) + 14
        y += 12
    if reference:
        y = write_heading(pen, y, "reference")
        for line in wrapped(reference, 14.5, COLUMN_WIDTH - INDENT):
            y = write(pen, COLUMN_X + INDENT, y, line, 14.5, MUTED) + 6
    return y


def write_heading(pen: ImageDraw.ImageDraw, y: int, title: str) -> int:
    end = write(pen, COLUMN_X, y, " ".join(title.upper()), 12, MUTED, bold=True)
    rule = [
        (COLUMN_X * OVERSAMPLING, (end + 8) * OVERSAMPLING),
        ((WIDTH - MARGIN) * OVERSAMPLING, (end + 8) * OVERSAMPLING),
    ]
    pen.line(rule, fill=FAINT, width=OVERSAMPLING)
    return end + 24


def write_entry(pen: ImageDraw.ImageDraw, y: int, entry: Entry) -> int:
    """One sentence: its badge, its words in its colour, its verdict and score below."""
    size, middle = (19, y + 12) if entry.mark in (Mark.REGION, Mark.LOST) else (17, y + 10)
    if entry.number is not None:
        draw_badge(pen, COLUMN_X + 14, middle, str(entry.number), entry.colour)
    elif entry.mark is Mark.LOST:
        draw_badge(pen, COLUMN_X + 14, middle, "?", entry.colour, hollow=True)
    elif entry.mark is Mark.DENIED:
        write(pen, COLUMN_X + 9, y, "–", size, entry.colour)
    for line in wrapped(entry.sentence.text, size, COLUMN_WIDTH - INDENT):
        y = write(pen, COLUMN_X + INDENT, y, line, size, entry.colour, slanted=entry.mark is Mark.LOST) + 7
    if entry.mark in (Mark.REGION, Mark.LOST):
        y = write_score(pen, y + 1, entry) + 4
    return y + 10


def write_score(pen: ImageDraw.ImageDraw, y: int, entry: Entry) -> int:
    """The verdict in words, the score as a bar and a number."""
    end = write(pen, COLUMN_X + INDENT, y, entry.sentence.verdict.value, 13, MUTED)
    x0, x1, top = COLUMN_X + INDENT + 96, COLUMN_X + INDENT + 176, y + 6
    for right, colour in ((x1, FAINT), (x0 + (x1 - x0) * min(1.0, max(0.0, entry.sentence.score)), entry.colour)):
        pen.rectangle([v * OVERSAMPLING for v in (x0, top, right, top + 4)], fill=colour)
    write(pen, x1 + 12, y, f"{entry.sentence.score:.2f}", 13, MUTED)
    return end


def draw_badge(
    pen: ImageDraw.ImageDraw, x: float, y: float, text: str, colour: Colour, *, hollow: bool = False
) -> None:
    """A small square around (x, y), in page pixels."""
    corners = [v * OVERSAMPLING for v in (x - BADGE, y - BADGE, x + BADGE, y + BADGE)]
    fill, ink = (None, colour) if hollow else (colour, BACKGROUND)
    pen.rounded_rectangle(corners, 5 * OVERSAMPLING, fill=fill, outline=colour, width=2 * OVERSAMPLING)
    pen.text((x * OVERSAMPLING, y * OVERSAMPLING), text, font=font(14, bold=True), fill=ink, anchor="mm")


def write(
    pen: ImageDraw.ImageDraw,
    x: float,
    y: float,
    text: str,
    size: float,
    colour: Colour,
    *,
    bold: bool = False,
    slanted: bool = False,
) -> int:
    """Write one line with its top at `y`; returns the y below it. All in page pixels."""
    face = font(size, bold=bold, slanted=slanted)
    pen.text((x * OVERSAMPLING, y * OVERSAMPLING), text, font=face, fill=colour, anchor="la")
    return round(y + size * 1.17)


def wrapped(text: str, size: float, width: float) -> list[str]:
    """Break a text at spaces, and a word too long for a line anywhere, into lines of at most `width` page pixels."""
    face, lines = font(size), [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if face.getlength(longer) <= width * OVERSAMPLING:
            lines[-1] = longer
            continue
        lines.append("")
        for character in word:
            if lines[-1] and face.getlength(lines[-1] + character) > width * OVERSAMPLING:
                lines.append("")
            lines[-1] += character
    return [line for line in lines if line]


@cache
def font(size: float, *, bold: bool = False, slanted: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans as matplotlib brings it: the same on every machine, with accents and mathematical signs."""
    style = {(False, False): "", (True, False): "-Bold", (False, True): "-Oblique", (True, True): "-BoldOblique"}
    path = Path(mpl.get_data_path()) / "fonts" / "ttf" / f"DejaVuSans{style[bold, slanted]}.ttf"
    return ImageFont.truetype(str(path), size * OVERSAMPLING)
