"""Regions, scored over positive statements; those of denials and normal statements beside them.

Every positive statement of the reference that has a region is looked for in the draft: same section, finding and side.
What is found is scored by its map against the region; what is not found (withheld, missed, on the other side) scores 0.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model.findings import Certainty, Finding
from model.labeler import anatomy_of
from model.metrics import (
    SIZE_BOUNDS,
    Figure,
    SizeBucket,
    grid_ceiling,
    grounding_figures,
    match_statements,
    mean_figure,
    size_bucket,
)
from model.report import GroundedReport, GroundedSentence
from model.study import Section
from pipelines.evaluation_set import EvaluationStudy, ReferenceSentence

FIGURES = ("iou_abs_0.1", "iou_norm_0.1", "miou", "pointing_game", "mass_in_mask", "cnr")
BY_SIZE = ("iou_norm_0.1", "miou", "pointing_game", "iou_ceiling")
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
        del flat["figures"]
        return flat | self.figures


def by_section(
    study: EvaluationStudy, drafted: Sequence[GroundedSentence]
) -> Iterator[tuple[list[ReferenceSentence], list[GroundedSentence]]]:
    """What the reference says in each section beside what was drafted there."""
    for section in Section:
        yield [s for s in study.sentences if s.section is section], [s for s in drafted if s.section is section]


def score_study(
    index: int,
    study: EvaluationStudy,
    report: GroundedReport,
    grid: tuple[int, int],
    bounds: tuple[float, float] = SIZE_BOUNDS,
) -> list[StatementScore]:
    """Score one draft's regions. A sentence that is withheld answers nothing."""
    scores = []
    for asked, shown in by_section(study, report.surfaced):
        for match in match_statements([s.findings for s in asked], [s.findings for s in shown]):
            grid_map = None if match.candidate is None else shown[match.candidate].map
            score = score_statement(index, asked[match.reference], match.finding, grid_map, grid, bounds)
            if score is not None:
                scores.append(score)
    return scores


def score_reading(
    index: int,
    study: EvaluationStudy,
    maps: Sequence[NDArray[np.float32] | None],
    grid: tuple[int, int],
    bounds: tuple[float, float] = SIZE_BOUNDS,
) -> list[StatementScore]:
    """Score the maps of the reference's own sentences: where the model looks, whatever it would have written."""
    scores = (
        score_statement(index, sentence, finding, grid_map, grid, bounds)
        for sentence, grid_map in zip(study.sentences, maps, strict=True)
        for finding in sentence.findings
        if finding.positive
    )
    return [score for score in scores if score is not None]


def score_statement(
    study: int,
    sentence: ReferenceSentence,
    finding: Finding,
    grid_map: NDArray[np.float32] | None,
    grid: tuple[int, int],
    bounds: tuple[float, float],
) -> StatementScore | None:
    """Score one statement by the map that answers it, None where nothing does; None too where it has no region."""
    if sentence.mask is None or not sentence.mask.any():
        return None
    return StatementScore(
        study,
        finding.observation,
        finding.side,
        finding.zone,
        size_bucket(sentence.mask, bounds).value,
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


def prefixed(prefix: str, figures: Sequence[Figure]) -> list[Figure]:
    """Figures under `PREFIX.NAME`."""
    return [replace(figure, name=f"{prefix}.{figure.name}") for figure in figures]


def matched_only(scores: Sequence[StatementScore]) -> list[StatementScore]:
    """The slice of statements that the draft has."""
    return [score for score in scores if score.matched]


def of_observations(name: str, scores: Sequence[StatementScore], observations: Sequence[str], studies: int) -> Figure:
    """`miou` under another name, over the statements of some observations."""
    kept = [score for score in scores if score.observation in observations]
    return _mean(name, kept, [score.figures["miou"] for score in kept], studies)


def by_size(scores: Sequence[StatementScore], studies: int) -> list[Figure]:
    """The figures of regions by their size: `small.NAME`, `medium.NAME` and `large.NAME`."""
    found = []
    for size in SizeBucket:
        kept = [score for score in scores if score.size == size]
        figures = [figure for figure in region_figures(kept, studies) if figure.name in BY_SIZE]
        found += prefixed(size, figures)
    return found


@dataclass(frozen=True, slots=True)
class AnatomyScore:
    """One denial or normal statement of a reference that has a region and that the draft makes too."""

    study: int
    figures: dict[str, float]


def score_anatomy(index: int, study: EvaluationStudy, report: GroundedReport) -> list[AnatomyScore]:
    """Score the maps of a draft's denials and normal statements against the anatomy that they speak of."""
    return [
        AnatomyScore(index, grounding_figures(sentence.map, mask))
        for sentence, mask in healthy_statements(study, report)
    ]


def healthy_statements(
    study: EvaluationStudy, report: GroundedReport
) -> Iterator[tuple[GroundedSentence, NDArray[np.bool_]]]:
    """The denials and normal statements that the reference makes too and has a region for, each with that region."""
    for asked, drafted in by_section(study, report.surfaced):
        for reference, candidate in match_anatomy(asked, drafted):
            mask = asked[reference].mask
            if mask is not None and mask.any():
                yield drafted[candidate], mask


def match_anatomy(
    references: Sequence[ReferenceSentence], candidates: Sequence[GroundedSentence]
) -> list[tuple[int, int]]:
    """Which drafted sentence says the same of a healthy part as one of the reference, one to one, in their order.

    The same: they deny the same observations, or name the same anatomy and no observation.
    """
    waiting: dict[tuple[str, ...], list[int]] = {}
    for index, candidate in enumerate(candidates):
        waiting.setdefault(spoken_of(candidate.text, candidate.findings), []).append(index)
    found = []
    for index, reference in enumerate(references):
        key = spoken_of(reference.text, reference.findings)
        if key and waiting.get(key):
            found.append((index, waiting[key].pop(0)))
    return found


def spoken_of(text: str, findings: Sequence[Finding]) -> tuple[str, ...]:
    """The observations that a sentence denies, or the anatomy that it calls normal; nothing where it states more."""
    if any(finding.certainty is not Certainty.NEGATED for finding in findings):
        return ()
    return tuple(sorted({finding.observation for finding in findings})) or anatomy_of(text)


def anatomy_figures(scores: Sequence[AnatomyScore], studies: int) -> list[Figure]:
    """`anatomy.NAME`: means over the denials and normal statements that the draft makes as the reference does."""
    return [
        _mean(f"anatomy.{name}", scores, [s.figures[name] for s in scores], studies)
        for name in ("pointing_game", "iou_norm_0.1", "miou")
    ]


def by_observation(scores: Sequence[StatementScore]) -> pd.DataFrame:
    """Per observation: number of statements, share found, and the mean of each figure."""
    columns = ["observation", "n", "found", "ceiling", *FIGURES]
    if not scores:
        return pd.DataFrame(columns=columns)
    rows = pd.DataFrame([score.row() for score in scores]).rename(columns={"matched": "found"})
    grouped = rows.groupby("observation")
    means = grouped[["found", "ceiling", *FIGURES]].mean()
    return means.assign(n=grouped.size()).reset_index()[columns]


def _mean(name: str, scores: Sequence[StatementScore | AnatomyScore], values: Sequence[float], studies: int) -> Figure:
    sums, counts = np.zeros(studies), np.zeros(studies, int)
    for score, value in zip(scores, values, strict=True):
        if np.isfinite(value):
            sums[score.study] += value
            counts[score.study] += 1
    return mean_figure(name, sums, counts.tolist())
