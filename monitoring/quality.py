"""Figures of the drafts that were last reviewed, with intervals, and whether they fell from the validated ones.

A column holds each study's row of statistics, as stage evaluate writes them; a figure is a function of their sum.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import hypot, isfinite

import numpy as np
import pandas as pd
from scipy.stats import norm

from model.metrics.bootstrap import LEVEL, Estimate, PatientBootstrap
from model.metrics.figures import Figure, Value, quotient
from model.metrics.findings import FINDINGS_VALUES
from model.metrics.text import BLEU_VALUES
from monitoring.columns import PATIENT, REVIEWED, STUDY
from monitoring.policy import Quality

BLEU, EDIT_RATE, SATISFACTION = "bleu_4", "edit_rate", "satisfaction"
FORMULAS: Mapping[str, Value] = {
    BLEU: BLEU_VALUES[BLEU],
    "findings_micro_f1": FINDINGS_VALUES["findings_micro_f1"],
    "iou_norm_0.1": quotient,  # IoU of statements with a box, and how many they are
    EDIT_RATE: quotient,  # words changed, words signed
    SATISFACTION: quotient,  # marks, and how many were given
}
LEAST = 2  # patients: one does not vary
_WIDTH = 2 * float(norm.ppf((1 + LEVEL) / 2))  # standard errors in an interval


@dataclass(frozen=True, slots=True)
class Rolling:
    """Figures of the last `n` reviewed studies; one that is known of fewer than two patients is absent. `pending`
    drafts have no review yet."""

    n: int
    pending: int
    figures: Mapping[str, Estimate]


def rolling(reviews: pd.DataFrame, drafted: int, as_of: datetime, policy: Quality) -> Rolling:
    """Of the reviews that were there as of a time, whenever their studies were drafted: a late one is of the time at
    which it came. The last review of a study counts.

    Args:
        reviews: STUDY, PATIENT, REVIEWED and any of FORMULAS, a row of statistics each, None where it is not known.
        drafted: how many studies were drafted.
    """
    known = reviews[reviews[REVIEWED].notna() & (reviews[REVIEWED] <= pd.Timestamp(as_of))]
    once = known.sort_values(REVIEWED, kind="stable").drop_duplicates(STUDY, keep="last")
    last = once.iloc[-policy.reviewed :]
    figures = [
        _figure(name, last[name], value)
        for name, value in FORMULAS.items()
        if name in last and last.loc[last[name].notna(), PATIENT].nunique() >= LEAST
    ]
    found = estimates(figures, last[PATIENT].astype(str).tolist())
    return Rolling(len(last), max(0, drafted - len(once)), found)


def estimates(figures: Sequence[Figure], patients: Sequence[str]) -> dict[str, Estimate]:
    """Each figure with its interval; none of fewer than two patients."""
    if len(set(patients)) < LEAST:
        return {}
    bootstrap = PatientBootstrap(patients)
    found = {figure.name: bootstrap.estimate(figure) for figure in figures}
    return {name: estimate for name, estimate in found.items() if isfinite(estimate.value)}


def fallen(now: Mapping[str, Estimate], validated: Mapping[str, Estimate], policy: Quality) -> dict[str, str]:
    """The figures beyond their thresholds, for certain on the right side of no change, and why, in words."""
    said = {}
    for name, change in beyond(now, validated, policy).items():
        error = hypot(*((e.high - e.low) / _WIDTH for e in (now[name], validated[name])))
        if abs(change) > float(norm.isf(policy.alpha)) * error:
            said[name] = f"{name} {now[name].value:.3f}, {validated[name].value:.3f} when it was validated"
    return said


def beyond(now: Mapping[str, Estimate], validated: Mapping[str, Estimate], policy: Quality) -> dict[str, float]:
    """The thresholds as specified, of the figures alone: what changed by more, and by how much."""
    found = {}
    for name in (BLEU, EDIT_RATE):
        if name in now and name in validated:
            change, before = now[name].value - validated[name].value, validated[name].value
            if change < -policy.bleu_4_drop if name == BLEU else change > policy.edit_rate_rise * before:
                found[name] = change
    return found


def _figure(name: str, rows: pd.Series, value: Value) -> Figure:
    """A study without a row adds nothing to the sum."""
    known = rows.notna().to_numpy()
    values = np.stack(rows[known].to_list()).astype(np.float64)
    statistics = np.zeros((len(rows), values.shape[1]))
    statistics[known] = values
    return Figure(name, statistics, value)
