import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from model.calibration import UNFITTED, Calibration, Logistic
from model.grounding import DraftedTokens, Grounder, grounding_score, regions, sentence_spans
from model.pixels import Geometry, ModelInput
from model.report import GroundedReport, Verdict
from model.study import Section
from model.tokenizer import ReportTokenizer

FINDINGS = ["The heart is enlarged.", "There is a 2.5 cm nodule in the right upper zone."]
IMPRESSION = ["Cardiomegaly."]
TOKENIZER = ReportTokenizer.train(FINDINGS + IMPRESSION, 400)
IDS = TOKENIZER.encode(
    [*((Section.FINDINGS, t) for t in FINDINGS), *((Section.IMPRESSION, t) for t in IMPRESSION)], 200
)
GEOMETRY = Geometry(
    original_width=200, original_height=100, scaled_width=64, scaled_height=32, pad_left=0, pad_top=16, size=64
)
SEEN = ModelInput(np.zeros((64, 64), np.uint8), GEOMETRY, "h", None, ())

EVEN_AT_HALF = Logistic((8.0,), -4.0, 100)
AT_FACE_VALUE = Calibration(EVEN_AT_HALF, EVEN_AT_HALF, UNFITTED.confidence)


def test_every_word_belongs_to_its_sentence() -> None:
    spans = sentence_spans(IDS.ids, TOKENIZER)
    assert [s.text for s in spans] == FINDINGS + IMPRESSION
    assert [s.section for s in spans] == [Section.FINDINGS, Section.FINDINGS, Section.IMPRESSION]
    for index, span in enumerate(spans):
        assert set(IDS.sentence[span.first : span.last]) == {index}
        assert IDS.sentence.count(index) == span.last - span.first


@given(st.lists(st.sampled_from([*"abC1.  -\n", "e.g.", "No.", " 2. ", "___", "2.5 cm"]), max_size=30))
def test_any_draft_is_split_without_a_gap(pieces: list[str]) -> None:
    ids = TOKENIZER.encode([(Section.FINDINGS, "".join(pieces))], 500).ids
    spans = sentence_spans(ids, TOKENIZER)
    assert all(span.first <= span.last for span in spans)
    assert all(a.last == b.first for a, b in itertools.pairwise(spans))


def test_score_by_hand() -> None:
    sharp = np.zeros((8, 8), np.float32)
    sharp[:2, :4] = 1 / 8
    assert grounding_score(sharp) == pytest.approx(1)
    assert grounding_score(sharp / 2) == pytest.approx(0.5)  # half of the attention is on the null token
    trailing = np.full((8, 8), 0.5 / 56, np.float32)
    trailing[:2, :4] = 0.5 / 8
    assert grounding_score(trailing) == pytest.approx(0.5)
    assert grounding_score(np.full((8, 8), 1 / 64, np.float32)) == 0
    assert grounding_score(np.zeros((8, 8), np.float32)) == 0


@given(arrays(np.float32, (4, 4), elements=st.floats(0, 1, width=32)), st.floats(0, 1))
def test_score_stays_within_its_range(weights: np.ndarray, null: float) -> None:
    total = float(weights.sum())
    grid_map = weights / total * (1 - null) if total > 0 else weights
    assert 0 <= grounding_score(grid_map.astype(np.float32)) <= 1


@given(
    st.integers(1, 2999),
    st.integers(1, 2999),
    st.sampled_from([(8, 8, 64), (16, 16, 128), (7, 11, 97)]),
    st.data(),
)
@settings(max_examples=100)
def test_a_box_covers_the_original_pixels_of_its_patches_to_half_a_pixel(
    width: int, height: int, model: tuple[int, int, int], data: st.DataObject
) -> None:
    rows, columns, size = model
    geometry = Geometry.fit(width, height, size)
    top, left = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, columns - 1))
    bottom, right = data.draw(st.integers(top + 1, rows)), data.draw(st.integers(left + 1, columns))
    grid_map = np.zeros((rows, columns), np.float32)
    grid_map[top:bottom, left:right] = 1.0
    assume(not grid_map.all())
    patches = [geometry.patch(r, c, (rows, columns)) for r in range(top, bottom) for c in range(left, right)]
    shown = [patch for patch in patches if patch is not None]
    boxes = regions(grid_map, geometry)
    assert len(boxes) == bool(shown)
    if shown:
        hull = [min(p.x0 for p in shown), min(p.y0 for p in shown), max(p.x1 for p in shown), max(p.y1 for p in shown)]
        assert boxes[0].as_list() == pytest.approx(hull, abs=0.5)
        assert 0 <= boxes[0].x0 < boxes[0].x1 <= width
        assert 0 <= boxes[0].y0 < boxes[0].y1 <= height


