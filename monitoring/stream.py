"""The records as the monitors read them: one model version's live drafts, and what people made of them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from sqlalchemy import Connection

from model.findings import OBSERVATIONS
from monitoring.columns import (
    ARRIVED,
    DRAFTED,
    EMBEDDING,
    FAILED,
    NUMBERS,
    PATIENT,
    REVIEWED,
    SECONDS,
    STUDY,
    Family,
)
from monitoring.operations import GPU
from monitoring.policy import Policy
from monitoring.quality import EDIT_RATE, FORMULAS, SATISFACTION
from records.predictions import Role
from records.windows import Window, last_reviewed, waiting, window

EARLIEST, LATEST = (datetime(year, 1, 1, tzinfo=UTC) for year in (1970, 9999))


def read_stream(connection: Connection, model: str, as_of: datetime, policy: Policy) -> pd.DataFrame:
    """A row a study that had arrived as of a time for this model version, and a row for each of the last hours that
    waits for whichever; `monitoring.columns` names the columns."""
    found = window(connection, EARLIEST, LATEST, role=Role.LIVE, model=model)  # a wrong clock may date an arrival late
    asked = ["study", "patient", "arrived_at", "drafted_at", "seconds", "error", "gpu_use"]
    known = found.predictions.reindex(columns=asked)
    drafts = features(found).assign(
        **{
            STUDY: known["study"],
            PATIENT: known["patient"],
            ARRIVED: pd.to_datetime(known["arrived_at"], utc=True),
            DRAFTED: pd.to_datetime(known["drafted_at"], utc=True),
            SECONDS: known["seconds"].astype(float),
            FAILED: known["error"].notna().astype(float),
            GPU: known["gpu_use"].astype(float),
        }
    )
    now = pd.Timestamp(as_of)
    drafts = drafts[(drafts[ARRIVED] <= now) | (drafts[DRAFTED] <= now)]
    queue = waiting(connection, as_of - timedelta(hours=policy.operations.hours), as_of)
    queue = queue.rename(columns={"study": STUDY, "patient": PATIENT, "arrived_at": ARRIVED})
    return pd.concat([drafts, queue], ignore_index=True) if len(queue) else drafts


def features(found: Window) -> pd.DataFrame:
    """The columns of a stream that a window of the records has, a row a prediction; NaN for what one lacks."""
    rows = found.predictions
    columns = {
        **{name: rows[name].astype(float) for name in NUMBERS[Family.DATA] if name in rows},
        **{f"image.{name}": rows[name] for name in ("view", "device") if name in rows},
        **dict(_words(rows)),
        **dict(_findings(rows)),
        **dict(_attention(rows, found.sentences)),
    }
    frame = pd.DataFrame(columns, index=rows.index)
    if found.embeddings.shape[1]:
        vectors = [row if np.isfinite(row).all() else None for row in found.embeddings]
        frame[EMBEDDING] = pd.Series(vectors, index=rows.index, dtype=object)
    return frame


def read_reviews(connection: Connection, model: str, as_of: datetime, stream: pd.DataFrame) -> pd.DataFrame:
    """A row a reviewed draft of this model version, as `monitoring.quality.rolling` takes them."""
    outcomes = last_reviewed(connection, None, as_of, model=model)
    patients = stream.drop_duplicates(STUDY).set_index(STUDY)[PATIENT]
    reviews = pd.DataFrame(
        {
            STUDY: outcomes["study"],
            PATIENT: outcomes["study"].map(patients),
            REVIEWED: pd.to_datetime(outcomes["signed_at"], utc=True),
            EDIT_RATE: _pairs(outcomes["words_changed"], outcomes["words_signed"]),
            SATISFACTION: _pairs(outcomes["satisfaction"], outcomes["satisfaction"].notna()),
        }
    )
    for name in FORMULAS.keys() - {EDIT_RATE, SATISFACTION}:
        rows = [None if name not in given else np.array(given[name], float) for given in outcomes["statistics"]]
        reviews[name] = pd.Series(rows, dtype=object)
    return reviews[reviews[PATIENT].notna()]


def _words(rows: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    for name in NUMBERS[Family.TEXT]:
        source = name.replace("text.", "words.", 1)
        if source in rows:
            yield name, rows[source].astype(float)


def _findings(rows: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    """1 where a draft states it, 0 where it denies it, is not sure of it or says nothing of it; NaN where nothing
    is known of the draft at all."""
    labels = rows.filter(regex=r"^findings\.")
    if labels.empty:
        return
    known = labels.notna().any(axis=1)
    stated = labels.reindex(columns=[f"findings.{observation}" for observation in OBSERVATIONS]) == 1
    for observation in OBSERVATIONS:
        yield f"finding.{observation}", stated[f"findings.{observation}"].astype(float).where(known)


def _attention(rows: pd.DataFrame, sentences: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    if sentences.empty:
        return
    one = sentences["prediction"]
    on_image = 1 - sentences["null_mass"]
    of_sentences = {
        "entropy": sentences["entropy"],
        "mass_stated": on_image.where(sentences["kind"] == "finding"),
        "mass_denied": on_image.where(sentences["kind"] == "denial"),
        "weak": (sentences["verdict"] == "weak").astype(float),
        "ungrounded": (sentences["verdict"] == "ungrounded").astype(float),
    }
    for name, values in of_sentences.items():
        yield f"attention.{name}", rows["prediction"].map(values.groupby(one).mean()).astype(float)


def _pairs(first: pd.Series, second: pd.Series) -> pd.Series:
    """Rows of statistics of a quotient; None where the first is not known."""
    rows = [None if pd.isna(a) else np.array([a, b], float) for a, b in zip(first, second, strict=True)]
    return pd.Series(rows, index=first.index, dtype=object)
