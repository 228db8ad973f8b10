"""Simulated radiologists: what they sign of a draft, how long they read, and how each draft compares with it."""

from functools import lru_cache

import numpy as np

from model.metrics.edits import word_edits
from model.reviewer import review
from pipelines.rollout.cases import Stated, Text, stated
from records.reviews import Comparison

BASE_SECONDS, SECONDS_A_WORD, SECONDS_A_CHANGE = 25.0, 0.3, 1.5
SPREAD = 0.25  # of the logarithm of the reading time
COMPARED_BY = "replay"


@lru_cache(maxsize=4096)
def signed(draft: Text, reference: Text) -> Text:
    """The report as it is signed: the draft, with only what is wrong or missing in it changed."""
    return Text(review(draft.findings, reference.findings), review(draft.impression, reference.impression))


def reading_seconds(draft: Text, report: Text, rng: np.random.Generator) -> float:
    """Longer for more words, and more so for more of them that were changed."""
    read = BASE_SECONDS + SECONDS_A_WORD * len(" ".join(draft.sentences).split())
    return float((read + SECONDS_A_CHANGE * _changed(draft, report)) * rng.lognormal(0, SPREAD))


def compared(prediction: str, draft: Text, report: Text) -> Comparison:
    """A draft, shown or not, against the signed report of its study."""
    return Comparison(
        prediction=prediction,
        missed=_only_in(stated(report), stated(draft)),
        false_alarms=_only_in(stated(draft), stated(report)),
        words_changed=_changed(draft, report),
        words_signed=len(" ".join(report.sentences).split()),
        compared_by=COMPARED_BY,
    )


def _only_in(one: Stated, other: Stated) -> int:
    """Findings that only the one has. One that names no side is there where the other names any."""
    observations = {observation for observation, _ in other}
    return sum(finding not in other and not (finding[1] is None and finding[0] in observations) for finding in one)


@lru_cache(maxsize=8192)
def _changed(draft: Text, report: Text) -> int:
    return word_edits(" ".join(draft.sentences), " ".join(report.sentences))
