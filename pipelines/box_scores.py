"""The boxes that a draft shows against the regions of the reference as boxes, over positive statements.

A box is right that agrees (IoU of 0.5 or more) with a box around a connected part of the region of a statement that its
sentence answers: same section, finding and side. Pairs are one to one, as many as can be.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from model.metrics import Figure, agreeing, match_statements, mean_figure, region_boxes
from model.pixels import Geometry
from model.report import GroundedReport, GroundedSentence
from pipelines.evaluation_set import EvaluationStudy, ReferenceSentence
from pipelines.grounding_scores import by_section, prefixed


@dataclass(frozen=True, slots=True)
class BoxCounts:
    """Boxes of one study: those `shown`, those `asked` for, and the pairs of them that agree.

    `shown_matched` and `asked_matched` are those of statements that both make.
    """

    right: int = 0
    shown: int = 0
    asked: int = 0
    shown_matched: int = 0
    asked_matched: int = 0


def count_boxes(study: EvaluationStudy, report: GroundedReport) -> BoxCounts:
    """Count one study's boxes.

    A statement that the reference does not make shows boxes that are wrong. The boxes of one whose place the reference
    does not mark, and of a study without any region, are not judged.
    """
    if all(sentence.mask is None for sentence in study.sentences):
        return BoxCounts()
    total = np.zeros(5, int)
    for asked, shown in by_section(study, report.surfaced):
        total += _count_section(asked, shown, study.model_input.geometry)
    return BoxCounts(*total.tolist())


def _count_section(
    asked: Sequence[ReferenceSentence], shown: Sequence[GroundedSentence], geometry: Geometry
) -> tuple[int, int, int, int, int]:
    answers = np.zeros((len(shown), len(asked)), bool)
    for match in match_statements([s.findings for s in asked], [s.findings for s in shown]):
        if match.candidate is not None:
            answers[match.candidate, match.reference] = True
    asked_boxes = [region_boxes(s.mask) if s.mask is not None and _positive(s) else () for s in asked]
    marked = np.array([bool(boxes) for boxes in asked_boxes], bool)
    shown_boxes = [
        tuple(map(geometry.to_input, s.boxes)) if s.positive and (not own.any() or (own & marked).any()) else ()
        for s, own in zip(shown, answers, strict=True)
    ]
    of_shown, of_asked = (np.array([len(boxes) for boxes in side], int) for side in (shown_boxes, asked_boxes))
    comparable = answers.repeat(of_shown, axis=0).repeat(of_asked, axis=1)
    return (
        agreeing([*chain(*shown_boxes)], [*chain(*asked_boxes)], comparable),
        int(of_shown.sum()),
        int(of_asked.sum()),
        int(of_shown[answers.any(axis=1)].sum()),
        int(of_asked[answers.any(axis=0)].sum()),
    )


def _positive(sentence: ReferenceSentence) -> bool:
    return any(finding.positive for finding in sentence.findings)


def box_figures(counts: Sequence[BoxCounts]) -> list[Figure]:
    """`box_precision_0.5`, `box_recall_0.5`, and both under `matched.NAME` over the statements that both make."""
    right = [count.right for count in counts]
    return [
        mean_figure("box_precision_0.5", right, [count.shown for count in counts]),
        mean_figure("box_recall_0.5", right, [count.asked for count in counts]),
        *prefixed(
            "matched",
            [
                mean_figure("box_precision_0.5", right, [count.shown_matched for count in counts]),
                mean_figure("box_recall_0.5", right, [count.asked_matched for count in counts]),
            ],
        ),
    ]
