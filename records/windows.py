"""What monitors and releases read: predictions as data frames, by the studies' arrival, by signing, or by rollout."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from records.predictions import Role, unpacked
from records.tables import outcomes, predictions, reviews, studies

NESTED = ("timings", "findings", "words", "image")  # columns that become one column each name: `image.sharpness`
OF_STUDY = ("patient", "arrived_at", "modality", "view", "device", "site", "age", "sex")
LEFT_OUT = ("sentences", "embedding", "software")
TIMES = ("arrived_at", "drafted_at", "signed_at")


@dataclass(frozen=True, slots=True)
class Window:
    """Predictions in the order of their studies' arrival.

    Attributes:
        predictions: a row each, with its study. Statistics stand as `timings.NAME`, `findings.NAME`, `words.NAME` and
            `image.NAME`; what one prediction has and another lacks is NaN there.
        sentences: a row a drafted sentence, under the `prediction` and the `position` in it.
        embeddings: float32 (predictions, features); NaN where there is none, (predictions, 0) where there are none.
    """

    predictions: pd.DataFrame
    sentences: pd.DataFrame
    embeddings: NDArray[np.float32]


def window(
    connection: Connection, start: datetime, end: datetime, *, role: Role = Role.LIVE, model: str | None = None
) -> Window:
    """The predictions, errors too, for studies that arrived from `start` on and before `end`.

    Args:
        model: of this version alone.

    Raises:
        ValueError: embeddings of several sizes: ask for one model.
    """
    p, s = predictions.c, studies.c
    within = [s.arrived_at >= start, s.arrived_at < end, p.role == role]
    if model is not None:
        within.append(p.model == model)
    asked = (
        select(predictions, *(s[name] for name in OF_STUDY))
        .join(studies, s.study == p.study)
        .where(*within)
        .order_by(s.arrived_at, p.prediction)
    )
    rows = [dict(row) for row in connection.execute(asked).mappings()]
    columns = [c.name for c in asked.selected_columns if c.name not in (*NESTED, *LEFT_OUT)]
    sentences = [
        {"prediction": row["prediction"], "position": position} | sentence
        for row in rows
        for position, sentence in enumerate(row["sentences"])
    ]
    return Window(
        _timed(pd.DataFrame([_flat(row) for row in rows], columns=None if rows else columns)),
        pd.DataFrame(sentences, columns=None if sentences else ["prediction", "position"]),
        _stacked([row["embedding"] for row in rows]),
    )


def waiting(connection: Connection, start: datetime, end: datetime) -> pd.DataFrame:
    """The studies that arrived from `start` on and up to `end`, and have no live prediction by any model: `study`,
    `patient` and `arrived_at`, in the order of arrival."""
    s, p = studies.c, predictions.c
    answered = select(p.prediction).where(p.study == s.study, p.role == Role.LIVE).exists()
    asked = (
        select(s.study, s.patient, s.arrived_at)
        .where(s.arrived_at >= start, s.arrived_at <= end, ~answered)
        .order_by(s.arrived_at, s.study)
    )
    return _timed(pd.DataFrame(connection.execute(asked).all(), columns=["study", "patient", "arrived_at"]))


def serving(connection: Connection, as_of: datetime, among: int) -> str | None:
    """The model version that drafted most of the last `among` live studies as of a time; None before the first."""
    p = predictions.c
    last = (
        select(p.model)
        .where(p.role == Role.LIVE, p.drafted_at <= as_of)
        .order_by(p.drafted_at.desc())
        .limit(among)
        .subquery()
    )
    asked = select(last.c.model).group_by(last.c.model).order_by(func.count().desc(), last.c.model).limit(1)
    return connection.execute(asked).scalar_one_or_none()


def last_drafted(connection: Connection, model: str) -> datetime | None:
    """When a model version drafted its last live study; None before the first."""
    p = predictions.c
    return connection.execute(
        select(func.max(p.drafted_at)).where(p.role == Role.LIVE, p.model == model)
    ).scalar_one_or_none()


def last_reviewed(
    connection: Connection, count: int | None, as_of: datetime, *, model: str | None = None
) -> pd.DataFrame:
    """The `outcomes` of the last `count` drafts that were read, signed up to `as_of` and compared; first signed first.

    Args:
        count: None for all.
        model: of this version alone.
    """
    o, r = outcomes.c, reviews.c
    here = [r.signed_at <= as_of, o.missed.is_not(None)]
    if model is not None:
        here.append(o.model == model)
    asked = (
        select(outcomes).join(reviews, r.draft == o.prediction).where(*here).order_by(r.signed_at.desc()).limit(count)
    )
    rows = [dict(row) for row in connection.execute(asked).mappings()]
    return _timed(pd.DataFrame(rows[::-1], columns=[c.name for c in outcomes.c]))


def statistics_of(reviewed: pd.DataFrame, figure: str) -> NDArray[np.float64]:
    """(rows, statistics) of a figure, of the `outcomes` that have it: what its formula sums over."""
    return np.array([row[figure] for row in reviewed["statistics"] if figure in row], np.float64)


def of_rollout(connection: Connection, rollout: str) -> pd.DataFrame:
    """The `outcomes` of all predictions under a rollout in the order of arrival, without findings and statistics."""
    asked = (
        select(*(c for c in outcomes.c if c.name not in ("findings", "statistics")))
        .where(outcomes.c.rollout == rollout)
        .order_by(outcomes.c.arrived_at, outcomes.c.prediction)
    )
    rows = connection.execute(asked).all()
    frame = pd.DataFrame(rows, columns=[c.name for c in asked.selected_columns])
    return _timed(frame.astype({"shadowed": bool}))


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    plain = {name: value for name, value in row.items() if name not in (*NESTED, *LEFT_OUT)}
    return plain | {f"{group}.{name}": value for group in NESTED for name, value in row[group].items()}


def _timed(frame: pd.DataFrame) -> pd.DataFrame:
    for name in frame.columns.intersection(list(TIMES)):
        frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame


def _stacked(packed: Sequence[bytes | None]) -> NDArray[np.float32]:
    rows = [None if one is None else unpacked(one) for one in packed]
    sizes = {len(row) for row in rows if row is not None}
    if len(sizes) > 1:
        raise ValueError(f"embeddings of {', '.join(map(str, sorted(sizes)))} features do not stack")
    nothing = np.full(sizes.pop() if sizes else 0, np.nan, np.float32)
    return np.stack([nothing if row is None else row for row in rows]) if rows else np.empty((0, 0), np.float32)
