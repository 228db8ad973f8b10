"""What each model made of each study: one prediction for a study, a model version and a role, with its draft or error.

Text stands in `reports` alone. What a prediction keeps beside it are numbers and words of closed lists.
"""

from enum import StrEnum
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import AwareDatetime, Field, model_validator
from sqlalchemy import Connection, select

from records import tables
from records.canonical import canonical, sha256
from records.errors import RecordsError
from records.once import demand, enter_once
from records.strict import Finite, Hex32, Line, Pseudonym, Seconds, Share, Strict, Term


class Role(StrEnum):
    LIVE = "live"  # its draft is shown
    SHADOW = "shadow"  # its draft is shown to nobody


class Study(Strict):
    """A study that arrived. What is not known of it is None.

    Attributes:
        study, patient: keyed hashes of the Study Instance UID and of the patient's id.
        age: years; 90 stands for all from 90 on, who are too few to hide among (45 CFR 164.514).
    """

    study: Pseudonym
    patient: Pseudonym
    arrived_at: AwareDatetime
    modality: Line | None = None
    view: Line | None = None
    device: Line | None = None
    site: Line | None = None
    age: Annotated[int, Field(ge=0, le=90)] | None = None
    sex: Literal["F", "M", "O"] | None = None


class Text(Strict):
    """A report's two sections; either may be empty."""

    findings: str
    impression: str


class Sentence(Strict):
    """Numbers of one drafted sentence.

    Attributes:
        entropy: of its attention over the patches and the null token, over that of even attention.
        null_mass: the share of attention on no patch. score: calibrated probability that it is grounded right.
    """

    kind: Literal["finding", "denial", "normal"]
    entropy: Share
    null_mass: Share
    score: Share
    verdict: Literal["grounded", "weak", "ungrounded"]
    withheld: bool = False


class Prediction(Strict):
    """One answer of a model, or its failure. All times are of the machine that drafted.

    Attributes:
        rollout: the open rollout's id. arm, weight, shadowed: as the router answered, see `release.router.Route`; both
            answers to a study say the same.
        seconds: from the study's arrival to the draft, or to giving up. timings: of each step.
        error: the name of the reason for which there is no draft, never a message.
        findings: an observation and its label, 1, 0 or -1. words, image: statistics by name.
        gpu_use: the share of the time of drafting in which the graphics card ran anything, as NVML counts it.
    """

    study: Pseudonym
    model: Line
    role: Role
    rollout: Line | None = None
    arm: Literal["candidate", "champion"] = "champion"
    weight: Share = 0.0
    shadowed: bool = False
    drafted_at: AwareDatetime
    seconds: Seconds
    timings: dict[Term, Seconds] = Field(default_factory=dict)
    error: Term | None = None
    confidence: Share | None = None
    sentences: tuple[Sentence, ...] = ()
    findings: dict[Line, Literal[1, 0, -1]] = Field(default_factory=dict)
    words: dict[Term, Finite] = Field(default_factory=dict)
    image: dict[Term, Finite] = Field(default_factory=dict)
    input_sha256: Hex32 | None = None
    software: dict[Line, Line] = Field(default_factory=dict)
    gpu_use: Share | None = None

    @model_validator(mode="after")
    def _error_or_draft(self) -> Self:
        if self.error and (self.sentences or self.findings or self.confidence is not None):
            raise ValueError("an error has no draft")
        if self.rollout is None and (self.arm == "candidate" or self.weight or self.shadowed):
            raise ValueError("without a rollout there is no candidate")
        return self

    @property
    def id(self) -> str:
        """The prediction's, and the report's that it drafted: the same for the same study, model and role."""
        return sha256(canonical(["draft", self.study, self.model, self.role]))[:32]


def enter_study(connection: Connection, study: Study) -> bool:
    """Enter a study, in a transaction of `database.writing`; False where it is known.

    Raises:
        RecordsError: it is known otherwise.
    """
    return enter_once(connection, tables.studies, study.model_dump(), "a study")


def enter_prediction(
    connection: Connection, prediction: Prediction, draft: Text | None, embedding: NDArray[np.floating] | None = None
) -> str:
    """Enter a prediction and its draft, in a transaction of `database.writing`. The same again changes nothing.

    Who may have been cut off while entering looks first: `find_prediction`.

    Args:
        draft: None where the prediction is an error.
        embedding: float (features,), the encoder's pooled features; kept as float16.

    Returns:
        the id of the prediction and of its report.

    Raises:
        RecordsError: another prediction of that study, model and role is there, or one of them is not known.
    """
    name = f"prediction {prediction.id} by {prediction.model!r}, {prediction.role}"
    if (draft is None) != (prediction.error is not None):
        raise RecordsError(name, "it has either a draft or an error", "give one of them")
    demand(connection, tables.studies, prediction.study, f"{name}, its study", "enter the study first")
    demand(connection, tables.models, prediction.model, f"{name}, its model", "register it first")
    if prediction.rollout is not None:
        demand(connection, tables.rollouts, prediction.rollout, f"{name}, its rollout", "start it first")
    row = prediction.model_dump(mode="json") | {
        "prediction": prediction.id,
        "drafted_at": prediction.drafted_at,
        "embedding": None if embedding is None else packed(embedding, name),
    }
    enter_once(connection, tables.predictions, row, name)
    if draft is not None:
        enter_text(connection, prediction.id, prediction.study, draft, name)
    return prediction.id


def enter_text(connection: Connection, report: str, study: str, text: Text, name: str) -> None:
    """Enter a report's text under its id, in the transaction of what it belongs to."""
    enter_once(connection, tables.reports, {"report": report, "study": study, **text.model_dump()}, name)


def find_prediction(connection: Connection, study: str, model: str, role: Role) -> str | None:
    """The id of a prediction, None where it was not entered yet."""
    p = tables.predictions.c
    here = select(p.prediction).where(p.study == study, p.model == model, p.role == role)
    return connection.execute(here).scalar_one_or_none()


def read_text(connection: Connection, report: str) -> Text | None:
    """The text of a draft or a signed report."""
    r = tables.reports.c
    row = connection.execute(select(r.findings, r.impression).where(r.report == report)).mappings().one_or_none()
    return Text(**row) if row else None


def packed(embedding: NDArray[np.floating], name: str) -> bytes:
    """
    >>> packed(np.array([1.0, -2.0]), "prediction").hex()
    '003c00c0'
    """
    with np.errstate(over="ignore"):
        half = np.asarray(embedding).astype("<f2")
    if half.ndim != 1 or not np.isfinite(half).all():
        raise RecordsError(name, "an embedding is one row of numbers within float16", "scale it, or leave it out")
    return half.tobytes()


def unpacked(embedding: bytes) -> NDArray[np.float32]:
    """float32 (features,)."""
    return np.frombuffer(embedding, "<f2").astype(np.float32)
