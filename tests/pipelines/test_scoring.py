"""Regions on studies that can be worked by hand."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from model.geometry import Box
from model.labeler import label_sentence
from model.pixels import Geometry, ModelInput
from model.report import GroundedReport, GroundedSentence, Verdict
from model.study import Section
from pipelines.box_scores import BoxCounts, box_figures, count_boxes
from pipelines.calibrating import graded_anatomy, graded_findings, needs_no_correction
from pipelines.evaluate import surfaced
from pipelines.evaluation_set import EvaluationStudy, ReferenceSentence
from pipelines.gate import Withhold
from pipelines.grounding_scores import region_figures, score_anatomy, score_study
from pipelines.verdict_shares import verdict_shares

GEOMETRY = Geometry(original_width=8, original_height=8, scaled_width=8, scaled_height=8, pad_left=0, pad_top=0, size=8)
GRID = (4, 4)
LEFT = "There is a small left pleural effusion."
RIGHT = "There is a small right pleural effusion."
NONE = "There is no pneumothorax."


def corner() -> np.ndarray:
    mask = np.zeros((8, 8), bool)
    mask[4:, 4:] = True
    return mask


def study(*texts: str, patient: str = "p") -> EvaluationStudy:
    return EvaluationStudy(
        "s",
        patient,
        ModelInput(np.zeros((8, 8), np.uint8), GEOMETRY, "h", None, ()),
        tuple(ReferenceSentence(text, Section.FINDINGS, True, corner()) for text in texts),
    )


def draft(*texts: str, verdict: Verdict = Verdict.GROUNDED) -> GroundedReport:
    grid_map = np.zeros(GRID, np.float32)
    grid_map[2:, 2:] = 0.25
    return GroundedReport(
        "s",
        tuple(GroundedSentence(t, Section.FINDINGS, grid_map, 0.0, (), 1.0, verdict, label_sentence(t)) for t in texts),
        8,
        8,
        "v",
        "h",
        0.8,
    )


def figures(reference: EvaluationStudy, drafted: GroundedReport) -> dict[str, float]:
    return {f.name: f() for f in region_figures(score_study(0, reference, drafted, GRID), 1)}


def test_the_same_statement_in_the_right_place_points_right() -> None:
    found = figures(study(LEFT, NONE), draft(LEFT, NONE))
    assert (found["pointing_game"], found["statements_found"], found["iou_ceiling"]) == (1, 1, 1)
    assert found["iou_norm_0.1"] > 0.5


@pytest.mark.parametrize(
    "drafted", [draft(RIGHT), draft(NONE), draft(), draft(LEFT, verdict=Verdict.UNGROUNDED).withhold_ungrounded()]
)
def test_another_side_a_denial_silence_and_a_withheld_sentence_score_nothing(drafted: GroundedReport) -> None:
    found = figures(study(LEFT), drafted)
    assert (found["iou_norm_0.1"], found["pointing_game"], found["statements_found"]) == (0, 0, 0)


def test_a_statement_said_once_answers_once() -> None:
    assert figures(study(LEFT, LEFT), draft(LEFT))["statements_found"] == 0.5


def test_a_finding_without_a_region_is_withheld_by_policy_alone() -> None:
    ungrounded = draft(LEFT, verdict=Verdict.UNGROUNDED)
    assert figures(study(LEFT), surfaced(ungrounded, Withhold.NOTHING))["statements_found"] == 1
    assert figures(study(LEFT), surfaced(ungrounded, Withhold.UNGROUNDED_POSITIVE))["statements_found"] == 0
    assert surfaced(ungrounded, Withhold.UNGROUNDED_POSITIVE).text == ""
    denial = draft(NONE, verdict=Verdict.UNGROUNDED)
    assert surfaced(denial, Withhold.UNGROUNDED_POSITIVE).text == NONE


def test_denials_and_normal_statements_are_scored_by_the_anatomy_that_they_speak_of() -> None:
    clear = "The lungs are clear."
    scores = score_anatomy(0, study(NONE, clear, LEFT), draft(clear, LEFT, NONE))
    assert [score.figures["pointing_game"] for score in scores] == [1, 1]
    assert score_anatomy(0, study(NONE, clear), draft("The heart is normal.", "There is no pulmonary edema.")) == []


def test_a_finding_is_graded_by_its_answer_and_its_place() -> None:
    missed_place = draft(LEFT)
    away = replace(missed_place.sentences[0], map=np.ascontiguousarray(missed_place.sentences[0].map[::-1, ::-1]))
    right, invented, elsewhere = (
        graded_findings(study(LEFT), report)
        for report in (draft(LEFT), draft(RIGHT), replace(missed_place, sentences=(away,)))
    )
    assert [grounded for _, grounded in (*right, *invented, *elsewhere)] == [True, False, False]
    assert needs_no_correction(study(LEFT, NONE), draft(LEFT))
    assert not needs_no_correction(study(LEFT), draft(RIGHT))


def test_denials_are_not_scored() -> None:
    assert score_study(0, study(NONE), draft(NONE), GRID) == []


RIGHT_CORNER, TWO_SPOTS = Box(4, 4, 8, 8), (Box(4, 4, 8, 8), Box(0, 0, 2, 2))


def with_boxes(*boxes: tuple[Box, ...], texts: Sequence[str]) -> GroundedReport:
    drafted = draft(*texts)
    sentences = zip(drafted.sentences, boxes, strict=True)
    return replace(drafted, sentences=tuple(replace(sentence, boxes=own) for sentence, own in sentences))


def test_boxes_are_held_against_the_region_of_the_statement_that_they_answer() -> None:
    # The left statement is answered by its box and by one that is wrong; nobody states the right one's.
    reference, drafted = study(LEFT, NONE), with_boxes(TWO_SPOTS, (RIGHT_CORNER,), texts=[LEFT, RIGHT])
    counts = count_boxes(reference, drafted)
    assert counts == BoxCounts(right=1, shown=3, asked=1, shown_matched=2, asked_matched=1)
    found = {figure.name: figure() for figure in box_figures([counts])}
    assert found == {
        "box_precision_0.5": pytest.approx(1 / 3),
        "box_recall_0.5": 1,
        "matched.box_precision_0.5": 0.5,
        "matched.box_recall_0.5": 1,
    }


def test_each_part_of_a_region_asks_for_a_box() -> None:
    reference = study(LEFT)
    mask = corner()
    mask[0, 0:2] = True
    reference = replace(reference, sentences=(replace(reference.sentences[0], mask=mask),))
    assert count_boxes(reference, with_boxes((RIGHT_CORNER,), texts=[LEFT])) == BoxCounts(1, 1, 2, 1, 2)


def test_what_is_missed_is_asked_for_and_what_nobody_marked_is_not_judged() -> None:
    assert count_boxes(study(LEFT), with_boxes((RIGHT_CORNER,), texts=[NONE])) == BoxCounts(asked=1)
    unmarked = study(LEFT, RIGHT)
    unmarked = replace(unmarked, sentences=(replace(unmarked.sentences[0], mask=None), unmarked.sentences[1]))
    assert count_boxes(unmarked, with_boxes((RIGHT_CORNER,), texts=[LEFT])) == BoxCounts(asked=1)
    nothing = replace(unmarked, sentences=unmarked.sentences[:1])
    assert count_boxes(nothing, with_boxes((RIGHT_CORNER,), texts=[RIGHT])) == BoxCounts()


def test_sentences_are_counted_by_their_verdict_before_any_is_withheld() -> None:
    drafted = [
        draft(LEFT, NONE, verdict=Verdict.UNGROUNDED).withhold_ungrounded(),
        draft(RIGHT, verdict=Verdict.WEAK),
        draft(LEFT),
    ]
    assert {figure.name: figure() for figure in verdict_shares(drafted)} == {
        "grounded_share": 0.25,
        "weak_share": 0.25,
        "ungrounded_share": 0.5,
        "ungrounded_positive_share": pytest.approx(1 / 3),
        "withheld_share": pytest.approx(1 / 3),
    }


def test_denials_are_graded_as_they_are_scored() -> None:
    clear = "The lungs are clear."
    [(sentence, right)] = graded_anatomy(study(clear, LEFT), draft(LEFT, clear))
    assert (sentence.text, right) == (clear, True)
