"""Regions, scored over positive statements.

Every positive statement of the reference that has a region is looked for in the draft: same section, finding and side.
What is found is scored by its map against the region; what is not found (withheld, missed, on the other side) scores 0.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model.findings import Finding
from model.metrics import Figure, grid_ceiling, grounding_figures, match_statements, mean_figure, size_bucket
from model.report import GroundedReport, Verdict
from model.study import Section
from pipelines.evaluation_set import EvaluationStudy, ReferenceSentence

FIGURES = ("iou_abs_0.1", "iou_norm_0.1", "miou", "pointing_game", "mass_in_mask", "cnr")
NOT_FOUND = dict.fromkeys(FIGURES, 0.0)


@dataclass(frozen=True, slots=True)
class StatementScore:
    """One positive statement of a reference that has a region.

    `figures` are those of `grounding_figures`, all 0 where the draft does not have the statement; `ceiling` is the best
    IoU that the patch grid allows; `size` the bucket of the region.
    """

    study: int
    observation: str
    side: str | None
    zone: str | None
    size: str
    ceiling: float
    matched: bool
    figures: dict[str, float]

    def row(self) -> dict[str, Any]:
        flat = asdict(self)
        return {**flat, **flat.pop("figures")}


def score_study(
    index: int, study: EvaluationStudy, report: GroundedReport, grid: tuple[int, int]
) -> list[StatementScore]:
    """Score one draft's regions. A sentence that is called ungrounded is withheld and answers nothing."""
    scores = []
    for section in Section:
        asked = [s for s in study.sentences if s.section is section]
        shown = [s for s in report.sentences if s.section is section and s.verdict is not Verdict.UNGROUNDED]
        for match in match_statements([s.findings for s in asked], [s.findings for s in shown]):
            grid_map = None if match.candidate is None else shown[match.candidate].map
            score = score_statement(index, asked[match.reference], match.finding, grid_map, grid)
            if score is not None:
                scores.append(score)
    return scores


def score_statement(
    study: int,
    sentence: ReferenceSentence,
    finding: Finding,
    grid_map: NDArray[np.float32] | None,
    grid: tuple[int, int],
) -> StatementScore | None:
    """Score one statement by the map that answers it, None where nothing does; None too where it has no region."""
    if sentence.mask is None or not sentence.mask.any():
        return None
    return StatementScore(
        study,
        finding.observation,
        finding.side,
        finding.zone,
        size_bucket(sentence.mask).value,
        grid_ceiling(sentence.mask, *grid),
        grid_map is not None,
        NOT_FOUND if grid_map is None else grounding_figures(grid_map, sentence.mask),
    )


def region_figures(scores: Sequence[StatementScore], studies: int) -> list[Figure]:
    """Means over statements, resampled by study: the figures of the surface and the grid's `iou_ceiling`."""
    return [
        *(_mean(name, scores, [s.figures[name] for s in scores], studies) for name in FIGURES),
        _mean("iou_ceiling", scores, [s.ceiling for s in scores], studies),
        _mean("statements_found", scores, [float(s.matched) for s in scores], studies),
    ]


def matched_only(scores: Sequence[StatementScore]) -> list[StatementScore]:
    """The slice of statements that the draft has."""
    return [score for score in scores if score.matched]


def by_observation(scores: Sequence[StatementScore]) -> pd.DataFrame:
    """Per observation: number of statements, share found, and the mean of each figure."""
    columns = ["observation", "n", "found", "ceiling", *FIGURES]
    if not scores:
        return pd.DataFrame(columns=columns)
    rows = pd.DataFrame([score.row() for score in scores]).rename(columns={"matched": "found"})
    grouped = rows.groupby("observation")
    means = grouped[["found", "ceiling", *FIGURES]].mean()
    return means.assign(n=grouped.size()).reset_index()[columns]


def _mean(name: str, scores: Sequence[StatementScore], values: Sequence[float], studies: int) -> Figure:
    sums, counts = np.zeros(studies), np.zeros(studies, int)
    for score, value in zip(scores, values, strict=True):
        if np.isfinite(value):
            sums[score.study] += value
            counts[score.study] += 1
    return mean_figure(name, sums, counts.tolist())
