"""`radassist report`: the stage, and what people do with the report that it wrote: print it, sign it, and verify it.

The signatures stand in the ledger of `records`, under the sha256 of report.json. See docs/records.md.
"""

import argparse
from datetime import UTC, datetime
from getpass import getpass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.exc import DatabaseError

from model.errors import BadInput
from pipelines.checkout import records_url
from pipelines.report import PAGE, report
from pipelines.report_checks import Check, check_report, document_checks, is_drawn, ledger_check, read_document
from pipelines.report_pdf import print_pdf
from records import ledger
from records.database import exists, open_database, reading, writing
from records.keys import is_sealed, read_key, write_key
from records.ledger import Anchor
from records.signatures import Meaning, enter_key, sign


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", help="without one: write the report of this run")
    key = actions.add_parser("key", help="make a key to sign with, and enter its owner into the ledger")
    key.add_argument("--name", required=True, help="the signer's name, as signatures show it")
    key.add_argument("--role", required=True, help="such as radiologist, or quality manager")
    key.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="where the private key goes; keep it secret"
    )
    accounts = "another name of the signer, as runs are triggered and commits written under: an account, an address"
    key.add_argument("--account", action="append", default=[], metavar="NAME", help=accounts)
    key.add_argument("--password", action="store_true", help="ask for a password to seal the key with")
    signing = actions.add_parser("sign", help="sign a report")
    signing.add_argument("report", type=Path, metavar="FILE", help="the report.json, its page and files beside it")
    signing.add_argument("--key", type=Path, required=True, metavar="FILE", help="the private key")
    signing.add_argument("--meaning", type=Meaning, choices=list(Meaning), required=True, help="what you say of it")
    pdf = actions.add_parser("pdf", help="print a report's page, by a Chromium or Chrome of this machine")
    pdf.add_argument("report", type=Path, metavar="FILE", help="the report.json, its page beside it")
    pdf.add_argument("--out", type=Path, metavar="PDF", help="by default report.pdf beside the page")
    verify = actions.add_parser("verify", help="recompute all hashes and signatures of a report; 1 where one fails")
    verify.add_argument("report", type=Path, metavar="FILE", help="the report.json, its page and files beside it")
    anchor = "an entry's hash as it was printed on signing: the ledger must lead to it"
    verify.add_argument("--anchor", metavar="NUMBER:SHA256", help=anchor)


def main(args: argparse.Namespace) -> int:
    match args.action:
        case "key":
            password = new_password() if args.password else None
            make_key(args.name, args.role, args.account, args.out, password)
        case "sign":
            password = getpass(f"Password of {args.key}: ") if is_sealed(args.key) else None
            sign_report(args.report, read_key(args.key, password), args.meaning)
        case "pdf":
            out = args.out or args.report.with_suffix(".pdf")
            print_pdf(args.report.parent / PAGE, out)
            print(out)
        case "verify":
            checks = verify_report(args.report, Anchor.parse(args.anchor) if args.anchor else ledger.START)
            print(*checks, sep="\n")
            return 0 if all(check.holds for check in checks) else 1
        case _:
            content = report()
            decision, departed = content["verdict"]["outcome"], len(content["deviations"])
            print(f"report/index.html: {decision}, {departed} deviations, {len(content['examples'])} drafts shown")
    return 0


def new_password() -> str:
    """
    Raises:
        BadInput: it is empty, or not the same twice.
    """
    password = getpass("New password: ")
    if not password or password != getpass("Once more: "):
        raise BadInput("the password", "it is not empty and the same twice", "type it again")
    return password


def make_key(name: str, role: str, accounts: list[str], out: Path, password: str | None) -> None:
    """Write a new key to `out`, and enter its public half and its owner into the ledger."""
    key = Ed25519PrivateKey.generate()
    with writing(open_database(records_url(Path()))) as connection:
        identity = enter_key(connection, key, name, role, datetime.now(UTC), accounts=accounts)
        write_key(key, out, password)
        print(f"{out}: {name}, {role}, public key {identity.public_key}")
        print(f"anchor {ledger.head(connection)}")


def sign_report(path: Path, key: Ed25519PrivateKey, meaning: Meaning) -> None:
    """Sign a report that holds, the files beside it included, and print the ledger's new anchor.

    Raises:
        BadInput: something does not hold, the ledger included.
        RecordsError: the ledger does not know the key.
    """
    document = read_document(path)
    drawn = Check(is_drawn(document), f"its page is what this version draws from {path.name}")
    with writing(open_database(records_url(Path()))) as connection:
        chain = ledger_check(list(ledger.entries(connection)), ledger.START)
        for check in (*document_checks(document), drawn, chain):
            if not check.holds:
                raise BadInput(f"{path}", f"this does not hold: {check.what}", "sign it as, and where, it was written")
        signature = sign(connection, key, meaning, document.sha256, str(document.page_sha256), datetime.now(UTC))
        signer = signature.statement.signer
        print(f"{path}: {meaning} by {signer.name}, {signer.role}, in entry {signature.seq} of the ledger")
        print(f"anchor {ledger.head(connection)}   keep it outside of the ledger: in a git tag, or on paper")


def verify_report(path: Path, anchor: Anchor) -> list[Check]:
    """All checks of a report against this checkout's ledger."""
    document, url = read_document(path), records_url(Path())
    if not exists(url):
        return [*check_report(document, [], anchor), Check(False, f"ledger: there is none at {url}")]
    try:
        with reading(open_database(url)) as connection:
            return check_report(document, list(ledger.entries(connection)), anchor)
    except DatabaseError as error:
        return [*document_checks(document), Check(False, f"ledger: it cannot be read: {error.orig}")]