@given(st.integers(40, 999), st.integers(40, 999), st.data())
@settings(max_examples=50)
def test_a_region_of_the_original_comes_back_within_a_patch(width: int, height: int, data: st.DataObject) -> None:
    geometry = Geometry.fit(width, height, 128)
    x0, y0 = data.draw(st.integers(0, width - 20)), data.draw(st.integers(0, height - 20))
    x1, y1 = data.draw(st.integers(x0 + 20, width)), data.draw(st.integers(y0 + 20, height))
    mask = np.zeros((height, width), bool)
    mask[y0:y1, x0:x1] = True
    shares = geometry.mask_to_input(mask).reshape(16, 8, 16, 8).mean((1, 3))
    within = shares >= 0.5 * shares.max()
    assume(not within.all())  # an even map points nowhere
    box = regions(within.astype(np.float32), geometry)[0]
    reach = max(8 / geometry.scale_x, 8 / geometry.scale_y) + 0.5
    assert box.as_list() == pytest.approx([x0, y0, x1, y1], abs=reach)


def test_boxes_lie_where_the_map_is_in_original_pixels() -> None:
    grid_map = np.zeros((8, 8), np.float32)
    grid_map[3, 1:3] = 0.4
    grid_map[4, 7] = 0.2
    heavy, light = regions(grid_map, GEOMETRY)
    assert heavy.as_list() == pytest.approx([25, 25, 75, 50])
    assert light.as_list() == pytest.approx([175, 50, 200, 75])
    assert regions(np.full((8, 8), 1 / 64, np.float32), GEOMETRY) == ()


def test_a_sentence_that_looks_nowhere_is_called_ungrounded_and_shows_no_box() -> None:
    spans = sentence_spans(IDS.ids, TOKENIZER)
    attention = np.zeros((len(IDS.ids) - 1, 65), np.float32)
    attention[:, -1] = 1.0
    attention[spans[0].first - 1 : spans[0].last - 1] = 0
    attention[spans[0].first - 1 : spans[0].last - 1, 27] = 1.0
    draft = DraftedTokens(np.asarray(IDS.ids), attention, np.zeros(len(IDS.ids), np.float32))
    report = Grounder(TOKENIZER, (8, 8), AT_FACE_VALUE, "v")("s1", SEEN, draft)
    first, second, third = report.sentences
    assert (first.verdict, len(first.boxes)) == (Verdict.GROUNDED, 1)
    assert (second.verdict, second.boxes, second.null_mass) == (Verdict.UNGROUNDED, (), 1.0)
    assert third.section is Section.IMPRESSION
    assert report.text == " ".join(FINDINGS + IMPRESSION)
    assert [f.observation for f in first.findings] == ["Cardiomegaly"]
    assert GroundedReport.from_json(report.to_json()).to_json() == report.to_json()


def test_only_a_finding_without_a_region_is_flagged_and_withheld() -> None:
    texts = ["The heart is enlarged.", "No pneumothorax.", "There is a nodule."]
    tokenizer = ReportTokenizer.train(texts, 400)
    ids = tokenizer.encode([(Section.FINDINGS, text) for text in texts], 200).ids
    attention = np.zeros((len(ids) - 1, 65), np.float32)
    last = sentence_spans(ids, tokenizer)[2]
    attention[:, -1] = 1.0
    attention[last.first - 1 : last.last - 1, [9, 64]] = (1.0, 0.0)
    draft = DraftedTokens(np.asarray(ids), attention, np.zeros(len(ids), np.float32))
    report = Grounder(tokenizer, (8, 8), AT_FACE_VALUE, "v")("s1", SEEN, draft)
    assert [s.flagged for s in report.sentences] == [True, False, False]
    assert report.text == " ".join(texts)
    withheld = report.withhold_ungrounded()
    assert withheld.text == " ".join(texts[1:])
    assert [s.withheld for s in withheld.sentences] == [True, False, False]
    assert GroundedReport.from_json(withheld.to_json()).text == withheld.text


def grounded(*texts: str, ended: bool = True) -> GroundedReport:
    ids = TOKENIZER.encode([(Section.FINDINGS, text) for text in texts], 200).ids[: None if ended else -1]
    attention = np.full((len(ids) - 1, 65), 1 / 65, np.float32)
    tokens = DraftedTokens(np.array(ids), attention, np.zeros(len(ids), np.float32))
    return Grounder(TOKENIZER, (8, 8), AT_FACE_VALUE, "1")("s", SEEN, tokens)


def test_a_sentence_that_is_said_again_is_shown_once() -> None:
    report = grounded(*FINDINGS, FINDINGS[0], FINDINGS[0])
    assert len(report.sentences) == 4
    assert [sentence.text for sentence in report.surfaced] == FINDINGS
    assert [sentence.withheld for sentence in report.withhold_ungrounded().sentences][2:] == [True, True]


def test_a_sentence_that_the_limit_on_tokens_cut_is_not_shown() -> None:
    assert [s.text for s in grounded(FINDINGS[0], "There is a", ended=False).surfaced] == FINDINGS[:1]
    assert [s.text for s in grounded(FINDINGS[0], "There is a nodule of 2.", ended=False).surfaced] == FINDINGS[:1]
    assert [s.text for s in grounded(*FINDINGS, ended=False).surfaced] == FINDINGS
    assert [s.text for s in grounded(FINDINGS[0], "There is a").surfaced] == [FINDINGS[0], "There is a"]
