"""What is known of a rollout now: its studies and signatures from the records, its promise from policy/."""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd
from sqlalchemy import Connection

from model.errors import BadInput
from pipelines.arrivals import arrivals
from pipelines.strict import read_policy
from records import ledger
from records.ledger import Entry
from records.models import registered
from records.windows import of_rollout
from release.approvals import approvals
from release.evidence import Evidence, studied
from release.policy import Policy
from release.state import SHADOW, State
from release.store import Rollout, candidates

NONE = "none"


@dataclass(frozen=True, slots=True)
class Seen:
    """What the records say of a rollout: it is read at once, and nobody waits while it is judged and drawn.

    Attributes:
        entries: of the whole ledger. outcomes: see `records.windows.of_rollout`. newer: see `newer`.
    """

    rollout: Rollout
    entries: tuple[Entry, ...]
    outcomes: pd.DataFrame
    newer: str | None


def see(connection: Connection, rollout: Rollout) -> Seen:
    """Read all that `evidence` goes by, in one transaction."""
    entries, outcomes = tuple(ledger.entries(connection)), of_rollout(connection, rollout.state.id)
    return Seen(rollout, entries, outcomes, newer(connection, rollout.state))


def evidence(seen: Seen, promises: Collection[str], now: datetime) -> Evidence:
    """All that `release.decide.decide` goes by.

    Args:
        promises: sha256 of each policy that stands in a file now, see `promises_in`.
    """
    state, policy = seen.rollout.state, seen.rollout.policy
    known = Evidence(
        now,
        state.policy_sha256 if state.policy_sha256 in promises else NONE,
        approvals=approvals(seen.entries, state, demo=policy.demo),
        newer=seen.newer,
    )
    shadow, canary = arrivals(seen.outcomes, state, policy.slow_seconds)
    return studied(known, shadow if state.step == SHADOW else canary, state.since, policy)


def newer(connection: Connection, state: State) -> str | None:
    """The last model that was registered after the rollout began, and had none itself yet. One that was there before
    was passed over by who chose the candidate."""
    after = [model.model for model in registered(connection) if model.registered_at > state.started_at]
    had_one = candidates(connection)
    return next((name for name in reversed(after) if name not in had_one), None)


def load_policy(path: Path) -> Policy:
    """
    Raises:
        BadInput: no such file, or an unknown, missing or impossible key.
    """
    return read_policy(path, Policy, "a rollout needs a policy file")


def promises_in(folder: Path) -> frozenset[str]:
    """sha256 of each policy for rollouts in a folder. One that was edited, broken or taken away is none any more:
    nothing goes forward by it, and a harmful candidate goes back all the same."""
    found = set()
    for path in folder.glob("rollout*.yaml"):
        with suppress(BadInput):
            found.add(load_policy(path).sha256)
    return frozenset(found)
