"""Rollouts in the records: a row and its ledger entries, changed together or not at all.

A change names the revision that it was decided on. Of many that were decided on the same one, the first is applied, and
the others find another revision: ticks may be repeated, overlap or die at any point. The row is what routers read, so
the commit of a transition is the switch of the traffic.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import IntegrityError

from records import ledger, tables
from records.canonical import canonical
from records.database import writing
from records.errors import RecordsError
from records.ledger import Entry
from records.tables import rollouts
from release.phases import Phase
from release.policy import Policy
from release.state import State, Transition

ROLLOUT = "rollout"  # kind of entries
_BEGUN = select(rollouts).join(tables.ledger, tables.ledger.c.key == ROLLOUT + ":" + rollouts.c.id + ":1")


class Applied(StrEnum):
    """What became of a transition."""

    APPLIED = "applied"
    REPLAYED = "replayed"  # this very one had been applied before
    STALE = "stale"  # another one was first: decide anew


@dataclass(frozen=True, slots=True)
class Rollout:
    """A rollout as the records have it. `policy` is the one that was promised; `salt` is a secret of the router's."""

    state: State
    policy: Policy
    salt: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Who drafts at this moment: the version that was promoted last, None before the first, and the open rollout."""

    champion: str | None
    rollout: Rollout | None


def start(engine: Engine, state: State, policy: Policy, salt: str, now: datetime) -> Applied:
    """Enter a new rollout.

    Args:
        salt: 64 hexadecimal digits, new for each rollout, from `secrets.token_hex(32)`.

    Raises:
        RecordsError: another rollout is open, there was one of this id, or its champion is not the one that drafts.
    """
    with writing(engine) as connection:
        if found := rollout(connection, state.id):
            if found.state.started_at != state.started_at or found.policy != policy:
                raise RecordsError(f"rollout {state.id!r}", "there was one of this id", "choose another id")
            return Applied.REPLAYED
        if (live := champion(connection)) != state.champion:
            rule = f"its champion is {state.champion or 'none'}, and {live or 'none'} is the model that drafts"
            raise RecordsError(f"rollout {state.id!r}", rule, "begin it against that one")
        try:
            connection.execute(
                insert(rollouts).values(
                    **state.row(), policy=canonical(policy.model_dump(mode="json")), salt=salt, open=True
                )
            )
        except IntegrityError as error:
            way_out = "wait for its end, or `radassist rollout abort` it"
            raise RecordsError(f"rollout {state.id!r}", "another rollout is open", way_out) from error
        _enter(connection, state, "begun", {"by": None, "figures": {}, "before": None}, now)
    return Applied.APPLIED


def apply(engine: Engine, transition: Transition, now: datetime) -> Applied:
    """Put a transition into effect and into the ledger, in one transaction."""
    with writing(engine) as connection:
        return take(connection, transition, now)


def take(connection: Connection, transition: Transition, now: datetime) -> Applied:
    """The same in a transaction of `records.database.writing`. It cannot be stale where the state was read there."""
    before, after = transition.before, transition.after
    said = {"by": transition.by, "figures": transition.figures, "before": before.phase}
    values = after.row() | {"open": None if after.phase.is_final else True}
    here = (rollouts.c.id == before.id) & (rollouts.c.revision == before.revision)
    if connection.execute(update(rollouts).where(here).values(**values)).rowcount:
        _enter(connection, after, transition.reason, said, now)
        return Applied.APPLIED
    earlier = ledger.find(connection, _key(after))
    same = earlier is not None and earlier.written.body == _body(after, transition.reason, said)
    return Applied.REPLAYED if same else Applied.STALE


def rollout(connection: Connection, id: str) -> Rollout | None:  # noqa: A002 - the column's name
    return _one(connection, rollouts.c.id == id)


def standing(connection: Connection) -> Standing:
    """What a router goes by, read in one transaction."""
    return Standing(champion(connection), _one(connection, rollouts.c.open.is_(True)))


def champion(connection: Connection) -> str | None:
    """The version that the ledger saw promoted last. No clock has a say in it."""
    return next(promoted(connection), None)


def promoted(connection: Connection) -> Iterator[str]:
    """The versions that drafted for everybody, the present one first."""
    newest_first = select(tables.ledger).where(tables.ledger.c.kind == ROLLOUT).order_by(tables.ledger.c.seq.desc())
    for row in connection.execute(newest_first):
        state = Entry(*row).written.body["state"]
        if state["phase"] == Phase.PROMOTED:
            yield str(state["candidate"])


def every(connection: Connection) -> list[Rollout]:
    """All rollouts in the order in which the ledger saw them begin."""
    return [_read(dict(row)) for row in connection.execute(_BEGUN.order_by(tables.ledger.c.seq)).mappings()]


def last(connection: Connection) -> Rollout | None:
    """The one that began last, open or not."""
    row = connection.execute(_BEGUN.order_by(tables.ledger.c.seq.desc()).limit(1)).mappings().one_or_none()
    return _read(dict(row)) if row else None


def candidates(connection: Connection) -> set[str]:
    """All versions that had a rollout."""
    return set(connection.execute(select(rollouts.c.candidate)).scalars())


def history(entries: Iterable[Entry], id: str) -> list[Entry]:  # noqa: A002 - the column's name
    """A rollout's entries of the ledger, its beginning first."""
    return [entry for entry in entries if entry.kind == ROLLOUT and entry.written.body["state"]["id"] == id]


def broken(connection: Connection) -> str | None:
    """What does not hold between the rollouts and their ledger, in words; None where all of it does."""
    entries = list(ledger.entries(connection))
    if fault := ledger.check(entries):
        return f"ledger entry {fault.seq}: {fault.why}"
    for row in connection.execute(select(rollouts)).mappings():
        found = _read(dict(row))
        told = [entry.written.body["state"] for entry in history(entries, found.state.id)]
        if [state["revision"] for state in told] != list(range(1, found.state.revision + 1)):
            return f"rollout {found.state.id}: its revisions in the ledger are not 1 to {found.state.revision}"
        if told[-1] != found.state.row():
            return f"rollout {found.state.id}: its row is not what the ledger says"
        if found.policy.sha256 != found.state.policy_sha256:
            return f"rollout {found.state.id}: its policy is not the promised one"
    return None


def _one(connection: Connection, here: Any) -> Rollout | None:
    row = connection.execute(select(rollouts).where(here)).mappings().one_or_none()
    return _read(dict(row)) if row else None


def _read(row: dict[str, Any]) -> Rollout:
    policy, salt = Policy.model_validate_json(row.pop("policy")), row.pop("salt")
    del row["open"]
    return Rollout(State.of_row(row), policy, salt)


def _key(state: State) -> str:
    return f"{ROLLOUT}:{state.id}:{state.revision}"


def _body(state: State, reason: str, said: dict[str, Any]) -> dict[str, Any]:
    return {"state": state.row(), "reason": reason, **said}


def _enter(connection: Connection, state: State, reason: str, said: dict[str, Any], now: datetime) -> None:
    ledger.append(connection, ROLLOUT, _key(state), _body(state, reason, said), now)
