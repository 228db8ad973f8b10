"""What a person orders is carried out on the rollout as it stands at that moment, whatever a tick does meanwhile."""

from pathlib import Path
from threading import Event, Thread

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine, event

from model.errors import BadInput
from pipelines.rollout.controller import tick
from pipelines.rollout.orders import Order, give
from pipelines.rollout.tick import Round
from records.database import open_database, reading, writing
from records.ledger import head
from records.signatures import enter_key
from release.phases import Phase
from release.state import State, move
from release.store import Applied, broken, rollout, start, take
from tests.release.conftest import NOW, POLICY, hours, release_first

KEY = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)
BEGUN = State.begin("r1", "m2", "m1", POLICY, ["tom"], NOW)
LATER = NOW + hours(1)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """Records in which m1 drafts and m2 is in shadow, and Jane is known."""
    engine = open_database(f"sqlite:///{tmp_path / 'records.db'}")
    release_first(engine)
    start(engine, BEGUN, POLICY, "5a" * 32, NOW)
    with writing(engine) as connection:
        enter_key(connection, KEY, "Jane Doe", "radiologist", NOW)
    return engine


def state(engine: Engine) -> State:
    with reading(engine) as connection:
        assert broken(connection) is None
        there = rollout(connection, "r1")
    assert there is not None
    return there.state


def test_an_abort_ends_the_rollout_that_a_tick_moved_while_it_was_given(engine: Engine) -> None:
    person = open_database(str(engine.url))
    waits = Event()
    event.listen(person, "before_cursor_execute", lambda *said: waits.set() if "IMMEDIATE" in said[2] else None)
    aborting = Thread(target=give, args=(person, KEY, Order.ABORT, "enough", b"", LATER))
    with writing(engine) as connection:
        aborting.start()
        assert waits.wait(10)
        take(connection, move(BEGUN, NOW, "for the test", phase=Phase.AWAITING_CANARY), NOW)
    aborting.join()
    assert (state(engine).phase, state(engine).revision) == (Phase.ABORTED, 3)


def test_an_order_that_changes_nothing_is_not_signed(engine: Engine) -> None:
    with reading(engine) as connection:
        before = head(connection)
    with pytest.raises(BadInput, match="resume changes nothing"):
        give(engine, KEY, Order.RESUME, "looked", b"", LATER)
    with reading(engine) as connection:
        assert head(connection) == before


def test_a_demo_identity_orders_nothing_of_a_real_rollout(engine: Engine) -> None:
    nobody = Ed25519PrivateKey.from_private_bytes(bytes([2]) * 32)
    with writing(engine) as connection:
        enter_key(connection, nobody, "Demo Reviewer", "nobody", NOW, demo=True)
        before = head(connection)
    for order in Order:
        with pytest.raises(BadInput, match="a DEMO identity, nobody real, orders nothing"):
            give(engine, nobody, order, "for fun", b"", LATER)
    with reading(engine) as connection:
        assert head(connection) == before
    assert state(engine) == BEGUN


def test_a_tick_that_came_too_late_does_not_claim_the_step(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    due = move(BEGUN, NOW, "for the test", phase=Phase.AWAITING_CANARY)

    def late(*_: object) -> object:
        give(engine, KEY, Order.ABORT, "enough", b"", LATER)
        return due

    monkeypatch.setattr("pipelines.rollout.controller.decide", late)
    done = tick(engine, [POLICY.sha256], LATER)
    assert done is not None
    assert (done.applied, done.moved, done.rollout.state.phase) == (Applied.STALE, None, Phase.ABORTED)
    assert Round(done.rollout, done.moved, (), 0, None, ()).said()["moved"] is None
