"""What is entered stays, once, in its order; and whatever is done to it behind the ledger's back is found."""

import hashlib
import itertools
import json
import multiprocessing
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from records.canonical import canonical, sha256
from records.database import open_database, reading, writing
from records.errors import RecordsError
from records.ledger import GENESIS, Anchor, Broken, Entry, append, check, entries, find, head
from tests.records.conftest import NOW


def chain(*bodies: dict[str, object]) -> list[Entry]:
    """A whole ledger without a database."""
    found, before = list[Entry](), GENESIS
    for seq, body in enumerate(bodies, start=1):
        written = {"seq": seq, "at": NOW.isoformat(), "key": f"k{seq}", "kind": "note", "body": body}
        text = canonical(written)
        found.append(Entry(seq, f"k{seq}", "note", text, before, sha256(before + text)))
        before = found[-1].sha256
    return found


FIVE = chain(*({"n": n} for n in range(1, 6)))


def test_an_entry_is_hashed_with_the_one_before_it(engine: Engine) -> None:
    with writing(engine) as connection:
        first = append(connection, "note", "one", {"said": "é"}, NOW)
        second = append(connection, "note", "two", {}, NOW)
        assert list(entries(connection)) == [first, second]
        assert head(connection) == Anchor(2, second.sha256)
    text = '{"at":"2026-03-01T09:30:00.000+00:00","body":{"said":"é"},"key":"one","kind":"note","seq":1}'
    assert first.entry == text
    assert first.sha256 == hashlib.sha256(("0" * 64 + text).encode()).hexdigest()
    assert second.sha256 == hashlib.sha256((first.sha256 + second.entry).encode()).hexdigest()


def test_what_happened_once_is_entered_once(engine: Engine) -> None:
    with writing(engine) as connection:
        first = append(connection, "note", "one", {"n": 1}, NOW)
        assert append(connection, "note", "one", {"n": 1}, NOW.replace(year=2027)) == first
        assert find(connection, "one") == first
        assert find(connection, "two") is None
        with pytest.raises(RecordsError, match="entry 1 has this key and says something else"):
            append(connection, "note", "one", {"n": 2}, NOW)
        assert head(connection).seq == 1


@pytest.mark.parametrize("change", ["UPDATE ledger SET kind = 'x'", "DELETE FROM ledger"])
def test_the_database_itself_refuses_to_change_an_entry(engine: Engine, change: str) -> None:
    with writing(engine) as connection:
        append(connection, "note", "one", {}, NOW)
    with pytest.raises(IntegrityError, match="the ledger only grows"), writing(engine) as connection:
        connection.exec_driver_sql(change)


def test_a_whole_chain_holds_and_leads_to_each_of_its_anchors() -> None:
    assert check([]) is None
    assert check(FIVE) is None
    for row in FIVE:
        assert check(FIVE, Anchor(row.seq, row.sha256)) is None


def rewrite(row: Entry, **changes: object) -> Entry:
    """The row with another text, and a hash that fits it."""
    text = canonical(json.loads(row.entry) | changes)
    return replace(row, entry=text, sha256=sha256(row.prev_sha256 + text))


TAMPERED: dict[str, tuple[list[Entry], Broken]] = {
    "changed": (
        [*FIVE[:2], replace(FIVE[2], entry=FIVE[2].entry.replace('"n":3', '"n":9')), *FIVE[3:]],
        Broken(3, "changed: its hash is not that of its content"),
    ),
    "changed with its hash": (
        [*FIVE[:2], rewrite(FIVE[2], body={"n": 9}), *FIVE[3:]],
        Broken(4, "does not follow the entry before it, or that one was replaced"),
    ),
    "key changed beside its entry": (
        [replace(FIVE[0], key="other"), *FIVE[1:]],
        Broken(1, "changed: its key or kind is not the one that was written"),
    ),
    "no entry at all": (
        [replace(FIVE[0], entry="[]", sha256=sha256(GENESIS + "[]"))],
        Broken(1, "changed: this is not an entry"),
    ),
    "missing": ([*FIVE[:2], *FIVE[3:]], Broken(3, "missing: entry 4 comes after entry 2")),
    "first missing": (FIVE[1:], Broken(1, "missing: entry 2 comes after entry 0")),
    "swapped": (
        [FIVE[0], replace(FIVE[2], seq=2), replace(FIVE[1], seq=3), *FIVE[3:]],
        Broken(2, "reordered: it was written as entry 3"),
    ),
    "removed and renumbered": (
        [*FIVE[:2], *(rewrite(replace(row, seq=row.seq - 1), seq=row.seq - 1) for row in FIVE[3:])],
        Broken(3, "does not follow the entry before it, or that one was replaced"),
    ),
}


