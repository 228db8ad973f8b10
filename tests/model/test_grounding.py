import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from model.grounding import DraftedTokens, ground, grounding_score, regions, sentence_spans, verdict
from model.pixels import Geometry
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
    even = np.zeros((8, 8), np.float32)
    even[:2, :4] = 1 / 8
    assert grounding_score(even) == pytest.approx(1 - 8 / 64)
    assert grounding_score(even / 2) == pytest.approx((1 - 8 / 64) / 2)
    assert grounding_score(np.full((8, 8), 1 / 64, np.float32)) == pytest.approx(0, abs=1e-6)
    assert grounding_score(np.zeros((8, 8), np.float32)) == 0


@given(arrays(np.float32, (4, 4), elements=st.floats(0, 1, width=32)), st.floats(0, 1))
def test_score_stays_within_its_range(weights: np.ndarray, null: float) -> None:
    total = float(weights.sum())
    grid_map = weights / total * (1 - null) if total > 0 else weights
    assert 0 <= grounding_score(grid_map.astype(np.float32)) <= 1


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
    report = ground("s1", draft, TOKENIZER, (8, 8), GEOMETRY, model_version="v", input_sha256="h")
    first, second, third = report.sentences
    assert (first.verdict, len(first.boxes)) == (Verdict.GROUNDED, 1)
    assert (second.verdict, second.boxes, second.null_mass) == (Verdict.UNGROUNDED, (), 1.0)
    assert third.section is Section.IMPRESSION
    assert report.text == " ".join(FINDINGS + IMPRESSION)
    assert [f.observation for f in first.findings] == ["Cardiomegaly"]
    assert GroundedReport.from_json(report.to_json()).to_json() == report.to_json()


@pytest.mark.parametrize(
    ("score", "wanted"),
    [(1.0, Verdict.GROUNDED), (0.5, Verdict.GROUNDED), (0.4, Verdict.WEAK), (0.1, Verdict.UNGROUNDED)],
)
def test_verdict(score: float, wanted: Verdict) -> None:
    assert verdict(score) is wanted
