"""What people made of the drafts: a study's report as it was first signed, and each draft held against it.

A report that is amended later is another document, of which the records know nothing: what was known does not change.
"""

from typing import Annotated

from pydantic import AwareDatetime, Field
from sqlalchemy import Connection, select

from records import tables
from records.canonical import canonical, sha256
from records.errors import RecordsError
from records.once import demand, enter_once
from records.predictions import Text, enter_text
from records.strict import Count, Finite, Line, Pseudonym, Seconds, Strict, Term


class Review(Strict):
    """A signed report, without its text.

    Attributes:
        draft: id of the prediction whose draft was read; None where the study was reported without one.
        reviewer: keyed hash of the radiologist's account. satisfaction: 1 (useless) to 5 (signed as it was).
    """

    study: Pseudonym
    draft: Pseudonym | None
    reviewer: Pseudonym
    reading_seconds: Seconds | None = None
    satisfaction: Annotated[int, Field(ge=1, le=5)] | None = None
    signed_at: AwareDatetime

    @property
    def report(self) -> str:
        """The signed report's id."""
        return sha256(canonical(["signed", self.study]))[:32]


class Comparison(Strict):
    """A draft, shown or shadow, against the signed report of its study.

    Attributes:
        missed, false_alarms: findings that only the signed report has, and that only the draft has.
        words_changed, words_signed: what `edit_rate` is the quotient of, see `model.metrics.edits`.
        statistics: a figure's row of statistics, with the names and formulas of `evaluation/statistics.parquet`.
        compared_by: version of the software, since labels and words are counted by it.
    """

    prediction: Pseudonym
    missed: Count
    false_alarms: Count
    words_changed: Count
    words_signed: Count
    statistics: dict[Term, tuple[Finite, ...]] = Field(default_factory=dict)
    compared_by: Line


def enter_review(connection: Connection, review: Review, signed: Text) -> str:
    """Enter a signed report and its text, in a transaction of `database.writing`. The same again changes nothing.

    Returns:
        the signed report's id.

    Raises:
        RecordsError: the study has another signed report or is not known, or the draft is not one of it.
    """
    name = f"signed report {review.report}"
    demand(connection, tables.studies, review.study, f"{name}, its study", "enter the study first")
    if review.draft is not None:
        p = tables.predictions.c
        drafted = connection.execute(select(p.study, p.error).where(p.prediction == review.draft)).one_or_none()
        if drafted is None or tuple(drafted) != (review.study, None):
            raise RecordsError(f"draft {review.draft!r}", "it is no draft of that study", "name the one that was read")
    enter_text(connection, review.report, review.study, signed, name)
    enter_once(connection, tables.reviews, review.model_dump() | {"report": review.report}, name)
    return review.report


def enter_comparison(connection: Connection, comparison: Comparison) -> bool:
    """Enter how a draft differs from the signed report, in a transaction of `database.writing`; False where known.

    Raises:
        RecordsError: it is known otherwise, there is no such draft, or its study is not signed.
    """
    p, r = tables.predictions.c, tables.reviews.c
    both = select(p.error).join(tables.reviews, r.study == p.study).where(p.prediction == comparison.prediction)
    found = connection.execute(both).one_or_none()
    if found is None or found.error is not None:
        rule = "there is no such draft, or its study is not signed"
        raise RecordsError(f"prediction {comparison.prediction!r}", rule, "enter both first")
    name = f"comparison of {comparison.prediction!r}"
    return enter_once(connection, tables.comparisons, comparison.model_dump(mode="json"), name)
