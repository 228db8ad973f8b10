"""What the simulated reviewer (`model.reviewer`) signs of a draft, and how the records keep the difference.

A signed report that began as a draft is nearer to it than one that was written beside it: figures of reviewed drafts
are compared with figures of reviewed drafts.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import ceil

import numpy as np

from model.findings import OBSERVATIONS, Side
from model.labeler import label_sentence
from model.metrics import Figure
from model.reviewer import review
from pipelines.written_reports import LabelledReports, WrittenReport, report_figures
from records.predictions import Text
from records.reviews import Comparison

COMPARED_BY = "radassist"

Stated = frozenset[tuple[str, Side | None]]


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
            missed=only_in(stated(signed[n]), stated(drafts[n])),
            false_alarms=only_in(stated(drafts[n]), stated(signed[n])),
            words_changed=int(figures["edit_rate"][n, 0]),
            words_signed=int(figures["edit_rate"][n, 1]),
            statistics={name: tuple(np.asarray(figures[name][n], float).tolist()) for name in kept if name in figures},
            compared_by=COMPARED_BY,
        )
        for n, prediction in enumerate(predictions)
    ]


def satisfaction(comparison: Comparison) -> int:
    """The simulated reviewer's mark for a draft: 5 where it was signed as it was, 1 where more than three quarters of
    the signed words had to be changed."""
    return 5 - ceil(4 * min(1.0, comparison.words_changed / max(1, comparison.words_signed)))


def text_of(report: WrittenReport) -> Text:
    """A report as the records keep its words."""
    return Text(findings=" ".join(report.findings), impression=" ".join(report.impression))


@lru_cache(maxsize=4096)
def stated(report: WrittenReport) -> Stated:
    """The positive findings of a report, each with its side, "No Finding" left aside."""
    said = (finding for sentence in (*report.findings, *report.impression) for finding in label_sentence(sentence))
    return frozenset((f.observation, f.side) for f in said if f.positive and f.observation != OBSERVATIONS[0])


def only_in(one: Stated, other: Stated) -> int:
    """How many findings only the one report has. On the wrong side is not there; without a side, any will do.

    >>> left, right, somewhere = (frozenset({("Pleural Effusion", side)}) for side in (Side.LEFT, Side.RIGHT, None))
    >>> only_in(left, right), only_in(left, somewhere), only_in(somewhere, left)
    (1, 1, 0)
    """
    observations = {observation for observation, _ in other}
    return sum(finding not in other and not (finding[1] is None and finding[0] in observations) for finding in one)
