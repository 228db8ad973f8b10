"""What a person sees in the picture of a report: the right place, the right colour, nothing that was not said."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from model.drawing import (
    BACKGROUND,
    MARGIN,
    MUTED,
    OVERSAMPLING,
    PANEL_HEIGHT,
    PANEL_WIDTH,
    PLAIN,
    WARNING,
    WIDTH,
    draw_report,
    font,
    number_sentences,
    wrapped,
)
from model.findings import Certainty, Finding, Side
from model.geometry import Box
from model.overlay import PALETTE
from model.pixels import Geometry
from model.report import GroundedReport, GroundedSentence, Verdict
from model.study import Section

SIZE, GRID = 128, 16
EFFUSION = Finding("Pleural Effusion", Certainty.DEFINITE, Side.RIGHT)
LESION = Finding("Lung Lesion", Certainty.LIKELY, Side.LEFT)
DENIED = Finding("Pneumothorax", Certainty.NEGATED)


def spot(geometry: Geometry, x: float, y: float) -> NDArray[np.float32]:
    """A map that peaks at (x, y) in original pixels."""
    at = geometry.to_input(Box(x - 0.5, y - 0.5, x + 0.5, y + 0.5))
    rows, columns = (np.mgrid[0:GRID, 0:GRID] + 0.5) * SIZE / GRID
    heat = np.exp(-(((columns - at.x0) / 10) ** 2 + ((rows - at.y0) / 10) ** 2))
    return (heat / heat.sum()).astype(np.float32)


def sentence(
    *findings: Finding,
    at: tuple[float, float] = (150, 200),
    size: tuple[int, int] = (300, 400),
    verdict: Verdict = Verdict.GROUNDED,
    section: Section = Section.FINDINGS,
    text: str = "There is something.",
) -> GroundedSentence:
    x, y = at
    boxes = () if verdict is Verdict.UNGROUNDED else (Box(x - 40, y - 40, x + 40, y + 40),)
    return GroundedSentence(text, section, spot(Geometry.fit(*size, SIZE), x, y), 0.0, boxes, 0.8, verdict, findings)


def report(*sentences: GroundedSentence, size: tuple[int, int] = (300, 400)) -> GroundedReport:
    return GroundedReport("s1", sentences, *size, "0" * 12, "0" * 64, 0.8)


def drawn(
    *sentences: GroundedSentence, size: tuple[int, int] = (300, 400), reference: str | None = None
) -> Image.Image:
    image = np.full(size[::-1], 90, np.uint8)
    return draw_report(image, report(*sentences, size=size), Geometry.fit(*size, SIZE), reference)


def halves(picture: Image.Image) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    pixels = np.asarray(picture).astype(np.int16)
    border = MARGIN + PANEL_WIDTH + 10
    return pixels[:, :border], pixels[:, border:]


def count(pixels: NDArray[np.int16], colour: tuple[int, int, int]) -> int:
    return int((np.abs(pixels - np.array(colour)).max(-1) <= 3).sum())


@pytest.mark.parametrize("size", [(300, 400), (400, 300), (900, 1200), (64, 640)])
@pytest.mark.parametrize("share", [(0.3, 0.3), (0.7, 0.75)])
def test_a_region_lies_over_the_place_that_the_map_points_at(size: tuple[int, int], share: tuple[float, float]) -> None:
    x, y = size[0] * share[0], size[1] * share[1]
    heat_only = replace(sentence(EFFUSION, at=(x, y), size=size), boxes=())
    left, _ = halves(drawn(heat_only, size=size))
    coloured = np.argwhere(left.max(-1) - left.min(-1) > 30)
    scale = min(PANEL_WIDTH / size[0], PANEL_HEIGHT / size[1])
    expected = (MARGIN + y * scale, MARGIN + (PANEL_WIDTH - size[0] * scale) / 2 + x * scale)
    patch = scale * max(size) / GRID
    assert np.abs((coloured.min(0) + coloured.max(0)) / 2 - expected).max() < patch


def test_the_radiograph_keeps_its_aspect_and_fills_the_panel() -> None:
    left, _ = halves(drawn(size=(400, 300)))
    rows, columns = np.nonzero(np.abs(left - 90).max(-1) <= 1)
    width, height = columns.max() - columns.min() + 1, rows.max() - rows.min() + 1
    assert (width, height) == pytest.approx((PANEL_WIDTH, PANEL_WIDTH * 3 / 4), abs=3)


def test_each_finding_has_its_own_colour_on_the_image_and_in_the_text() -> None:
    picture = drawn(sentence(EFFUSION, at=(80, 300)), sentence(LESION, at=(220, 90)))
    for half in halves(picture):
        assert count(half, PALETTE[0]) > 150
        assert count(half, PALETTE[1]) > 150
        assert count(half, PALETTE[2]) == 0


def test_a_finding_that_the_impression_repeats_keeps_its_number_and_is_boxed_once() -> None:
    said, repeated = sentence(EFFUSION), sentence(EFFUSION, section=Section.IMPRESSION, text="Effusion.")
    entries = number_sentences(report(repeated, sentence(LESION), said))
    assert [(e.sentence.section, e.number) for e in entries] == [
        (Section.FINDINGS, 1),
        (Section.FINDINGS, 2),
        (Section.IMPRESSION, 2),
    ]
    once, twice = halves(drawn(said))[0], halves(drawn(said, repeated))[0]
    assert count(twice, PALETTE[1]) == 0
    assert count(once, PALETTE[0]) == pytest.approx(count(twice, PALETTE[0]), rel=0.25)


@pytest.mark.parametrize(
    "silent",
    [
        sentence(DENIED),
        sentence(),
        sentence(Finding("No Finding", Certainty.DEFINITE)),
        sentence(EFFUSION, verdict=Verdict.UNGROUNDED),
    ],
    ids=["denied", "no finding stated", "normal", "ungrounded"],
)
def test_what_states_no_grounded_finding_marks_nothing_on_the_image(silent: GroundedSentence) -> None:
    assert np.array_equal(halves(drawn(silent))[0], halves(drawn())[0])


def test_a_finding_without_a_region_stands_out_in_the_text() -> None:
    _, right = halves(drawn(sentence(EFFUSION, verdict=Verdict.UNGROUNDED), sentence(DENIED)))
    assert count(right, WARNING) > 100
    assert count(right, MUTED) > 100
    assert sum(count(right, colour) for colour in PALETTE) == 0


def test_a_weak_region_is_dashed() -> None:
    solid, dashed = (
        count(halves(drawn(sentence(EFFUSION, verdict=verdict)))[0], PALETTE[0])
        for verdict in (Verdict.GROUNDED, Verdict.WEAK)
    )
    assert 0.4 * solid < dashed < 0.9 * solid


def test_more_findings_than_colours_still_have_numbers_of_their_own() -> None:
    names = (
        "Cardiomegaly",
        "Edema",
        "Pneumonia",
        "Fracture",
        "Atelectasis",
        "Consolidation",
        "Lung Opacity",
        "Pneumothorax",
    )
    entries = number_sentences(report(*(sentence(Finding(n, Certainty.POSSIBLE)) for n in names)))
    assert [e.number for e in entries] == list(range(1, 9))
    assert entries[7].colour == entries[0].colour


def test_a_long_report_makes_a_taller_picture_and_nothing_is_cut() -> None:
    long = [sentence(EFFUSION, text="There is a finding that takes quite some words to be told. " * 3)] * 14
    picture = drawn(*long, reference="The reference has its own words. " * 40)
    assert picture.width == WIDTH
    assert picture.height > drawn().height
    assert (np.asarray(picture)[-MARGIN // 2 :] == BACKGROUND).all()


def test_the_reference_stands_beside_the_image_and_leaves_it_alone() -> None:
    without, given = drawn(sentence(EFFUSION)), drawn(sentence(EFFUSION), reference="A right effusion.")
    assert np.array_equal(halves(without)[0], halves(given)[0])
    assert not np.array_equal(halves(without)[1], halves(given)[1])


def test_the_same_report_gives_the_same_picture() -> None:
    assert drawn(sentence(EFFUSION)).tobytes() == drawn(sentence(EFFUSION)).tobytes()


@pytest.mark.parametrize("colour", [*PALETTE, PLAIN, MUTED, WARNING])
def test_every_colour_of_text_is_readable(colour: tuple[int, int, int]) -> None:
    """WCAG 2.1, 1.4.3: contrast of at least 4.5 to 1."""

    def luminance(rgb: tuple[int, int, int]) -> float:
        linear = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in rgb]
        return float(np.dot([0.2126, 0.7152, 0.0722], linear))

    assert (luminance(colour) + 0.05) / (luminance(BACKGROUND) + 0.05) >= 4.5


def test_an_even_map_is_drawn_without_a_region() -> None:
    even = replace(sentence(EFFUSION), map=np.full((GRID, GRID), 1 / GRID**2, np.float32), boxes=())
    assert np.array_equal(halves(drawn(even))[0], halves(drawn())[0])


def test_a_colour_image_is_refused() -> None:
    with pytest.raises(ValueError, match="rows, columns"):
        draw_report(np.zeros((4, 4, 3), np.uint8), report(), Geometry.fit(4, 4, SIZE))


@given(st.text(), st.floats(20, 500))
def test_wrapping_keeps_every_character_and_the_width(text: str, width: float) -> None:
    lines = wrapped(text, 17, width)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(len(line) == 1 or font(17).getlength(line) <= width * OVERSAMPLING for line in lines)


def test_wrapping_breaks_at_spaces_where_it_can() -> None:
    assert wrapped("a right pleural effusion", 17, 130) == ["a right pleural", "effusion"]
