"""The figures that an audit compares between groups, each a quotient of two sums over studies.

Words: what is said and missed. Attention: where the model looks. `iou_norm_0.1` and `pointing_game` count a missed
statement as 0; `matched.iou_norm_0.1`, `ungrounded_positive_share` and `attention_entropy` are of what was said.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from model.findings import OBSERVATIONS
from model.grounding import entropy
from model.metrics import Figure, mean_figure
from model.metrics.figures import quotient
from model.report import GroundedReport
from pipelines.statistics import Statistics


class About(StrEnum):
    """What a figure is about."""

    WORDS = "words"
    ATTENTION = "attention"


class Better(StrEnum):
    """Which end of a figure is the good one."""

    HIGHER = "higher"
    LOWER = "lower"


@dataclass(frozen=True, slots=True)
class Kind:
    """`better` is None for a figure that has no good end."""

    about: About
    better: Better | None


AUDITED: Mapping[str, Kind] = {
    "findings_micro_f1": Kind(About.WORDS, Better.HIGHER),
    "miss_rate": Kind(About.WORDS, Better.LOWER),
    "needs_no_correction": Kind(About.WORDS, Better.HIGHER),
    "edit_rate": Kind(About.WORDS, Better.LOWER),
    "iou_norm_0.1": Kind(About.ATTENTION, Better.HIGHER),
    "matched.iou_norm_0.1": Kind(About.ATTENTION, Better.HIGHER),
    "pointing_game": Kind(About.ATTENTION, Better.HIGHER),
    "ungrounded_positive_share": Kind(About.ATTENTION, Better.LOWER),
    "attention_entropy": Kind(About.ATTENTION, None),
}


def audited(statistics: Statistics, reports: Iterable[GroundedReport]) -> Statistics:
    """The figures of AUDITED that an evaluation has, over its studies.

    `reports` are its drafts, in any order; a study without one has no entropy.
    """
    of = statistics.figures
    labels = of["findings_micro_f1"].statistics.reshape(-1, len(OBSERVATIONS), 3)
    figures = [micro_f1(labels), miss_rate(labels), matched("iou_norm_0.1", statistics)]
    figures.append(attention_entropy(statistics.study_ids, reports))
    found = {name: of[name] for name in AUDITED if name in of} | {figure.name: figure for figure in figures}
    return Statistics(statistics.study_ids, statistics.patient_ids, {n: found[n] for n in AUDITED if n in found})


def micro_f1(labels: NDArray[np.float64]) -> Figure:
    """`findings_micro_f1` as a quotient, from true and false positives and false negatives (studies, 14, 3)."""
    true, false, missed = labels.sum(axis=1).T
    return Figure("findings_micro_f1", np.stack([2 * true, 2 * true + false + missed], axis=1), quotient)


def miss_rate(labels: NDArray[np.float64]) -> Figure:
    """Share of the references' positive observations, "No Finding" left out, that the drafts do not state."""
    true, _, missed = labels[:, 1:].sum(axis=1).T
    return Figure("miss_rate", np.stack([missed, true + missed], axis=1), quotient)


def matched(name: str, statistics: Statistics) -> Figure:
    """The figure of regions over the statements that the draft has."""
    sums, found = (statistics.figures[figure].statistics[:, 0] for figure in (name, "statements_found"))
    return Figure(f"matched.{name}", np.stack([sums, found], axis=1), quotient)


def attention_entropy(study_ids: Iterable[str], reports: Iterable[GroundedReport]) -> Figure:
    """Mean entropy of the maps of drafted sentences that state a finding: 0 one patch, 1 uniform."""
    entropies = {r.study_id: [entropy(s.map, s.null_mass) for s in r.sentences if s.positive] for r in reports}
    of = [entropies.get(study_id, []) for study_id in study_ids]
    return mean_figure("attention_entropy", [sum(each) for each in of], [len(each) for each in of])
