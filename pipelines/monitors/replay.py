"""A source's studies drafted and reviewed into the records, as if they came one by one.

Who reviews is the simulated reviewer, a while after the draft. With a phantom of another scenario this plants a drift.
The same replay again changes nothing; one with another beginning adds to the stream.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

import numpy as np
from sqlalchemy import Engine as Records

from model.engine import Engine
from model.pixels import ModelInput, PixelParams, PixelsRefused, to_model_input
from model.prompt import prompt_text
from model.report import GroundedReport
from model.study import Study
from monitoring.quality import FORMULAS
from monitoring.watched import Watched
from pipelines.deidentify import stored_form
from pipelines.evaluation_set import written
from pipelines.predicted import Embedder, predicted
from pipelines.progress import Meter
from pipelines.pseudonyms import Pseudonyms
from pipelines.reviewed import comparisons, satisfaction, signed_by_reviewer, text_of
from pipelines.sources import Rejected, Source
from pipelines.written_reports import WrittenReport, surfaced_report
from records.database import reading, writing
from records.predictions import Role, enter_prediction, enter_study, find_prediction
from records.predictions import Study as Arrived
from records.reviews import Review, enter_comparison, enter_review

AT_ONCE = 16
DRAFTING, REVIEW_LAG = timedelta(seconds=5), timedelta(hours=2)
REVIEWER = "simulated"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A study as the records know it, and what is read to draft it."""

    arrived: Arrived
    seen: ModelInput
    prompt: str
    reference: WrittenReport


@dataclass(frozen=True, slots=True)
class Course:
    """When the studies come: the first at `start`, each `every` after the one before."""

    start: datetime
    every: timedelta


def replay(records: Records, engine: Engine, watched: Watched, source: Source, course: Course) -> int:
    """Draft every study of a source that has a report and a readable picture, unless it is there; return how many there
    are.

    Raises:
        RecordsError: the records do not know the model.
    """
    embed, drafted = Embedder(engine.artefact), 0
    coming = arrivals(source, engine.artefact.pixels, course)
    with Meter("drafts", len(source)) as meter:
        while batch := list(islice(coming, AT_ONCE)):
            drafted += len(batch)
            if new := missing(records, watched.model_version, batch):
                reports = engine.report([(one.arrived.study, one.seen) for one in new], [one.prompt for one in new])
                embeddings = embed(np.stack([one.seen.image for one in new]))
                enter(records, watched, new, [report.withhold_ungrounded() for report in reports], embeddings)
            meter.advance(len(batch))
    return drafted


def missing(records: Records, model: str, batch: Sequence[Arrival]) -> list[Arrival]:
    """Those that the model has not drafted yet."""
    with reading(records) as connection:
        return [one for one in batch if not find_prediction(connection, one.arrived.study, model, Role.LIVE)]


def arrivals(source: Source, params: PixelParams, course: Course) -> Iterator[Arrival]:
    """The studies in the source's order."""
    pseudonyms, number = Pseudonyms.from_environment(), 0
    for study in source.studies():
        if isinstance(study, Rejected) or not study.images or not study.sentences:
            continue
        try:
            yield arrival(study, params, pseudonyms, course, number)
        except PixelsRefused:
            continue
        number += 1


def arrival(study: Study, params: PixelParams, pseudonyms: Pseudonyms, course: Course, number: int) -> Arrival:
    """The study as one of its course: phantoms of two seeds have the same ids, and are others.

    Raises:
        PixelsRefused: its picture is none.
    """
    stored = stored_form(study.images[0].path.read_bytes(), pseudonyms)
    arrived = Arrived.model_validate(
        {
            "study": pseudonyms.patient(f"study {study.study_id} {course.start.isoformat()}"),
            "patient": pseudonyms.patient(f"{study.patient_id} {course.start.isoformat()}"),
            "arrived_at": course.start + number * course.every,
            "modality": study.modality or stored.modality,
            "view": study.images[0].view or stored.view,
            "device": study.device or stored.device,
            "site": study.site,
            "age": None if study.age is None else min(90, study.age),
            "sex": study.sex if study.sex in ("F", "M", "O") else None,
        }
    )
    return Arrival(
        arrived,
        to_model_input(stored.content, params),
        prompt_text(study.age, study.sex, study.indication),
        written((sentence.text, sentence.section) for sentence in study.sentences),
    )


def enter(
    records: Records,
    watched: Watched,
    batch: Sequence[Arrival],
    reports: Sequence[GroundedReport],
    embeddings: np.ndarray[tuple[int, ...], np.dtype[np.float16]],
) -> None:
    """Enter the batch's studies, drafts and reviews, whole or not at all."""
    drafts = [surfaced_report(report) for report in reports]
    signed = [signed_by_reviewer(draft, one.reference) for draft, one in zip(drafts, batch, strict=True)]
    made = [
        predicted(
            report,
            one.seen,
            watched.templates,
            study=one.arrived.study,
            arrived_at=one.arrived.arrived_at,
            drafted_at=one.arrived.arrived_at + DRAFTING,
        )
        for report, one in zip(reports, batch, strict=True)
    ]
    compared = comparisons([prediction.id for prediction, _ in made], drafts, signed, tuple(FORMULAS))
    with writing(records) as connection:
        for n, (one, (prediction, text)) in enumerate(zip(batch, made, strict=True)):
            enter_study(connection, one.arrived)
            enter_prediction(connection, prediction, text, embeddings[n])
            review = Review(
                study=one.arrived.study,
                draft=prediction.id,
                reviewer=REVIEWER,
                satisfaction=satisfaction(compared[n]),
                signed_at=prediction.drafted_at + REVIEW_LAG,
            )
            enter_review(connection, review, text_of(signed[n]))
            enter_comparison(connection, compared[n])
