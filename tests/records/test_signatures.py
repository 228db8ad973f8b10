"""A signature shows who signed what, when and with which meaning, and holds under nothing else."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from records.canonical import canonical, sha256
from records.database import reading, writing
from records.errors import RecordsError
from records.keys import public_of
from records.ledger import GENESIS, Entry, append, check, entries
from records.sign_off import Automatic, may_count
from records.signatures import Meaning, Signature, enter_key, sign, signatures
from tests.records.conftest import NOW, PAGE, REPORT, key_of

JANE, JOHN = key_of(1), key_of(2)


@pytest.fixture
def signed(engine: Engine) -> list[Entry]:
    """Jane and John are known, and Jane approved the report."""
    with writing(engine) as connection:
        enter_key(connection, JANE, "Jane Doe", "radiologist", NOW, accounts=["jdoe", "jane@example.org"])
        enter_key(connection, JOHN, "John Roe", "quality manager", NOW)
        sign(connection, JANE, Meaning.APPROVED, REPORT, PAGE, NOW + timedelta(hours=1))
        return list(entries(connection))


def rechained(found: list[Entry], at: int, change: Callable[[str], str]) -> list[Entry]:
    """The ledger with one entry's text changed and all hashes made anew, as one can who has the file and no key."""
    done, before = list[Entry](), GENESIS
    for row in found:
        text = change(row.entry) if row.seq == at else row.entry
        done.append(replace(row, entry=text, prev_sha256=before, sha256=sha256(before + text)))
        before = done[-1].sha256
    assert check(done) is None
    return done


def test_a_signature_shows_name_role_time_and_meaning(signed: list[Entry]) -> None:
    (found,) = signatures(signed)
    said = found.statement
    assert (found.seq, found.fault) == (3, None)
    assert (said.signer.name, said.signer.role, said.signer.demo) == ("Jane Doe", "radiologist", False)
    assert (said.meaning, said.signed_at) == (Meaning.APPROVED, NOW + timedelta(hours=1))
    assert (said.report_sha256, said.page_sha256, said.signer.public_key) == (REPORT, PAGE, public_of(JANE))


def test_signing_twice_enters_one_signature_and_another_meaning_a_second(engine: Engine, signed: list[Entry]) -> None:
    with writing(engine) as connection:
        again = sign(connection, JANE, Meaning.APPROVED, REPORT, PAGE, NOW + timedelta(days=2))
        assert again == signatures(signed)[0]
        assert sign(connection, JANE, Meaning.REVIEWED, REPORT, PAGE, NOW).seq == 4
        assert sign(connection, JOHN, Meaning.APPROVED, REPORT, PAGE, NOW).seq == 5
        assert [s.fault for s in signatures(entries(connection))] == [None] * 3


def test_a_key_that_nobody_entered_signs_nothing(engine: Engine, signed: list[Entry]) -> None:
    with writing(engine) as connection, pytest.raises(RecordsError, match="does not know its owner"):
        sign(connection, key_of(3), Meaning.APPROVED, REPORT, PAGE, NOW)


@pytest.mark.parametrize("name", ["Jane Doe", "jane  doe", "Jane\u00a0Doe"])
def test_a_name_stands_for_one_key(engine: Engine, signed: list[Entry], name: str) -> None:
    with writing(engine) as connection, pytest.raises(RecordsError, match="stands for another key"):
        enter_key(connection, key_of(3), name, "radiologist", NOW)


@pytest.mark.parametrize(("name", "role"), [("", "r"), ("n", "  "), ("Jane\nholds  approved by", "r")])
def test_a_signer_without_a_name_or_role_on_one_line_is_refused(engine: Engine, name: str, role: str) -> None:
    with writing(engine) as connection, pytest.raises(RecordsError, match="words on one line"):
        enter_key(connection, JANE, name, role, NOW)


NO_KEY = "no such key was entered before it under this name and role"
NOT_SIGNED = "its key did not sign this statement"


@pytest.mark.parametrize(
    ("at", "old", "new", "fault"),
    [
        (3, '"meaning":"approved"', '"meaning":"authored"', NOT_SIGNED),
        (3, "2026-03-01T10:30:00Z", "2026-02-01T10:30:00Z", NOT_SIGNED),
        (3, '"name":"Jane Doe"', '"name":"John Roe"', NOT_SIGNED),
        (3, '"role":"radiologist"', '"role":"chief"', NOT_SIGNED),
        (3, '"demo":false', '"demo":true', NOT_SIGNED),
        (3, '"jdoe"', '"other"', NOT_SIGNED),
        (3, REPORT, "c" * 64, NOT_SIGNED),
        (3, PAGE, "c" * 64, NOT_SIGNED),
        (3, public_of(JANE), public_of(JOHN), NOT_SIGNED),
        (1, '"role":"radiologist"', '"role":"chief"', NO_KEY),
        (1, '"name":"Jane Doe"', '"name":"Jane Poe"', NO_KEY),
        (1, '"jdoe"', '"other"', NO_KEY),
        (1, public_of(JANE), public_of(JOHN), NO_KEY),
    ],
)
def test_a_ledger_made_anew_without_the_key_is_found(
    signed: list[Entry], at: int, old: str, new: str, fault: str
) -> None:
    assert old in signed[at - 1].entry

    def change(text: str) -> str:
        written = json.loads(text)
        written["body"]["content"] = json.loads(canonical(written["body"]["content"]).replace(old, new))
        return canonical(written)

    assert [s.fault for s in signatures(rechained(signed, at, change))] == [fault]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 127), st.sampled_from("0123456789abcdef"))
