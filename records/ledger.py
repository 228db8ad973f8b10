"""The ledger: entries that are added and neither changed nor removed, each hashed together with the one before it.

    sha256_i = sha256(sha256_{i-1} || entry_i)        sha256_0 = 64 zeros

`entry_i` is canonical JSON: its number, its time, its key, its kind and its body. A chain shows that an entry within it
was touched. It does not show that it was written anew from some entry on: for that, keep an `Anchor` elsewhere.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from pydantic import AwareDatetime, ValidationError
from sqlalchemy import Connection, func, insert, select

from records.canonical import canonical, sha256
from records.errors import RecordsError
from records.strict import Strict
from records.tables import ledger

GENESIS = "0" * 64


class Written(Strict):
    """What an entry says. A body names people who act, hashes and decisions: never a patient, nor a study."""

    seq: int
    at: AwareDatetime
    key: str
    kind: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the ledger."""

    seq: int
    key: str
    kind: str
    entry: str
    prev_sha256: str
    sha256: str

    @property
    def written(self) -> Written:
        """
        Raises:
            ValidationError: somebody else wrote it.
        """
        return Written.model_validate_json(self.entry)


@dataclass(frozen=True, slots=True)
class Anchor:
    """The hash of the ledger's entry number `seq`, kept outside of it, as in a git tag or on paper: `12:9f86d0...`."""

    seq: int
    sha256: str

    @classmethod
    def parse(cls, words: str) -> Self:
        """
        Raises:
            RecordsError: `words` is no number and hash.
        """
        seq, _, digest = words.partition(":")
        if not seq.isdecimal() or len(digest) != len(GENESIS) or not set(digest) <= set("0123456789abcdef"):
            raise RecordsError(
                f"anchor {words!r}", "an anchor is NUMBER:SHA256", "copy the one that was printed on signing"
            )
        return cls(int(seq), digest)

    def __str__(self) -> str:
        return f"{self.seq}:{self.sha256}"


START = Anchor(0, GENESIS)


@dataclass(frozen=True, slots=True)
class Broken:
    """The first entry that does not hold, and why."""

    seq: int
    why: str


def append(connection: Connection, kind: str, key: str, body: dict[str, Any], now: datetime) -> Entry:
    """Add an entry in the transaction of `connection`, which is one of `records.database.writing`.

    What was entered before under the same key, with the same kind and body, is returned and not entered again.

    Raises:
        RecordsError: something else stands under that key.
    """
    if (found := find(connection, key)) is not None:
        if (found.kind, canonical(found.written.body)) != (kind, canonical(body)):
            rule = f"entry {found.seq} has this key and says something else"
            raise RecordsError(f"ledger key {key!r}", rule, "a thing that happened once is entered once")
        return found
    last = head(connection)
    seq = last.seq + 1
    at = now.astimezone(UTC).isoformat(timespec="milliseconds")
    entry = canonical({"seq": seq, "at": at, "key": key, "kind": kind, "body": body})
    added = Entry(seq, key, kind, entry, last.sha256, sha256(last.sha256 + entry))
    connection.execute(
        insert(ledger).values(
            seq=seq, key=key, kind=kind, entry=entry, prev_sha256=added.prev_sha256, sha256=added.sha256
        )
    )
    return added


def find(connection: Connection, key: str) -> Entry | None:
    """The entry under a key of idempotency."""
    row = connection.execute(select(ledger).where(ledger.c.key == key)).one_or_none()
    return Entry(*row) if row else None


def entries(connection: Connection) -> Iterator[Entry]:
    """All entries in their order."""
    return (Entry(*row) for row in connection.execute(select(ledger).order_by(ledger.c.seq)))


def head(connection: Connection) -> Anchor:
    """The last entry's number and hash."""
    last = select(func.max(ledger.c.seq)).scalar_subquery()
    row = connection.execute(select(ledger.c.seq, ledger.c.sha256).where(ledger.c.seq == last)).one_or_none()
    return Anchor(*row) if row else START


def check(found: Iterable[Entry], anchor: Anchor = START) -> Broken | None:
    """Walk the chain from its first entry; None where all of it holds and leads to `anchor`."""
    before = START
    for row in found:
        if why := _fault(row, before):
            return Broken(before.seq + 1, why)
        before = Anchor(row.seq, row.sha256)
        if row.seq == anchor.seq and row.sha256 != anchor.sha256:
            return Broken(row.seq, "the chain was written anew: the anchor has another hash for this entry")
    if before.seq < anchor.seq:
        return Broken(before.seq + 1, f"truncated: the anchor is entry {anchor.seq}, and the ledger ends before it")
    return None


def _fault(row: Entry, before: Anchor) -> str | None:
    if row.seq != before.seq + 1:
        return f"missing: entry {row.seq} comes after entry {before.seq}"
    if sha256(row.prev_sha256 + row.entry) != row.sha256:
        return "changed: its hash is not that of its content"
    try:
        written = row.written
    except ValidationError:
        return "changed: this is not an entry"
    if written.seq != row.seq:
        return f"reordered: it was written as entry {written.seq}"
    if (written.key, written.kind) != (row.key, row.kind):
        return "changed: its key or kind is not the one that was written"
    if row.prev_sha256 != before.sha256:
        return "does not follow the entry before it, or that one was replaced"
    return None
