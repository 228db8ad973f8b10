"""A tick decides once, whoever else ticks and whenever it dies; what follows it goes again until it is done."""

import json
import multiprocessing
import os
import signal
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine, event

from pipelines.rollout.controller import tick
from pipelines.rollout.telling import notice, tell
from pipelines.rollout.tick import POLICIES, run
from records import ledger
from records.database import open_database, reading, writing
from records.ledger import entries
from records.signatures import Meaning, enter_key, sign
from release.decide import abort, hold
from release.phases import Phase
from release.state import State, move
from release.store import apply, broken, every, history, start
from tests.pipelines.receiving import Receiver
from tests.pipelines.releasing import Project
from tests.release.conftest import NOW, POLICY, hours, release_first

KEY = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)
BEGUN = State.begin("r1", "m2", "m1", POLICY, ["tom"], NOW)
LATER = NOW + hours(1)


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Records in which m1 drafts, and Jane approved the first traffic of m2."""
    monkeypatch.delenv("RADASSIST_WEBHOOK_URL", raising=False)
    engine = open_database(f"sqlite:///{tmp_path / 'records.db'}")
    release_first(engine)
    start(engine, BEGUN, POLICY, "5a" * 32, NOW)
    waiting = move(BEGUN, NOW, "for the test", phase=Phase.AWAITING_CANARY)
    apply(engine, waiting, NOW)
    with writing(engine) as connection:
        enter_key(connection, KEY, "Jane Doe", "radiologist", NOW)
        sign(connection, KEY, Meaning.APPROVED, waiting.after.request_sha256, "b" * 64, NOW)
    return engine


def last(engine: Engine) -> State:
    with reading(engine) as connection:
        assert broken(connection) is None
        return every(connection)[-1].state


def ticked(url: str, ready: Callable[[], object], out: "multiprocessing.SimpleQueue[str]") -> None:
    engine = open_database(url)
    ready()
    done = tick(engine, [POLICY.sha256], LATER)
    out.put(str(done.applied) if done and done.applied else "nothing was due")


def test_of_sixteen_ticks_at_once_one_takes_the_step(engine: Engine) -> None:
    url = str(engine.url)
    engine.dispose()
    forked = multiprocessing.get_context("fork")
    barrier, out = forked.Barrier(16), forked.SimpleQueue()
    processes = [forked.Process(target=ticked, args=(url, barrier.wait, out)) for _ in range(16)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    said = [out.get() for _ in processes]
    assert said.count("applied") == 1
    assert set(said) <= {"applied", "replayed", "nothing was due"}
    assert (last(engine).phase, last(engine).revision) == (Phase.CANARY, 3)


def die_at(url: str, statement: int) -> None:
    """Tick in a process that is killed before its `statement`-th statement, the commits among them."""
    engine = open_database(url)
    seen = count(1)

    def killed(*_: object) -> None:
        if next(seen) == statement:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in ("before_cursor_execute", "commit"):
        event.listen(engine, name, killed)
    tick(engine, [POLICY.sha256], LATER)


def test_a_tick_that_is_killed_at_any_point_took_the_step_or_did_not_and_the_next_one_does(engine: Engine) -> None:
    url = str(engine.url)
    for statement in count(1):
        engine.dispose()
        process = multiprocessing.get_context("fork").Process(target=die_at, args=(url, statement))
        process.start()
        process.join()
        state = last(engine)
        assert (state.phase, state.revision) in {(Phase.AWAITING_CANARY, 2), (Phase.CANARY, 3)}
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
    assert statement > 8
    assert last(engine).phase is Phase.CANARY
    done = tick(engine, [POLICY.sha256], LATER)
    assert done is not None
    assert done.due is None


def test_without_the_file_that_was_promised_nothing_goes_forward(engine: Engine) -> None:
    for promises in ((), ("0" * 64,)):
        done = tick(engine, promises, LATER)
        assert done is not None
        assert done.due is None
    assert last(engine).phase is Phase.AWAITING_CANARY
    assert tick(engine, ["0" * 64, POLICY.sha256], LATER)
    assert last(engine).phase is Phase.CANARY


def test_each_transition_is_told_once_and_again_where_it_did_not_arrive(
    engine: Engine, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'none.db'}")
    project = Project(tmp_path)
    project.promise(POLICY)
    assert project.policy_file.parent == tmp_path / POLICIES
    receiver.answers[:] = [200, 200, 503]
    done = run(tmp_path, engine, LATER)
    assert done.faults == ("the webhook did not take a notice: HTTPError",)
    released = ["awaiting_full", "promoted"]  # of m1, just before
    assert [body["phase"] for body in receiver.received] == [*released, "shadowing"]
    assert last(engine).phase is Phase.CANARY  # whoever hears of it or not
    assert run(tmp_path, engine, LATER).told == 3
    assert run(tmp_path, engine, LATER).told == 0
    assert [body["phase"] for body in receiver.received] == [
        *released,
        "shadowing",
        "shadowing",
        "awaiting_canary",
        "canary",
    ]
    assert receiver.received[2]["key"] == receiver.received[3]["key"]
    assert receiver.received[-1] | {"candidate": "m2", "weight": 0.05, "by": "Jane Doe"} == receiver.received[-1]


def test_the_end_of_a_rollout_is_told_when_the_next_has_begun_and_what_is_a_week_old_is_not(
    engine: Engine, receiver: Receiver
) -> None:
    receiver.answers[:] = [200] * 4 + [503]
    ended = abort(last(engine), "Jane Doe", "enough", LATER)
    assert ended is not None
    apply(engine, ended, LATER)
    with pytest.raises(requests.HTTPError):
        tell(engine, LATER)
    later = NOW + hours(24 * 7) + hours(0.5)
    start(engine, State.begin("r2", "m3", "m1", POLICY, ["tom"], later), POLICY, "5b" * 32, later)
    assert tell(engine, later) == 2
    assert [(body["id"], body["phase"]) for body in receiver.received[-2:]] == [("r1", "aborted"), ("r2", "shadowing")]


def test_a_first_address_hears_of_nothing_that_is_a_week_old(engine: Engine, receiver: Receiver) -> None:
    assert tell(engine, NOW + hours(24 * 8)) == 0
    assert receiver.received == []


def test_a_page_that_cannot_be_drawn_keeps_no_notice_and_no_question_back(
    engine: Engine, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken_page(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'none.db'}")
    monkeypatch.setattr("pipelines.rollout.tick.draw", broken_page)
    Project(tmp_path)
    done = run(tmp_path, engine, LATER)
    assert done.told == len(receiver.received) == 4
    assert done.faults == ("the page is not drawn: ZeroDivisionError",)
    assert done.said()["rollout"]["asks"]


def test_a_notice_holds_no_word_that_a_person_wrote(engine: Engine) -> None:
    held = hold(last(engine), "Jane Doe", "Mrs. Smith's effusion was missed", NOW)
    assert held is not None
    apply(engine, held, NOW)
    with reading(engine) as connection:
        told = [notice(entry) for entry in history(entries(connection), "r1")]
    assert "Smith" not in json.dumps(told)
    assert told[-1] | {"held_by": "Jane Doe", "reason": None} == told[-1]
    assert told[1]["reason"] == "for the test"


def test_without_an_address_nobody_is_told_and_nothing_is_entered(engine: Engine) -> None:
    with reading(engine) as connection:
        before = ledger.head(connection)
    assert tell(engine, NOW) == 0
    with reading(engine) as connection:
        assert ledger.head(connection) == before
