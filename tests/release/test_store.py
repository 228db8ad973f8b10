"""A rollout's row and its ledger change together, once, whoever ticks and whenever it dies."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from itertools import count

import pytest
from sqlalchemy import Engine, event

from records.database import open_database, reading, writing
from records.errors import RecordsError
from records.ledger import entries
from release.decide import abort, hold, resume
from release.phases import Phase
from release.state import State, Transition
from release.store import Applied, Rollout, Standing, apply, broken, history, rollout, standing, start
from tests.release.conftest import NOW, POLICY, hours
from tests.release.test_decide import WAY

SALT = "5a" * 32
SHADOWED = WAY[0]


def begin(engine: Engine, state: State = SHADOWED, now: datetime = NOW) -> Applied:
    return start(engine, state, POLICY, SALT, now)


def found(engine: Engine, id: str = "r1") -> Rollout:  # noqa: A002
    with reading(engine) as connection:
        there = rollout(connection, id)
    assert there is not None
    return there


def whole(engine: Engine) -> None:
    with reading(engine) as connection:
        assert broken(connection) is None


def step(number: int) -> Transition:
    return Transition(WAY[number], WAY[number + 1], "as it should", figures={"misses": 0.001})


def test_a_rollout_is_read_back_with_its_promise_and_its_history(engine: Engine) -> None:
    assert begin(engine) is Applied.APPLIED
    for number in range(len(WAY) - 1):
        assert apply(engine, step(number), NOW) is Applied.APPLIED
        assert found(engine) == Rollout(WAY[number + 1], POLICY, SALT)
        whole(engine)
    with reading(engine) as connection:
        told = [entry.written.body for entry in history(entries(connection), "r1")]
        assert standing(connection) == Standing("m2", None)
    assert [body["state"]["phase"] for body in told] == [state.phase for state in WAY]
    assert [body["before"] for body in told] == [None, *(state.phase for state in WAY[:-1])]
    assert told[1]["figures"] == {"misses": 0.001}
    assert SALT not in str(told)


def test_the_same_transition_again_is_replayed_and_another_on_the_same_revision_is_stale(engine: Engine) -> None:
    begin(engine)
    assert begin(engine) is Applied.REPLAYED
    other = abort(SHADOWED, "Jane Doe", "enough", NOW)
    assert other is not None
    assert [apply(engine, change, NOW + hours(1)) for change in (step(0), step(0), other)] == [
        Applied.APPLIED,
        Applied.REPLAYED,
        Applied.STALE,
    ]
    assert apply(engine, replace(step(0), reason="another word"), NOW) is Applied.STALE
    assert found(engine).state == WAY[1]
    whole(engine)


def test_one_rollout_is_open_at_a_time_and_an_id_is_used_once(engine: Engine) -> None:
    begin(engine)
    with pytest.raises(RecordsError, match="another rollout is open"):
        begin(engine, replace(SHADOWED, id="r2"))
    ended = abort(SHADOWED, "Jane Doe", "enough", NOW)
    assert ended is not None
    apply(engine, ended, NOW)
    assert begin(engine, replace(SHADOWED, id="r2")) is Applied.APPLIED
    with pytest.raises(RecordsError, match="there was one of this id"):
        begin(engine, replace(SHADOWED, started_at=NOW + hours(1)))
    with pytest.raises(RecordsError, match="its champion is m0, and m1 is the model that drafts"):
        begin(engine, replace(SHADOWED, id="r3", champion="m0"))
    with reading(engine) as connection:
        now = standing(connection)
    assert now.champion == "m1"
    assert now.rollout is not None
    assert now.rollout.state.id == "r2"
    whole(engine)


def tick(
    url: str, transition: Transition, ready: Callable[[], object], out: "multiprocessing.SimpleQueue[str]"
) -> None:
    engine = open_database(url)
    ready()
    out.put(apply(engine, transition, NOW))


def test_of_sixteen_ticks_at_once_one_is_applied(engine: Engine) -> None:
    begin(engine)
    url = str(engine.url)
    engine.dispose()
    forked = multiprocessing.get_context("fork")
    barrier, out = forked.Barrier(16), forked.SimpleQueue()
    aborted = abort(SHADOWED, "Jane Doe", "enough", NOW)
    assert aborted is not None
    changes = [step(0), aborted] * 8
    processes = [forked.Process(target=tick, args=(url, change, barrier.wait, out)) for change in changes]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    said = sorted(out.get() for _ in processes)
    assert said == ["applied"] + ["replayed"] * 7 + ["stale"] * 8
    assert found(engine).state.revision == 2
    with reading(engine) as connection:
        assert len(history(entries(connection), "r1")) == 2
    whole(engine)


def die_at(url: str, statement: int, act: Callable[[Engine], object]) -> None:
    """Do `act` in a process that is killed before its `statement`-th statement, the commit among them."""
    engine = open_database(url)
    seen = count(1)

    def killed(*_: object) -> None:
        if next(seen) == statement:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in ("before_cursor_execute", "after_cursor_execute", "commit"):
        event.listen(engine, name, killed)
    act(engine)


@pytest.mark.parametrize("number", range(len(WAY)), ids=[state.phase for state in WAY])
def test_killed_between_any_two_statements_it_is_all_or_nothing_and_a_retry_ends_it(
    engine: Engine, number: int
) -> None:
    if number:
        begin(engine)
        for earlier in range(number - 1):
            apply(engine, step(earlier), NOW)
    act = (lambda engine: apply(engine, step(number - 1), NOW)) if number else begin
    before, url = WAY[number - 1] if number else None, str(engine.url)
    engine.dispose()
    for statement in count(1):
        process = multiprocessing.get_context("fork").Process(target=die_at, args=(url, statement, act))
        process.start()
        process.join()
        whole(engine)
        with reading(engine) as connection:
            there = rollout(connection, "r1")
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
        assert (there.state if there else None) == before
        engine.dispose()
    assert statement > 8
    assert found(engine).state == WAY[number]
    assert act(engine) is Applied.REPLAYED


def test_a_row_that_was_changed_behind_the_ledgers_back_is_found(engine: Engine) -> None:
    begin(engine)
    for number in range(2):
        apply(engine, step(number), NOW)
    with writing(engine) as connection:
        connection.exec_driver_sql("UPDATE rollouts SET weight = 0.5 WHERE id = 'r1'")
    with reading(engine) as connection:
        assert broken(connection) == "rollout r1: its row is not what the ledger says"
    with writing(engine) as connection:
        connection.exec_driver_sql("UPDATE rollouts SET weight = 0.05, revision = 9 WHERE id = 'r1'")
    with reading(engine) as connection:
        assert broken(connection) == "rollout r1: its revisions in the ledger are not 1 to 9"


def test_a_promise_that_was_changed_in_the_row_is_found(engine: Engine) -> None:
    begin(engine)
    with writing(engine) as connection:
        change = """UPDATE rollouts SET policy = replace(policy, '"alpha":0.05', '"alpha":0.06') WHERE id = 'r1'"""
        connection.exec_driver_sql(change)
    with reading(engine) as connection:
        assert broken(connection) == "rollout r1: its policy is not the promised one"


def test_hold_and_resume_stand_in_the_ledger_with_who_said_so(engine: Engine) -> None:
    begin(engine)
    held = hold(SHADOWED, "Jane Doe", "a look at the gallery", NOW)
    assert held is not None
    apply(engine, held, NOW)
    resumed = resume(held.after, "John Roe", "looked", NOW)
    assert resumed is not None
    apply(engine, resumed, NOW)
    with reading(engine) as connection:
        told = [entry.written.body for entry in history(entries(connection), "r1")]
    assert [(body["by"], body["state"]["held_by"]) for body in told] == [
        (None, None),
        ("Jane Doe", "Jane Doe"),
        ("John Roe", None),
    ]
    assert found(engine).state.phase is Phase.SHADOWING
    whole(engine)
