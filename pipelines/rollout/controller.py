"""A rollout's beginning and its ticks: read, decide, apply. Killed at any point and repeated, they come to the same."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from model.errors import BadInput
from pipelines.rollout.candidate import Named, candidate
from pipelines.rollout.evidence import evidence, see
from records.database import reading
from release.decide import decide
from release.policy import Policy
from release.state import State, Transition
from release.store import Applied, Rollout, apply, every, rollout, standing
from release.store import start as enter


@dataclass(frozen=True, slots=True)
class Ticked:
    """What a tick found due, None where nothing was, and what became of it. `rollout` is as it stands afterwards."""

    rollout: Rollout
    due: Transition | None
    applied: Applied | None

    @property
    def moved(self) -> Transition | None:
        """What is due and was done by this tick, by no other one."""
        return self.due if self.applied is Applied.APPLIED else None


def start(engine: Engine, root: Path, named: str | None, policy: Policy, now: datetime, *, initial: bool) -> State:
    """Begin a rollout of a registered and signed model against the one that drafts now.

    The same again, while it is open, is the same rollout.

    Args:
        named: see `pipelines.rollout.candidate.Named.of`.
        initial: there is no model yet that drafts: this one is released by a signature alone.

    Raises:
        BadInput: no such model, no signature that counts, or `initial` says otherwise than the records.
        RecordsError: another rollout is open.
    """
    wanted = Named.of(root, named)  # MLflow takes its time, and no transaction waits for it
    chosen = candidate(engine, root, wanted, policy)
    with reading(engine) as connection:
        now_standing, number = standing(connection), len(every(connection)) + 1
    champion, model, there = now_standing.champion, chosen.model.model, now_standing.rollout
    if there and (there.state.candidate, there.policy) == (model, policy):
        return there.state
    if champion is None and not initial:
        rule = "no model drafts yet that it could be compared with"
        raise BadInput(f"model {model}", rule, "release it by signature alone: --initial")
    if champion is not None and initial:
        raise BadInput("--initial", f"{champion} drafts already", "leave it out: the two are compared")
    if champion == model:
        raise BadInput(f"model {model}", "it drafts for everybody already", "name another one")
    state = State.begin(f"{number}-{model}", model, champion, policy, chosen.makers, now)
    enter(engine, state, policy, secrets.token_hex(32), now)
    return state


def tick(engine: Engine, promises: Collection[str], now: datetime) -> Ticked | None:
    """One look at the open rollout; None where none is open.

    Args:
        promises: sha256 of each policy that stands in a file now.
    """
    with reading(engine) as connection:
        there = standing(connection).rollout
        seen = see(connection, there) if there else None
    if there is None or seen is None:
        return None
    due = decide(there.state, evidence(seen, promises, now), there.policy, now)
    applied = apply(engine, due, now) if due else None
    with reading(engine) as connection:
        after = rollout(connection, there.state.id)
    return Ticked(after or there, due, applied)
