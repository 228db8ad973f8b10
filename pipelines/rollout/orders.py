"""What people say of a rollout, each under a signature in the ledger: approve, hold, resume, abort."""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Engine

from model.errors import BadInput
from records.canonical import canonical, sha256
from records.database import writing
from records.signatures import Meaning, Signature, sign
from release import decide
from release.state import State, Transition
from release.store import Rollout, standing, take

LEAST_DIGITS = 8


class Order(StrEnum):
    HOLD = "hold"
    RESUME = "resume"
    ABORT = "abort"


ACTS: dict[Order, Callable[[State, str, str, datetime], Transition | None]] = {
    Order.HOLD: decide.hold,
    Order.RESUME: decide.resume,
    Order.ABORT: decide.abort,
}


def open_rollout(connection: Connection) -> Rollout:
    """
    Raises:
        BadInput: no rollout is open.
    """
    there = standing(connection).rollout
    if there is None:
        raise BadInput("the rollout", "none is open", "begin one: `radassist rollout start`")
    return there


def approve(engine: Engine, key: Ed25519PrivateKey, request: str, page: bytes, now: datetime) -> Signature:
    """Sign what the open rollout asks. The next tick goes by it, where nothing speaks against it.

    Args:
        request: at least 8 digits of the sha256 of what is asked, as the page shows it: nobody signs what came after.
        page: the rollout's page as it was looked at.

    Raises:
        BadInput: nothing is asked, as while it is held, or something else, or the page shows something else.
        RecordsError: the ledger does not know the key.
    """
    with writing(engine) as connection:
        state = open_rollout(connection).state
        _answers(state, request, page)
        return sign(connection, key, Meaning.APPROVED, state.request_sha256, sha256(page), now)


def give(engine: Engine, key: Ed25519PrivateKey, order: Order, why: str, page: bytes, now: datetime) -> State:
    """Sign an order and carry it out, in one transaction: it meets the rollout wherever a tick has just taken it.

    Raises:
        BadInput: no rollout is open, the order changes nothing, or a DEMO identity gives it of a rollout that is none.
        RecordsError: the ledger does not know the key.
    """
    with writing(engine) as connection:
        there = open_rollout(connection)
        state = there.state
        digest = sha256(canonical(ordered(state, order, why)))
        signed = sign(connection, key, Meaning.RESPONSIBLE, digest, sha256(page), now)
        signer = signed.statement.signer
        if signer.demo and not there.policy.demo:
            rule = "a DEMO identity, nobody real, orders nothing under a policy that is no DEMO"
            raise BadInput(f"{signer.name}'s key", rule, "sign with the key of somebody real")
        due = ACTS[order](state, signer.name, f"{why}; signed in entry {signed.seq}", now)
        if due is None:
            raise BadInput(f"rollout {state.id}", f"{order} changes nothing", "see `radassist rollout status`")
        take(connection, due, now)
    return due.after


def ordered(state: State, order: Order, why: str) -> dict[str, Any]:
    """What is signed: this order, from this very state."""
    return {"kind": "radassist.order/1", "rollout": state.id, "revision": state.revision, "order": order, "why": why}


def _answers(state: State, request: str, page: bytes) -> None:
    """
    Raises:
        BadInput: see `approve`.
    """
    if state.held_by:
        rule, way_out = f"{state.held_by} holds it, and it asks nothing", "`radassist rollout resume` it first"
        raise BadInput(f"rollout {state.id}", rule, way_out)
    if not state.asks:
        raise BadInput(f"rollout {state.id}", f"it is {state.phase}, and asks nothing", "wait for its question")
    if len(request) < LEAST_DIGITS or not state.request_sha256.startswith(request):
        rule = f"the rollout asks for {state.request_sha256}"
        raise BadInput(f"--request {request}", rule, "look at its page, and sign what stands there")
    if state.request_sha256.encode() not in page:
        raise BadInput("the page", "it shows another state of the rollout", "draw it anew: `radassist rollout tick`")
