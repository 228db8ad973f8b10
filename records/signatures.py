"""Signatures of validation reports, by people whose keys the ledger knows.

A signature shows its signer's printed name, the date and time, and its meaning (21 CFR 11.50), and covers them together
with the hashes of what was signed, so that it cannot be put under another document (21 CFR 11.70). A key's entry is
signed with the key itself: nobody enters another's.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import AwareDatetime, ValidationError
from sqlalchemy import Connection

from records import ledger
from records.canonical import canonical
from records.errors import RecordsError
from records.keys import public_of, signed_by
from records.ledger import Entry
from records.strict import Hex32, Line, Strict

KEY, SIGNATURE = "key", "signature"  # kinds of entries


class Meaning(StrEnum):
    """What a signature says of the report, in the words of 21 CFR 11.50(a)(3)."""

    AUTHORED = "authored"
    REVIEWED = "reviewed"
    APPROVED = "approved"
    RESPONSIBLE = "responsible"


class Identity(Strict):
    """Who holds a key. `accounts` are other names of that person, as runs are triggered and commits written under;
    `demo` marks nobody real."""

    kind: Literal["radassist.identity/1"] = "radassist.identity/1"
    public_key: Hex32
    name: Line
    role: Line
    accounts: tuple[Line, ...] = ()
    demo: bool = False


class Statement(Strict):
    """What a signature is put under."""

    kind: Literal["radassist.signature/1"] = "radassist.signature/1"
    signer: Identity
    meaning: Meaning
    signed_at: AwareDatetime
    report_sha256: Hex32
    page_sha256: Hex32

    @property
    def words(self) -> str:
        """Meaning, printed name, role, date and time, as they are shown together (21 CFR 11.50)."""
        nobody = " (DEMO, nobody real)" if self.signer.demo else ""
        when = f"{self.signed_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        return f"{self.meaning} by {self.signer.name}{nobody}, {self.signer.role}, {when}"


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature as the ledger has it, and what is wrong with it, if anything is."""

    seq: int
    statement: Statement
    fault: str | None = None


def plain(name: str) -> str:
    """A name as it is compared: case, blanks and Unicode's ways of writing a letter make no difference."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def enter_key(
    connection: Connection,
    key: Ed25519PrivateKey,
    name: str,
    role: str,
    now: datetime,
    *,
    accounts: Sequence[str] = (),
    demo: bool = False,
) -> Identity:
    """Enter a key's public half and its owner, see `Identity`, into the ledger.

    Raises:
        RecordsError: a name or role is empty or no line, or another key goes by the name.
    """
    public_key = public_of(key)
    try:
        identity = Identity(public_key=public_key, name=name, role=role, accounts=tuple(accounts), demo=demo)
    except ValidationError as error:
        first = error.errors()[0]
        raise RecordsError(
            f"{first['loc'][0]} {first['input']!r}", "words on one line are asked for", "state it"
        ) from error
    taken = _identities(ledger.entries(connection)).get(plain(identity.name))
    if taken is not None and taken.public_key != public_key:
        rule = f"this name stands for another key, {taken.public_key}"
        raise RecordsError(f"name {identity.name!r}", rule, "sign with that key, or enter a name that tells them apart")
    ledger.append(connection, KEY, f"{KEY}:{public_key}", _sealed(key, identity), now)
    return identity


def sign(
    connection: Connection,
    key: Ed25519PrivateKey,
    meaning: Meaning,
    report_sha256: str,
    page_sha256: str,
    now: datetime,
) -> Signature:
    """Sign a report and enter the signature into the ledger. The same a second time leaves the first as it is.

    Raises:
        RecordsError: the ledger does not know the key.
    """
    public_key = public_of(key)
    signer = next((i for i in _identities(ledger.entries(connection)).values() if i.public_key == public_key), None)
    if signer is None:
        rule = "the ledger does not know its owner"
        raise RecordsError(f"key {public_key}", rule, "sign where the key was entered, or make one for this project")
    idempotency = f"{SIGNATURE}:{report_sha256}:{page_sha256}:{public_key}:{meaning}"
    entry = ledger.find(connection, idempotency)
    if entry is None:
        statement = Statement(
            signer=signer,
            meaning=meaning,
            signed_at=now.astimezone(UTC).replace(microsecond=0),
            report_sha256=report_sha256,
            page_sha256=page_sha256,
        )
        entry = ledger.append(connection, SIGNATURE, idempotency, _sealed(key, statement), now)
    return Signature(entry.seq, Statement.model_validate(entry.written.body["content"]))


def signatures(entries: Iterable[Entry]) -> list[Signature]:
    """All signatures of a ledger in their order, each checked against the keys that were entered before it.

    The chain itself is checked by `records.ledger.check`.
    """
    known: dict[str, Identity] = {}
    found = []
    for entry, body in _bodies(entries):
        if entry.kind == KEY:
            _learn(known, body)
        elif entry.kind == SIGNATURE and (statement := _parsed(body, Statement)) is not None:
            found.append(Signature(entry.seq, statement, _fault(statement, body, known)))
    return found


def _fault(statement: Statement, body: dict[str, Any], known: dict[str, Identity]) -> str | None:
    signer = statement.signer
    if not _holds(body, signer.public_key):
        return "its key did not sign this statement"
    if known.get(plain(signer.name)) != signer:
        return "no such key was entered before it under this name and role"
    return None


def _identities(entries: Iterable[Entry]) -> dict[str, Identity]:
    """The owners of keys by `plain` name."""
    known: dict[str, Identity] = {}
    for entry, body in _bodies(entries):
        if entry.kind == KEY:
            _learn(known, body)
    return known


def _learn(known: dict[str, Identity], body: dict[str, Any]) -> None:
    """Add the owner that a key's entry names. The first key of a name is the one that counts."""
    identity = _parsed(body, Identity)
    if identity is not None and _holds(body, identity.public_key):
        known.setdefault(plain(identity.name), identity)


def _bodies(entries: Iterable[Entry]) -> Iterator[tuple[Entry, dict[str, Any]]]:
    for entry in entries:
        try:
            yield entry, entry.written.body
        except ValidationError:
            continue  # `ledger.check` says so


def _sealed(key: Ed25519PrivateKey, said: Strict) -> dict[str, Any]:
    """The body of an entry: content, and the signature over its canonical JSON."""
    content = said.model_dump(mode="json")
    return {"content": content, "signature": key.sign(canonical(content).encode()).hex()}


def _holds(body: dict[str, Any], public_key: str) -> bool:
    signature = body.get("signature")
    return isinstance(signature, str) and signed_by(public_key, signature, canonical(body["content"]))


Said = TypeVar("Said", bound=Strict)


def _parsed(body: dict[str, Any], kind: type[Said]) -> Said | None:
    try:
        return kind.model_validate(body.get("content"))
    except ValidationError:
        return None
