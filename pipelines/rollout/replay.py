"""`radassist rollout replay`: a whole rollout on invented arrivals and a clock of its own, in records of its own.

The studies and drafts are those of a finished evaluation; the two models are those drafts with findings left out.
Nothing of it touches the project's records.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine

from model.errors import BadInput
from pipelines.rollout.cases import Case, weakened
from pipelines.rollout.controller import tick
from pipelines.rollout.evidence import evidence
from pipelines.rollout.page import draw, look
from pipelines.rollout.stream import Stream
from records.canonical import sha256
from records.database import open_database, reading, writing
from records.models import Model, enter_model
from records.signatures import Meaning, enter_key, sign
from release.policy import Policy
from release.state import State
from release.store import Rollout, broken, every, start

CHAMPION, CANDIDATE = "champion", "candidate"
READER = "Replay Reader"
BEGIN = datetime.fromisoformat("2026-01-05T08:00:00+00:00")


@dataclass(frozen=True, slots=True)
class Replay:
    """What is replayed. The two shares are those of the studies in which a model leaves out a finding."""

    policy: Policy
    studies_per_day: float
    champion: float
    candidate: float
    days: float
    tick_hours: float
    seed: int


def replay(asked: Replay, cases: Sequence[Case], out: Path) -> Iterator[State]:
    """The states of the rollout, each as it is reached; `out` receives records.db and, at the end, index.html.

    A reader approves whatever is asked. The last state is final, or the one after `days`.

    Raises:
        BadInput: there are records in `out`.
    """
    if (out / "records.db").exists():
        raise BadInput(f"--out {out}", "there are records of another replay", "name a new folder")
    engine = open_database(f"sqlite:///{out.absolute() / 'records.db'}")
    key = Ed25519PrivateKey.generate()
    prepare(engine, asked.policy, key)
    drafts = {name: weakened(cases, getattr(asked, name), name) for name in (CHAMPION, CANDIDATE)}
    hours = asked.policy.label_lag_hours / 4
    stream = Stream(engine, cases, drafts, asked.studies_per_day, BEGIN, signing_hours=hours, seed=asked.seed)
    yield from follow(engine, stream, asked.policy, key, asked.days, asked.tick_hours)
    with reading(engine) as connection:
        shown, fault = look(connection, every(connection)[-1]), broken(connection)
    known = evidence(shown.seen, [asked.policy.sha256], stream.now)
    (out / "index.html").write_text(draw(shown, known, stream.now))
    if fault:
        raise BadInput(f"the replay in {out}", fault, "report it: this should not be")


def follow(
    engine: Engine, stream: Stream, policy: Policy, key: Ed25519PrivateKey | None, days: float, tick_hours: float
) -> Iterator[State]:
    """The states that the open rollout goes through while `stream` flows and the clock ticks.

    Args:
        key: signs what is asked; None where nobody answers.
    """
    state = _last(engine).state
    yield state
    for _ in range(round(days * 24 / tick_hours)):
        stream.advance(stream.now + timedelta(hours=tick_hours))
        if key is not None and state.asks:
            with writing(engine) as connection:
                sign(connection, key, Meaning.APPROVED, state.request_sha256, sha256("no page"), stream.now)
        done = tick(engine, [policy.sha256], stream.now)
        if done is not None and done.rollout.state != state:
            state = done.rollout.state
            yield state
        if state.phase.is_final:
            return


def prepare(engine: Engine, policy: Policy, key: Ed25519PrivateKey) -> None:
    """A champion that drafts, and a candidate whose rollout begins."""
    with writing(engine) as connection:
        enter_key(connection, key, READER, "invented", BEGIN, demo=policy.demo)
        for name in (CHAMPION, CANDIDATE):
            enter_model(connection, _invented(name))
    _begin(engine, State.begin("first", CHAMPION, None, policy, ["the replay"], BEGIN), policy, key)
    _begin(engine, State.begin("replay", CANDIDATE, CHAMPION, policy, ["the replay"], BEGIN), policy, None)


def _begin(engine: Engine, state: State, policy: Policy, key: Ed25519PrivateKey | None) -> None:
    """Enter a rollout; with `key` it is approved at once."""
    start(engine, state, policy, sha256(state.id), BEGIN)
    if key is not None:
        with writing(engine) as connection:
            sign(connection, key, Meaning.APPROVED, state.request_sha256, sha256("no page"), BEGIN)
        tick(engine, [policy.sha256], BEGIN)


def _invented(name: str) -> Model:
    nothing = sha256("invented")
    return Model(
        model=name,
        weights_sha256=nothing,
        git_commit=nothing[:40],
        data_md5=nothing[:32],
        dvc_lock_sha256=nothing,
        gate_sha256=nothing,
        run="invented",
        mlflow_run="invented",
        registered_at=BEGIN,
    )


def _last(engine: Engine) -> Rollout:
    with reading(engine) as connection:
        return every(connection)[-1]
