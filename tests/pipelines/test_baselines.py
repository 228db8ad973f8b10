"""What is reached without a model, on studies that can be worked by hand."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.labeler import label_report
from model.metrics import findings_figures
from model.metrics.text import rouge_l
from model.pixels import Geometry, ModelInput
from model.study import Section
from model.text import sentences
from pipelines.baselines import learn, report_baselines, shuffled
from pipelines.constant_reports import best_constants, constant_figures, micro_f1, stated
from pipelines.evaluation_set import EvaluationStudy, ReferenceSentence, written
from pipelines.mean_masks import TrainingRegions, score_mean_masks, varying
from pipelines.nearest import BATCH, NearestImages, thumbnail
from pipelines.written_reports import LabelledReports, WrittenReport, edits_by_section

SIZE, GRID = 64, (4, 4)
GEOMETRY = Geometry.fit(SIZE, SIZE, SIZE)
LEFT = "There is a small left pleural effusion."
RIGHT = "There is a small right pleural effusion."
NONE = "There is no pneumothorax."
NOISE = np.random.default_rng(5)


class Studies(list[EvaluationStudy]):
    """A set of studies in memory."""

    def patient_id(self, index: int) -> str:
        return self[index].patient_id

    def report(self, index: int) -> WrittenReport:
        return written((sentence.text, sentence.section) for sentence in self[index].sentences)


def picture() -> np.ndarray:
    return NOISE.integers(0, 256, (SIZE, SIZE)).astype(np.uint8)


def corner(row: int = 1, column: int = 1) -> np.ndarray:
    mask = np.zeros((SIZE, SIZE), bool)
    half = SIZE // 2
    mask[row * half : (row + 1) * half, column * half : (column + 1) * half] = True
    return mask


def study(*texts: str, mask: np.ndarray | None = None, image: np.ndarray | None = None) -> EvaluationStudy:
    region = corner() if mask is None else mask
    return EvaluationStudy(
        "s",
        "p",
        ModelInput(picture() if image is None else image, GEOMETRY, "h", None, ()),
        tuple(ReferenceSentence(text, Section.FINDINGS, True, region) for text in texts),
    )


def test_the_nearest_report_is_that_of_the_training_image_most_alike() -> None:
    training = Studies(study(text) for text in (NONE, LEFT, RIGHT))
    darker = (training[1].model_input.image // 2).astype(np.uint8)
    learned = learn(training, [thumbnail(darker), thumbnail(training[2].model_input.image)])
    assert [report.text for report in learned.nearest] == [LEFT, RIGHT]
    references = LabelledReports([WrittenReport((LEFT,), ()), WrittenReport((LEFT,), ())])
    found = {figure.name: figure for figure in report_baselines(learned, references)}
    assert found["nearest.bleu_4"].of_each() == pytest.approx([1, found["nearest.bleu_4"].of_each()[1]])
    assert found["nearest.edit_rate"].of_each() == pytest.approx([0, 1 / 7])
    assert {name.split(".")[0] for name in found} == {"constant", "nearest"}


def test_likeness_is_that_of_the_whole_set_however_it_is_parted() -> None:
    images = [picture() for _ in range(BATCH + 3)]
    asked = [thumbnail(picture()) for _ in range(4)]
    nearest = NearestImages(asked)
    for image in images:
        nearest.see(image)
    alike = np.stack(asked) @ np.stack([thumbnail(image) for image in images]).T
    assert nearest.found() == alike.argmax(axis=1).tolist()


def test_a_thumbnail_knows_no_brightness_and_no_contrast() -> None:
    image = picture()
    seen = thumbnail(image)
    assert (seen.mean(), np.linalg.norm(seen)) == pytest.approx((0, 1), abs=1e-6)
    assert seen @ thumbnail((image // 4 + 100).astype(np.uint8)) > 0.99
    assert not thumbnail(np.full((SIZE, SIZE), 70, np.uint8)).any()


def test_a_place_varies_where_the_mean_mask_is_no_guide() -> None:
    corners = Studies(study(LEFT, mask=corner(index // 2, index % 2)) for index in range(4))
    fixed = Studies(study(RIGHT) for _ in range(4))
    # Of four corners the mean is even: no IoU. The right side always lies in the same one.
    agreement = TrainingRegions.of(Studies([*corners, *fixed])).agreement()
    assert agreement == {"Pleural Effusion": pytest.approx(0.5)}
    assert varying({"A": 0.39, "B": 0.41}) == ["A"]


def test_sizes_are_parted_by_the_training_splits_terciles() -> None:
    masks = [np.arange(SIZE**2).reshape(SIZE, SIZE) < share * SIZE**2 for share in (0.02, 0.04, 0.08, 0.5)]
    terciles = TrainingRegions.of(Studies(study(LEFT, mask=mask) for mask in masks)).terciles()
    assert terciles == pytest.approx((0.04, 0.08), abs=1e-3)


def test_the_mean_mask_of_a_statement_is_learned_by_finding_and_side() -> None:
    means = TrainingRegions.of(Studies([study(LEFT), study(LEFT, NONE)])).means()
    assert list(means) == [("Pleural Effusion", "left")]
    np.testing.assert_allclose(means["Pleural Effusion", "left"], corner() / corner().sum())  # type: ignore[index]
    scores = [score for said in (LEFT, RIGHT) for score in score_mean_masks(0, study(said), means, GRID)]
    assert [score.figures["iou_norm_0.1"] for score in scores] == [1, 0]


def test_the_best_constant_is_chosen_per_figure() -> None:
    reports = ["No effusion."] * 3 + [LEFT] * 4
    best = best_constants(reports)
    assert best["bleu_4"] in reports
    assert best["findings_micro_f1"] == LEFT


def test_a_constant_report_counts_findings_as_any_other() -> None:
    labels = [{"Edema": 1, "Fracture": 1}, {"Pneumonia": -1}, {"Edema": 0}]
    found = findings_figures(labels, [{"Edema": 1}] * 3)[0]
    assert micro_f1(stated(labels), "Mild edema.") == pytest.approx(found())
    assert micro_f1(stated(labels), "The chest.") == 0


def test_where_no_report_is_said_twice_the_best_constant_is_composed_of_sentences_that_are() -> None:
    edema = "There is mild pulmonary edema."
    best = best_constants([f"{LEFT if number % 2 else edema} Film {number}." for number in range(40)])
    assert set(sentences(best["findings_micro_f1"])) == {LEFT, edema}


def test_each_constant_is_scored_by_its_own_figure_alone() -> None:
    found = constant_figures([LEFT], [label_report(LEFT)], {"rouge_l": NONE, "findings_micro_f1": LEFT})
    assert {figure.name: figure() for figure in found} == {
        "rouge_l": pytest.approx(rouge_l(LEFT, NONE)),
        "findings_micro_f1": 1,
    }


def test_a_sentence_in_the_other_section_is_an_edit() -> None:
    signed = WrittenReport(findings=(LEFT, NONE), impression=(LEFT,))
    moved = WrittenReport(findings=(LEFT, NONE, LEFT), impression=())
    rate, of_sentences = edits_by_section([signed], [moved])
    assert rate() > 0
    assert of_sentences() > 0
    assert [figure() for figure in edits_by_section([signed], [signed])] == [0, 0]


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=30), st.integers(0, 5))
def test_shuffled_images_come_from_other_patients_where_that_is_possible(patients: Sequence[str], seed: int) -> None:
    order = shuffled(patients, seed)
    assert sorted(order) == list(range(len(patients)))
    most = max(patients.count(p) for p in set(patients))
    if most * 4 <= len(patients):
        assert all(patients[new] != patients[old] for old, new in enumerate(order))
