"""The regions of drafts graded, in one pass over the studies: each picture is decoded once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from model.report import GroundedReport
from pipelines.baselines import Learned
from pipelines.box_scores import BoxCounts, count_boxes
from pipelines.calibrating import Graded, graded_findings, needs_no_correction
from pipelines.evaluation_files import reference
from pipelines.evaluation_set import EvaluationSet
from pipelines.grounding_scores import AnatomyScore, StatementScore, score_anatomy, score_study
from pipelines.mean_masks import score_mean_masks
from pipelines.progress import track


@dataclass(frozen=True, slots=True)
class Grades:
    """What the pass found.

    `statements`, those of the drafts dealt out to other patients (`shuffled`) and of the mean masks (`mean_mask`) stand
    in the order of the studies. The others have an item a study: `right`, whether it needs no correction; `sentences`,
    its positive sentences and whether each is grounded right; `references`, the signed report as drafts.jsonl shows it.
    """

    statements: list[StatementScore] = field(default_factory=list)
    shuffled: list[StatementScore] = field(default_factory=list)
    mean_mask: list[StatementScore] = field(default_factory=list)
    anatomy: list[AnatomyScore] = field(default_factory=list)
    boxes: list[BoxCounts] = field(default_factory=list)
    right: list[bool] = field(default_factory=list)
    sentences: list[list[Graded]] = field(default_factory=list)
    references: list[dict[str, Any]] = field(default_factory=list)


def grade(
    studies: EvaluationSet,
    reports: Sequence[GroundedReport],
    order: Sequence[int],
    learned: Learned | None,
    grid: tuple[int, int],
    bounds: tuple[float, float],
) -> Grades:
    """Grade every draft.

    Args:
        reports: one a study. order: whose draft each study gets when they are shuffled.
        learned: None: there are no mean masks. bounds: of the sizes of regions.
    """
    grades = Grades()
    for index in track(range(len(studies)), "grades"):
        study, report = studies[index], reports[index]
        grades.statements.extend(score_study(index, study, report, grid, bounds))
        grades.shuffled.extend(score_study(index, study, reports[order[index]], grid, bounds))
        if learned is not None:
            grades.mean_mask.extend(score_mean_masks(index, study, learned.means, grid, bounds))
        grades.anatomy.extend(score_anatomy(index, study, report))
        grades.boxes.append(count_boxes(study, report))
        grades.right.append(needs_no_correction(study, report))
        grades.sentences.append(graded_findings(study, report))
        grades.references.append(reference(study))
    return grades
