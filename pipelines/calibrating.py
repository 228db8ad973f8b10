"""The calibration of a model, fitted on the validation split.

It is fitted within stage evaluate, before anything is graded, and written to evaluation/calibration.json; stage export
puts it into the exported artefact and seals it there. Train's output stays what train wrote, a change to the labeler
or to this file retrains nothing, and an exported model is graded by the calibration that it carries.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from model.artefact import Artefact
from model.calibration import UNFITTED, Calibration, Logistic, fit_logistic
from model.findings import Finding
from model.grounding import confidence_features, grounding_score
from model.metrics import grounding_figures, match_statements
from model.report import GroundedReport, GroundedSentence
from pipelines.drafting import draft_studies
from pipelines.evaluation_set import EvaluationSet, EvaluationStudy
from pipelines.grounding_scores import by_section, healthy_statements

RIGHT_IOU = 0.25
"""A sentence is grounded right where it answers a statement of the reference and its `miou` reaches this."""

Graded = tuple[GroundedSentence, bool]
"""A drafted sentence, and whether it is grounded right."""


def fit_calibration(artefact: Artefact, validation: EvaluationSet) -> Calibration:
    """Draft the validation split and fit what its scores are worth."""
    tokenizer = artefact.tokenizer
    positive: list[Graded] = []
    other: list[Graded] = []
    features, correct = [], []
    for study, draft in draft_studies(artefact, validation, UNFITTED):
        positive += graded_findings(study, draft.report)
        other += graded_anatomy(study, draft.report)
        sentences = draft.report.sentences
        features.append(confidence_features(draft.ids.tolist(), draft.log_probability, tokenizer, sentences))
        correct.append(needs_no_correction(study, draft.report))
    return Calibration(
        positive=fit_score(positive),
        other=fit_score(other),
        confidence=fit_logistic(np.array(features).reshape(-1, 3), correct),
    )


def fit_score(graded: Sequence[Graded]) -> Logistic:
    """What a grounding score is worth."""
    scores = np.array([grounding_score(sentence.map) for sentence, _ in graded]).reshape(-1, 1)
    return fit_logistic(scores, [right for _, right in graded], rising=True)


def graded_findings(study: EvaluationStudy, report: GroundedReport) -> list[Graded]:
    """The sentences that state a finding, graded: one that the reference does not state is grounded wrong.

    Nobody can say where the reference states it without a region; a study without any region gives none.
    """
    if all(sentence.mask is None for sentence in study.sentences):
        return []
    graded = []
    for asked, drafted in by_section(study, report.sentences):
        answers: dict[int, list[NDArray[np.bool_] | None]] = {}
        for match in match_statements([s.findings for s in asked], [s.findings for s in drafted]):
            if match.candidate is not None:
                answers.setdefault(match.candidate, []).append(asked[match.reference].mask)
        for index, sentence in enumerate(drafted):
            masks = answers.get(index, [])
            if sentence.positive and not (masks and all(mask is None for mask in masks)):
                graded.append((sentence, any(points_right(sentence.map, mask) for mask in masks)))
    return graded


def graded_anatomy(study: EvaluationStudy, report: GroundedReport) -> list[Graded]:
    """The denials and normal statements that the reference makes too and has a region for, graded."""
    return [(sentence, points_right(sentence.map, mask)) for sentence, mask in healthy_statements(study, report)]


def points_right(grid_map: NDArray[np.float32], mask: NDArray[np.bool_] | None) -> bool:
    return mask is not None and bool(mask.any()) and grounding_figures(grid_map, mask)["miou"] >= RIGHT_IOU


def needs_no_correction(study: EvaluationStudy, report: GroundedReport) -> bool:
    """True where the draft, as written, states the reference's findings, each on its side, and no other."""
    return stated(s.findings for s in study.sentences) == stated(s.findings for s in report.sentences)


def stated(sentences: Iterable[Sequence[Finding]]) -> set[tuple[str, str | None]]:
    """The positive findings of a report, each with its side; "No Finding" is none."""
    return {
        (finding.observation, finding.side)
        for findings in sentences
        for finding in findings
        if finding.positive and finding.observation != "No Finding"
    }
