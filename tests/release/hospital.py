"""A hospital that goes by the records: studies arrive, are routed, drafted and signed, and a controller ticks."""

from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine

from records.database import reading, writing
from records.ledger import entries
from records.signatures import Meaning, enter_key, sign
from release.approvals import approvals
from release.decide import decide
from release.evidence import Arrivals, Evidence, studied
from release.policy import Policy
from release.router import Arm, Route, route
from release.state import SHADOW, State
from release.store import Applied, Rollout, apply, broken, rollout, standing, start
from tests.release.conftest import NOW, hours

KEY = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)
TICK = 6.0  # hours
Row = tuple[float, float, bool, float, object, object, object]


@dataclass
class Hospital:
    """`misses` and `shown_misses` are the candidate's rates in shadow, and when radiologists see its drafts."""

    engine: Engine
    policy: Policy
    studies_a_tick: int = 500
    misses: float = 0.02
    shown_misses: float = 0.02
    champion_misses: float = 0.05
    signed_share: float = 1.0
    shadow_alive: bool = True
    policy_sha256: str | None = None
    now: datetime = NOW
    arrived: list[list[Row]] = field(default_factory=lambda: [[], []])  # in shadow, in canary
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(5))

    def begin(self) -> None:
        start(self.engine, State.begin("r1", "m2", "m1", self.policy, ["tom"], NOW), self.policy, "5a" * 32, NOW)
        with writing(self.engine) as connection:
            enter_key(connection, KEY, "Jane Doe", "radiologist", NOW)

    @property
    def there(self) -> Rollout:
        with reading(self.engine) as connection:
            found = rollout(connection, "r1")
        assert found is not None
        return found

    def route(self, study_uid: str) -> Route:
        with reading(self.engine) as connection:
            return route(standing(connection), study_uid)

    @property
    def state(self) -> State:
        return self.there.state

    def arrive(self) -> None:
        """The studies of one tick, each routed by itself."""
        with reading(self.engine) as connection:
            now = standing(connection)
        for number in range(self.studies_a_tick):
            at = self.now.timestamp() + number * TICK * 3600 / self.studies_a_tick
            signed = at + 3600 if self.rng.random() < self.signed_share else np.nan
            sent = route(now, f"2.25.{at:.0f}{number}")
            shown = self.shown_misses if sent.arm is Arm.CANDIDATE else self.champion_misses
            edited = float(np.clip(self.rng.normal(0.3, 0.1), 0, 1).round(1))
            if sent.shadow:
                both = self.rng.random(2) < (self.champion_misses, self.misses)
                faulted = (0.0, 0.0 if self.shadow_alive else 1.0)
                self.arrived[0].append((at, signed, False, 0.0, both, (edited, edited), faulted))
            else:
                missed = float(self.rng.random() < shown)
                self.arrived[1].append((at, signed, sent.arm is Arm.CANDIDATE, sent.weight, missed, edited, 0.0))
        self.now += hours(TICK)

    def evidence(self, state: State) -> Evidence:
        known = Evidence(self.now, self.policy_sha256 or self.policy.sha256)
        with reading(self.engine) as connection:
            known = replace(known, approvals=approvals(entries(connection), state, demo=self.policy.demo))
        if not (rows := self.arrived[state.step != SHADOW]):
            return known
        columns = [np.array(column) for column in zip(*rows, strict=True)]
        arrivals = Arrivals(columns[0], columns[1], columns[2], *(column.astype(float) for column in columns[3:]))
        return studied(known, arrivals, state.since, self.policy)

    def tick(self) -> Applied | None:
        there = self.there
        due = decide(there.state, self.evidence(there.state), there.policy, self.now)
        return apply(self.engine, due, self.now) if due else None

    def approve(self) -> None:
        with writing(self.engine) as connection:
            sign(connection, KEY, Meaning.APPROVED, self.state.request_sha256, "b" * 64, self.now)

    def run(self, days: float, *, answers: bool = True) -> list[State]:
        """The states of so many days, or until the rollout ends."""
        states = [self.state]
        for _ in range(round(days * 24 / TICK)):
            self.arrive()
            if answers and states[-1].phase.asks:
                self.approve()
            self.tick()
            if (state := self.state) != states[-1]:
                states.append(state)
                with reading(self.engine) as connection:
                    assert broken(connection) is None
            if state.phase.is_final:
                break
        return states
