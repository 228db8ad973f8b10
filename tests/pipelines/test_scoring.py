"""Regions and image-free baselines on studies that can be worked by hand."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.labeler import label_sentence
from model.pixels import Geometry, ModelInput
from model.report import GroundedReport, GroundedSentence, Verdict
from model.study import Section
from model.text import sentences
from pipelines.baselines import (
    agreement_with_mean,
    best_constants,
    mean_mask_scores,
    mean_masks,
    shuffled,
    size_terciles,
    varying,
)
from pipelines.calibrating import graded_findings, needs_no_correction
from pipelines.evaluate import surfaced
from pipelines.evaluation_set import EvaluationStudy, ReferenceSentence
from pipelines.gate import Withhold
from pipelines.grounding_scores import region_figures, score_anatomy, score_study

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


def test_a_place_varies_where_the_mean_mask_is_no_guide() -> None:
    corners = []
    for index in range(4):
        moved = study(LEFT)
        mask = np.zeros((8, 8), bool)
        mask[4 * (index // 2) :, 4 * (index % 2) :][:4, :4] = True
        corners.append(replace(moved, sentences=(replace(moved.sentences[0], mask=mask), *study(RIGHT).sentences)))
    agreement = agreement_with_mean(corners, mean_masks(corners))  # type: ignore[arg-type]
    # Of four corners the mean is even: no IoU. The right side always lies in the same one.
    assert agreement == {"Pleural Effusion": pytest.approx(0.5, abs=0.1)}
    assert varying({"A": 0.39, "B": 0.41}) == ["A"]


def test_sizes_are_parted_by_the_training_splits_terciles() -> None:
    shares = [0.02, 0.04, 0.08, 0.5]
    studies = []
    for share in shares:
        mask = np.zeros((10, 10), bool)
        mask.ravel()[: round(100 * share)] = True
        studies.append(replace(study(LEFT), sentences=(replace(study(LEFT).sentences[0], mask=mask),)))
    assert size_terciles(studies) == pytest.approx((0.04, 0.08))  # type: ignore[arg-type]


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


def test_the_mean_mask_of_a_statement_is_learned_by_finding_and_side() -> None:
    means = mean_masks([study(LEFT), study(LEFT, NONE)])  # type: ignore[arg-type]
    assert list(means) == [("Pleural Effusion", "left")]
    np.testing.assert_allclose(means["Pleural Effusion", "left"], corner() / corner().sum())  # type: ignore[index]
    scores = mean_mask_scores([study(LEFT), study(RIGHT)], means, GRID)  # type: ignore[arg-type]
    assert [score.figures["iou_norm_0.1"] for score in scores] == [1, 0]


def test_the_best_constant_is_chosen_per_figure() -> None:
    reports = ["No effusion."] * 3 + [LEFT] * 4
    best = best_constants(reports)
    assert best["bleu_4"] in reports
    assert best["findings_micro_f1"] == LEFT


def test_where_no_report_is_said_twice_the_best_constant_is_composed_of_sentences_that_are() -> None:
    edema = "There is mild pulmonary edema."
    best = best_constants([f"{LEFT if number % 2 else edema} Film {number}." for number in range(40)])
    assert set(sentences(best["findings_micro_f1"])) == {LEFT, edema}


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=30), st.integers(0, 5))
def test_shuffled_images_come_from_other_patients_where_that_is_possible(patients: Sequence[str], seed: int) -> None:
    order = shuffled(patients, seed)
    assert sorted(order) == list(range(len(patients)))
    most = max(patients.count(p) for p in set(patients))
    if most * 4 <= len(patients):
        assert all(patients[new] != patients[old] for old, new in enumerate(order))
