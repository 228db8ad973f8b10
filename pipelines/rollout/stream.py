"""Studies that arrive: resampled, routed as live ones are, drafted from the cache, and signed by simulated readers.

All of it goes into the records, where a rollout cannot tell it from a hospital's.
"""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

import numpy as np
from sqlalchemy import Connection, Engine

from model.labeler import label_report
from pipelines.reviewed import satisfaction, text_of
from pipelines.rollout.cases import Case, Draft
from pipelines.rollout.reading_room import compared, reading_seconds, signed
from records.canonical import sha256
from records.database import writing
from records.predictions import Prediction, Role, Study, Text, enter_prediction, enter_study
from records.reviews import Comparison, Review, enter_comparison, enter_review
from release.router import Route, route
from release.store import Standing, standing

DRAFT_SECONDS = 6.0  # median, from the study's arrival
READERS = 4


@dataclass(frozen=True, slots=True)
class Reading:
    """What will be signed, and the comparisons that follow from it."""

    review: Review
    report: Text
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A study under its pseudonym, the number of its case, and where the router sent it."""

    study: str
    case: int
    at: datetime
    sent: Route
    rollout: str | None


@dataclass
class Stream:
    """A hospital's studies from `now` on.

    Attributes:
        drafts: of each model, one a case; None where it fails on it.
        studies_per_day: that arrive, by a Poisson process.
        signing_hours: from the arrival to the signature, median.
        signed_share: of the studies that are signed at all.
        name: tells its studies from those of another stream in the same records.
    """

    engine: Engine
    cases: Sequence[Case]
    drafts: Mapping[str, Sequence[Draft | None]]
    studies_per_day: float
    now: datetime
    signing_hours: float = 2.0
    signed_share: float = 1.0
    name: str = "replay"
    seed: int = 0
    rng: np.random.Generator = field(init=False)
    _number: "count[int]" = field(default_factory=count)
    _waiting: list[tuple[datetime, int, Reading]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    def advance(self, until: datetime) -> int:
        """Let the time pass: studies arrive and are drafted, and those whose time it is are signed. How many arrived.

        All are routed by what the records say at the beginning: advance from tick to tick.
        """
        days = (until - self.now) / timedelta(days=1)
        offsets = np.sort(self.rng.random(self.rng.poisson(self.studies_per_day * days)))
        with writing(self.engine) as connection:
            there = standing(connection)
            for offset in offsets:
                self._arrive(connection, there, self.now + timedelta(days=days * float(offset)))
            while self._waiting and self._waiting[0][0] <= until:
                self._sign(connection, heapq.heappop(self._waiting)[2])
        self.now = until
        return len(offsets)

    def _arrive(self, connection: Connection, there: Standing, at: datetime) -> None:
        number = next(self._number)
        uid = f"{self.name}.{number}"
        sent = route(there, uid)
        rollout = there.rollout.state.id if there.rollout else None
        arrival = Arrival(sha256(uid)[:32], int(self.rng.integers(len(self.cases))), at, sent, rollout)
        enter_study(connection, Study(study=arrival.study, patient=sha256(f"of {uid}")[:32], arrived_at=at))
        if sent.live is None:
            return
        asked = [(sent.live, Role.LIVE)]
        if sent.shadow:
            asked.append((sent.shadow, Role.SHADOW))
        elif self.drafts[sent.live][arrival.case] is None and there.champion not in (None, sent.live):
            asked.append((str(there.champion), Role.LIVE))  # who steps in
        made = [(self._draft(connection, arrival, model, role), model, role) for model, role in asked]
        drafted = {p: d for p, model, _ in made if (d := self.drafts[model][arrival.case]) is not None}
        shown = next((p for p, _, role in made if role is Role.LIVE and p in drafted), None)
        if shown is not None and self.rng.random() < self.signed_share:
            reading = self._read(arrival, shown, drafted)
            heapq.heappush(self._waiting, (reading.review.signed_at, number, reading))

    def _draft(self, connection: Connection, arrival: Arrival, model: str, role: Role) -> str:
        """Enter a model's answer; the id of the prediction."""
        seconds, draft = DRAFT_SECONDS * float(self.rng.lognormal(0, 0.2)), self.drafts[model][arrival.case]
        answer = Prediction.model_validate(
            {
                "study": arrival.study,
                "model": model,
                "role": role,
                "rollout": arrival.rollout,
                "arm": arrival.sent.arm.value,
                "weight": arrival.sent.weight,
                "shadowed": arrival.sent.shadow is not None,
                "drafted_at": arrival.at + timedelta(seconds=seconds),
                "seconds": seconds,
                "error": None if draft else "no_answer",
                "confidence": draft.confidence if draft else None,
                "sentences": draft.sentences if draft else (),
                "findings": label_report(draft.text.text) if draft else {},
            }
        )
        return enter_prediction(connection, answer, text_of(draft.text) if draft else None)

    def _read(self, arrival: Arrival, shown: str, drafted: Mapping[str, Draft]) -> Reading:
        report = signed(drafted[shown].text, self.cases[arrival.case].reference)
        hours = self.signing_hours * float(self.rng.lognormal(0, 0.3))
        comparisons = {prediction: compared(prediction, draft.text, report) for prediction, draft in drafted.items()}
        review = Review(
            study=arrival.study,
            draft=shown,
            reviewer=sha256(f"reader {self.rng.integers(READERS)}")[:32],
            reading_seconds=reading_seconds(drafted[shown].text, report, self.rng),
            satisfaction=satisfaction(comparisons[shown]),
            signed_at=arrival.at + timedelta(hours=hours),
        )
        return Reading(review, text_of(report), tuple(comparisons.values()))

    def _sign(self, connection: Connection, reading: Reading) -> None:
        enter_review(connection, reading.review, reading.report)
        for comparison in reading.comparisons:
            enter_comparison(connection, comparison)