def test_no_digit_of_a_signature_can_be_another(signed: list[Entry], place: int, digit: str) -> None:
    written = json.loads(signed[2].entry)
    sealed = written["body"]["signature"]
    forged = sealed[:place] + digit + sealed[place + 1 :]
    assume(forged != sealed)
    assert [s.fault for s in signatures(rechained(signed, 3, lambda text: text.replace(sealed, forged)))] == [
        NOT_SIGNED
    ]


def test_a_signature_before_its_key_does_not_hold(signed: list[Entry]) -> None:
    jane, john, signature = signed
    assert [s.fault for s in signatures([signature, jane, john])] == [NO_KEY]


def test_a_later_key_under_a_taken_name_signs_nothing(engine: Engine, signed: list[Entry]) -> None:
    other = key_of(3)
    with writing(engine) as connection:
        connection.exec_driver_sql("DROP TRIGGER ledger_refuses_delete")
        connection.exec_driver_sql("DELETE FROM ledger")
        enter_key(connection, other, "Jane Doe", "radiologist", NOW)
        sign(connection, other, Meaning.APPROVED, REPORT, PAGE, NOW)
        forged = list(entries(connection))
    assert [s.fault for s in signatures(forged)] == [None]  # a whole ledger of one's own holds: hence the anchor
    assert [s.fault for s in signatures([*signed, *forged])] == [None, NO_KEY]


def test_entries_of_other_kinds_and_broken_ones_are_passed_over(engine: Engine, signed: list[Entry]) -> None:
    with writing(engine) as connection:
        append(connection, "rollout", "r1", {"content": 1}, NOW)
        append(connection, "signature", "s1", {"content": 1}, NOW)
        found = list(entries(connection))
    assert signatures([*found, replace(found[0], entry="{")]) == signatures(signed)


def approved_by(signed: list[Entry]) -> Signature:
    return signatures(signed)[0]


JOHN_WROTE = ("John Roe <john@example.org>",)


@pytest.mark.parametrize(
    ("triggered_by", "committed_by", "reasons"),
    [
        ("john", JOHN_WROTE, ()),
        ("Jane Doe", JOHN_WROTE, ("Jane Doe triggered the run",)),
        ("JDOE", JOHN_WROTE, ("Jane Doe triggered the run",)),
        ("john", ("jane  doe <j@example.org>",), ("Jane Doe wrote its commit",)),
        ("john", ("J. D. <jane@example.org>",), ("Jane Doe wrote its commit",)),
        ("john", (*JOHN_WROTE, "Jane Doe <j@example.org>"), ("Jane Doe wrote its commit",)),
        ("jdoe", ("<JANE@example.org>",), ("Jane Doe triggered the run", "Jane Doe wrote its commit")),
        (None, JOHN_WROTE, ("nobody knows who triggered the run",)),
        ("john", (" ",), ("nobody knows who wrote its commit",)),
        ("john", (), ("nobody knows who wrote its commit",)),
        (Automatic.SCHEDULE, JOHN_WROTE, ()),
        (Automatic.NEW_DATA, ("Jane Doe <jane@example.org>",), ("Jane Doe wrote its commit",)),
        (Automatic.SCHEDULE, (), ("nobody knows who wrote its commit",)),
        ("schedule", JOHN_WROTE, ()),
    ],
)
def test_a_signature_counts_only_from_somebody_else(
    signed: list[Entry], triggered_by: str | Automatic | None, committed_by: tuple[str, ...], reasons: tuple[str, ...]
) -> None:
    judged = may_count(approved_by(signed), triggered_by, committed_by)
    assert judged.reasons == reasons
    assert judged.counts == (not reasons)


def test_a_signature_counts_only_if_it_approves_and_holds(engine: Engine, signed: list[Entry]) -> None:
    with writing(engine) as connection:
        reviewed = sign(connection, JANE, Meaning.REVIEWED, REPORT, PAGE, NOW)
    assert may_count(reviewed, "john", ["john"]).reasons == ("it means reviewed, not approved",)
    broken = replace(approved_by(signed), fault=NOT_SIGNED)
    assert may_count(broken, "john", ["john"]).reasons == (NOT_SIGNED,)


def test_a_demo_identity_counts_in_the_demo_alone(engine: Engine) -> None:
    with writing(engine) as connection:
        enter_key(connection, JANE, "Demo Reviewer", "radiologist", NOW, demo=True)
        signature = sign(connection, JANE, Meaning.APPROVED, REPORT, PAGE, NOW)
    with reading(engine) as connection:
        assert signatures(entries(connection)) == [signature]
    (reason,) = may_count(signature, "john", ["john"]).reasons
    assert reason.startswith("Demo Reviewer is a DEMO identity")
    assert may_count(signature, "john", ["john"], demo=True).counts
