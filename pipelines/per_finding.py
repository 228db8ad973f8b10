"""Words, regions and occlusion of each observation, a row each."""

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model.faithfulness import Occlusion
from model.findings import OBSERVATIONS
from model.metrics import Figure, PatientBootstrap, per_observation
from model.metrics.findings import counts, f1
from pipelines.grounding_scores import StatementScore, by_observation, region_figures
from pipelines.occlusion import by_observation as occlusion_by_observation
from pipelines.written_reports import LabelledReports

WITH_INTERVAL = ("f1", "iou_norm_0.1", "pointing_game")


def per_finding(
    references: LabelledReports,
    candidates: LabelledReports,
    scores: Sequence[StatementScore],
    falls: Sequence[Occlusion],
    bootstrap: PatientBootstrap,
) -> pd.DataFrame:
    """One row an observation: words (counts, precision, recall, F1), regions and occlusion.

    F1, `iou_norm_0.1` and `pointing_game` have an interval, columns NAME.low and NAME.high.
    """
    words = pd.DataFrame([asdict(score) for score in per_observation(references.labels, candidates.labels)])
    regions = by_observation(scores).rename(columns={"n": "statements"})
    counted = counts(references.labels, candidates.labels)
    intervals = pd.DataFrame(
        [
            {"observation": name} | interval_columns(observation_figures(counted[:, place], name, scores), bootstrap)
            for place, name in enumerate(OBSERVATIONS)
        ]
    )
    table = words
    for more in (regions, intervals, occlusion_by_observation(falls)):
        table = table.merge(more, on="observation", how="left")
    return table


def observation_figures(
    counted: NDArray[np.float64], observation: str, scores: Sequence[StatementScore]
) -> list[Figure]:
    """The figures of one observation that have an interval.

    Args:
        counted: true and false positives and false negatives of each study, (studies, 3).
    """
    own = [score for score in scores if score.observation == observation]
    figures = [Figure("f1", counted, f1), *region_figures(own, len(counted))]
    return [figure for figure in figures if figure.name in WITH_INTERVAL]


def interval_columns(figures: Sequence[Figure], bootstrap: PatientBootstrap) -> dict[str, float]:
    found = {figure.name: bootstrap.estimate(figure) for figure in figures}
    return {f"{name}.{end}": getattr(one, end) for name, one in found.items() for end in ("low", "high")}