@pytest.mark.parametrize("case", TAMPERED)
def test_the_first_entry_that_does_not_hold_is_named_with_the_reason(case: str) -> None:
    found, broken = TAMPERED[case]
    assert check(found) == broken


def test_an_anchor_shows_what_the_chain_alone_cannot() -> None:
    anchor = Anchor(5, FIVE[4].sha256)
    rewritten = chain({"n": 1}, {"n": 9}, *({"n": n} for n in range(3, 6)))
    assert check(FIVE[:3]) is None
    assert check(rewritten) is None
    assert check(FIVE[:3], anchor) == Broken(4, "truncated: the anchor is entry 5, and the ledger ends before it")
    assert check(rewritten, anchor) == Broken(
        5, "the chain was written anew: the anchor has another hash for this entry"
    )
    assert Anchor.parse(str(anchor)) == anchor


@pytest.mark.parametrize("words", ["", "5", "5:abc", f"x:{GENESIS}", f"5:{GENESIS[:-1]}G", f"-1:{GENESIS}"])
def test_what_is_no_anchor_is_refused(words: str) -> None:
    with pytest.raises(RecordsError, match="an anchor is NUMBER:SHA256"):
        Anchor.parse(words)


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda x: st.lists(x, max_size=3))


@settings(max_examples=40)
@given(st.lists(st.dictionaries(st.text(max_size=5), JSON, max_size=3), min_size=1, max_size=6), st.data())
def test_no_byte_of_an_entry_can_be_changed_unseen(bodies: list[dict[str, object]], data: st.DataObject) -> None:
    found = chain(*bodies)
    assert check(found) is None
    at = data.draw(st.integers(0, len(found) - 1))
    column = data.draw(st.sampled_from(["key", "kind", "entry", "prev_sha256", "sha256"]))
    old = getattr(found[at], column)
    place = data.draw(st.integers(0, len(old) - 1))
    letter = data.draw(st.characters(codec="utf-8").filter(lambda c: c != old[place]))
    found[at] = replace(found[at], **{column: old[:place] + letter + old[place + 1 :]})
    broken = check(found)
    assert broken is not None
    assert broken.seq == at + 1


@settings(max_examples=40)
@given(st.permutations(FIVE))
def test_no_other_order_holds(order: list[Entry]) -> None:
    renumbered = [replace(row, seq=seq) for seq, row in enumerate(order, start=1)]
    assert (check(renumbered) is None) == (order == FIVE)


def append_some(url: str, who: int, n: int, ready: Callable[[], object]) -> None:
    ready()
    engine = open_database(url)
    for i in range(n):
        with writing(engine) as connection:
            append(connection, "note", f"{who}:{i}", {"who": who}, NOW)
        with writing(engine) as connection:
            append(connection, "note", f"shared:{i}", {}, NOW)


def test_sixteen_processes_that_make_and_fill_a_ledger_leave_one_whole_chain(url: str) -> None:
    forked = multiprocessing.get_context("fork")
    barrier = forked.Barrier(16)
    processes = [forked.Process(target=append_some, args=(url, who, 3, barrier.wait)) for who in range(16)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 16
    with reading(open_database(url)) as connection:
        found = list(entries(connection))
    assert check(found) is None
    assert sorted(row.key for row in found) == sorted(
        [f"{who}:{i}" for who in range(16) for i in range(3)] + [f"shared:{i}" for i in range(3)]
    )


def append_without_end(url: str, turn: int, said: Path) -> None:
    engine = open_database(url)
    with said.open("w", buffering=1) as out:
        for i in itertools.count():
            with writing(engine) as connection:
                append(connection, "note", f"{turn}:{i}", {"words": "x" * 5000}, NOW)
            out.write(f"{turn}:{i}\n")


def test_a_process_that_is_killed_while_it_appends_leaves_all_that_it_said_was_entered(
    url: str, tmp_path: Path
) -> None:
    open_database(url).dispose()
    for turn in range(5):
        said = tmp_path / f"said_{turn}.txt"
        said.touch()
        process = multiprocessing.get_context("fork").Process(target=append_without_end, args=(url, turn, said))
        process.start()
        while not said.read_text() and process.is_alive():
            time.sleep(0.01)
        time.sleep(0.013 * turn)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        with reading(open_database(url)) as connection:
            found = list(entries(connection))
        assert check(found) is None
        told = said.read_text().splitlines()
        assert told
        assert set(told) <= {row.key for row in found}
