"""Where a report came from: the prediction that drafted it, the model that made the prediction, what made the model."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, or_, select

from records import tables
from records.errors import RecordsError
from records.models import Model


@dataclass(frozen=True, slots=True)
class Lineage:
    """The chain of one report. `weight` is the candidate's share of the studies when the router sent this one to `arm`.

    `signed_report` and `signed_at` are of the study's signed report, None where it is not signed yet.
    """

    report: str
    prediction: str
    role: str
    arm: str
    weight: float
    rollout: str | None
    policy_sha256: str | None
    drafted_at: datetime
    error: str | None
    input_sha256: str | None
    software: dict[str, str]
    model: Model
    signed_report: str | None
    signed_at: datetime | None


def lineage(connection: Connection, report: str) -> Lineage:
    """The chain of a report: a draft, or a signed report, whose chain is that of the draft that was read.

    Raises:
        RecordsError: the records do not know it, or it was signed without a draft.
    """
    p, r, ro, m = (table.c for table in (tables.predictions, tables.reviews, tables.rollouts, tables.models))
    read = select(r.draft).where(r.report == report).scalar_subquery()
    asked = (
        select(
            *(p.prediction, p.role, p.arm, p.weight, p.rollout, ro.policy_sha256, p.drafted_at, p.error),
            *(p.input_sha256, p.software, r.report.label("signed_report"), r.signed_at),
        )
        .outerjoin(tables.rollouts, ro.id == p.rollout)
        .outerjoin(tables.reviews, r.study == p.study)
        .where(or_(p.prediction == report, p.prediction == read))
    )
    found = connection.execute(asked).mappings().one_or_none()
    if found is None:
        known = connection.execute(select(tables.reports.c.report).where(tables.reports.c.report == report))
        rule = "the records do not know it" if known.first() is None else "it was signed without a draft"
        raise RecordsError(f"report {report!r}", rule, "give the id that stands on a drafted report")
    of_model = select(tables.models).join(tables.predictions, m.model == p.model)
    row = connection.execute(of_model.where(p.prediction == found["prediction"])).mappings().one()
    return Lineage(report=report, model=Model.model_validate(dict(row)), **found)
