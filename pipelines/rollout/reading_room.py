"""Simulated radiologists: what they sign of a draft, how long they read, and how each draft compares with it."""

from functools import lru_cache

import numpy as np

from model.metrics.edits import word_edits
from pipelines.reviewed import only_in, signed_by_reviewer, stated
from pipelines.written_reports import WrittenReport
from records.reviews import Comparison

BASE_SECONDS, SECONDS_A_WORD, SECONDS_A_CHANGE = 25.0, 0.3, 1.5
SPREAD = 0.25  # of the logarithm of the reading time
COMPARED_BY = "replay"


signed = lru_cache(maxsize=4096)(signed_by_reviewer)


def reading_seconds(draft: WrittenReport, report: WrittenReport, rng: np.random.Generator) -> float:
    """Longer for more words, and more so for more of them that were changed."""
    read = BASE_SECONDS + SECONDS_A_WORD * len(draft.text.split())
    return float((read + SECONDS_A_CHANGE * _changed(draft, report)) * rng.lognormal(0, SPREAD))


def compared(prediction: str, draft: WrittenReport, report: WrittenReport) -> Comparison:
    """A draft, shown or not, against the signed report of its study."""
    return Comparison(
        prediction=prediction,
        missed=only_in(stated(report), stated(draft)),
        false_alarms=only_in(stated(draft), stated(report)),
        words_changed=_changed(draft, report),
        words_signed=len(report.text.split()),
        compared_by=COMPARED_BY,
    )


@lru_cache(maxsize=8192)
def _changed(draft: WrittenReport, report: WrittenReport) -> int:
    return word_edits(draft.text, report.text)
