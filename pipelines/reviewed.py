"""What the simulated reviewer (`model.reviewer`) signs of a draft, and how the records keep the difference.

A signed report that began as a draft is nearer to it than one that was written beside it: figures of reviewed drafts
are compared with figures of reviewed drafts.
"""

from collections.abc import Sequence

import numpy as np

from model.findings import OBSERVATIONS
from model.labeler import label_report
from model.metrics import Figure
from model.reviewer import review
from pipelines.written_reports import LabelledReports, WrittenReport, report_figures
from records.reviews import Comparison

COMPARED_BY = "radassist"


def signed_by_reviewer(draft: WrittenReport, reference: WrittenReport) -> WrittenReport:
    """Section by section; a sentence is never moved to the other one."""
    return WrittenReport(review(draft.findings, reference.findings), review(draft.impression, reference.impression))


def reviewed_figures(drafts: Sequence[WrittenReport], signed: Sequence[WrittenReport]) -> list[Figure]:
    """Of drafts against what was signed: words, findings, edits."""
    return report_figures(LabelledReports(signed), LabelledReports(drafts))


def comparisons(
    predictions: Sequence[str], drafts: Sequence[WrittenReport], signed: Sequence[WrittenReport], kept: Sequence[str]
) -> list[Comparison]:
    """One a prediction, with the statistics of the figures `kept`."""
    figures = {figure.name: figure.statistics for figure in reviewed_figures(drafts, signed)}
    return [
        Comparison(
            prediction=prediction,
            missed=len(stated(signed[n].text) - stated(drafts[n].text)),
            false_alarms=len(stated(drafts[n].text) - stated(signed[n].text)),
            words_changed=int(figures["edit_rate"][n, 0]),
            words_signed=int(figures["edit_rate"][n, 1]),
            statistics={name: tuple(np.asarray(figures[name][n], float).tolist()) for name in kept if name in figures},
            compared_by=COMPARED_BY,
        )
        for n, prediction in enumerate(predictions)
    ]


def stated(text: str) -> set[str]:
    """The observations that a report states, "No Finding" left aside."""
    return {name for name, label in label_report(text).items() if label == 1 and name != OBSERVATIONS[0]}
