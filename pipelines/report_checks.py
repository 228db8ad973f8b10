"""What can be checked of a validation report offline: its own bytes, the files beside it, its signatures, the ledger.

A `Check` is one thing that holds or does not; a report is what it claims to be where all of them hold.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, Field

from pipelines.evidence import Content
from pipelines.report import PAGE
from pipelines.report_page import render
from records import ledger
from records.canonical import canonical, sha256
from records.ledger import Anchor, Entry
from records.signatures import Signature, signatures


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that holds or does not."""

    holds: bool
    what: str

    def __str__(self) -> str:
        return f"{'holds' if self.holds else 'FAILS'}  {self.what}"


class Claims(BaseModel):
    """What a validation report says that can be held against its files and signatures."""

    format: str = Field(alias="schema", pattern=r"^radassist\.validation-report/\d+$")
    created: AwareDatetime
    files: dict[str, str]


@dataclass(frozen=True, slots=True)
class Document:
    """A report.json with the page beside it. `claims` is None where the file is no validation report, `page_sha256`
    where there is no page."""

    path: Path
    sha256: str
    content: Content
    claims: Claims | None
    is_canonical: bool
    page_sha256: str | None


def read_document(path: Path) -> Document:
    """
    Raises:
        OSError: `path` cannot be read.
    """
    data, page = path.read_bytes(), path.parent / PAGE
    content, claims, is_canonical = {}, None, False
    try:
        content = json.loads(data)
        claims = Claims.model_validate(content)
        is_canonical = canonical(content).encode() == data
    except ValueError:  # ValidationError is one: no JSON, no report, NaN
        pass
    return Document(
        path, sha256(data), content, claims, is_canonical, sha256(page.read_bytes()) if page.is_file() else None
    )


def check_report(document: Document, entries: Sequence[Entry], anchor: Anchor = ledger.START) -> list[Check]:
    """All that can be checked of a report, given the ledger that should know its signatures."""
    ours = [s for s in signatures(entries) if s.statement.report_sha256 == document.sha256]
    return [
        *document_checks(document),
        page_check(document, {s.statement.page_sha256 for s in ours if s.fault is None}),
        ledger_check(entries, anchor),
        *signature_checks(document, ours),
    ]


def document_checks(document: Document) -> Iterator[Check]:
    """The file itself, and the files beside it that it names: pictures and the model card."""
    name = document.path.name
    if document.claims is None:
        yield Check(False, f"{name} is no validation report")
        return
    way = "is canonical JSON" if document.is_canonical else "is not the canonical JSON of its content"
    yield Check(document.is_canonical, f"{name} {way}, sha256 {document.sha256}")
    folder, files = document.path.parent.resolve(), document.claims.files
    wrong = [file for file, digest in files.items() if not has_hash(folder, file, digest)]
    said = f"{', '.join(wrong)} not as {name} says" if wrong else f"all {len(files)} of {name}"
    yield Check(not wrong, f"files: {said}")


def has_hash(folder: Path, file: str, digest: str) -> bool:
    path = (folder / file).resolve()
    return path.is_relative_to(folder) and path.is_file() and sha256(path.read_bytes()) == digest


def page_check(document: Document, signed: set[str]) -> Check:
    """The page is the one that was signed, or, before any signature, the one that this version draws."""
    if document.page_sha256 is None:
        return Check(False, f"{PAGE} is missing")
    if signed:
        same = document.page_sha256 in signed
        return Check(same, f"{PAGE} is {'the page' if same else 'another page than the one'} that was signed")
    drawn = is_drawn(document)
    return Check(drawn, f"{PAGE} is {'drawn' if drawn else 'not what this version draws'} from {document.path.name}")


def is_drawn(document: Document) -> bool:
    """True where drawing the content again gives the page, byte for byte."""
    if document.claims is None:
        return False
    try:
        return sha256(render(document.content, document.path.parent)) == document.page_sha256
    except Exception:  # noqa: BLE001 - whatever a changed content breaks in the template, no page is drawn from it
        return False


def ledger_check(entries: Sequence[Entry], anchor: Anchor) -> Check:
    if broken := ledger.check(entries, anchor):
        return Check(False, f"ledger: entry {broken.seq} {broken.why}")
    head = Anchor(entries[-1].seq, entries[-1].sha256) if entries else ledger.START
    led = f", with the anchor {anchor.seq}" if anchor.seq else ""
    return Check(True, f"ledger: {len(entries)} entries{led}, head {head}")


def signature_checks(document: Document, ours: Iterable[Signature]) -> list[Check]:
    """A line for each signature under this report; one that fails where there is none."""
    checks = [signature_check(document, signature) for signature in ours]
    return checks or [
        Check(False, f"signatures: none is under sha256 {document.sha256}: changed since, or never signed")
    ]


def signature_check(document: Document, signature: Signature) -> Check:
    said, fault = signature.statement, signature_fault(document, signature)
    line = f"entry {signature.seq}: {said.words}, key {said.signer.public_key}"
    return Check(fault is None, f"{line}: {fault}" if fault else line)


def signature_fault(document: Document, signature: Signature) -> str | None:
    """Why a signature under the report's sha256 does not hold; None where it does."""
    if signature.fault is None and signature.statement.page_sha256 != document.page_sha256:
        return f"it is under another {PAGE}"
    if signature.fault is None and document.claims and signature.statement.signed_at < document.claims.created:
        return "it is older than the report"
    return signature.fault
