"""`radassist sign-off`: whether the report of a run is signed so that its model may be registered.

One place decides: `radassist register` asks here, and so does the DAG once a person approved the run. What a signature
must be is said in `records.sign_off`; here it is put together with the run: its report as it stands now, the ledger,
who triggered the run and wrote its commit, and whether it is a demo.
"""

import argparse
import sys
from pathlib import Path

from model.artefact import open_artefact
from pipelines.checkout import records_url
from pipelines.manifest import stream_manifest
from pipelines.origin import origin_of
from pipelines.report_checks import document_checks, ledger_check, read_document, signature_fault
from pipelines.sources.phantom.dicom import MANUFACTURER
from records import ledger
from records.database import exists, open_database, reading
from records.ledger import Entry
from records.sign_off import may_count
from records.signatures import Signature, signatures

REPORT = Path("report/report.json")


class Unsigned(Exception):
    """No signature releases the model. The text is one line that says why."""


def sign_off(root: Path, model_sha256: str) -> Signature:
    """The first signature that releases the model of these weights, which the run in `root` made.

    Raises:
        Unsigned: there is none.
        OSError: the run has no report.
        RecordsError: the ledger cannot be opened.
    """
    document, entries = read_document(root / REPORT), entries_at(records_url(root))
    for check in (*document_checks(document), ledger_check(entries, ledger.START)):
        if not check.holds:
            raise Unsigned(f"the signed report does not hold: {check.what}")
    if document.content.get("identity", {}).get("model_sha256") != model_sha256:
        raise Unsigned(f"{REPORT} is the report of another model")
    ours = [s for s in signatures(entries) if s.statement.report_sha256 == document.sha256]
    if not ours:
        way_out = f"radassist report sign {REPORT} --key FILE --meaning approved"
        raise Unsigned(f"nobody signed its report, sha256 {document.sha256}: {way_out}")
    origin, demo = origin_of(root), is_of_phantoms(root / "data")
    against = []
    for signature in ours:
        reasons = may_count(signature, origin.triggered_by, origin.committed_by, demo=demo).reasons
        if fault := signature_fault(document, signature):
            reasons = (fault, *(reason for reason in reasons if reason != fault))
        if not reasons:
            return signature
        against.append(f"entry {signature.seq} by {signature.statement.signer.name}: {', '.join(reasons)}")
    raise Unsigned(f"no signature of its report counts: {'; '.join(against)}")


def entries_at(url: str) -> list[Entry]:
    """The ledger's entries; none where nobody has signed anything yet."""
    if not exists(url):
        return []
    with reading(open_database(url)) as connection:
        return list(ledger.entries(connection))


def is_of_phantoms(data: Path) -> bool:
    """True where each study of the set was drawn by the phantom, which no machine of a hospital claims to be.

    Such a model is the demo's: nobody real signs it, and it is for nobody real.
    """
    devices = [device for batch in stream_manifest(data, ["device"]) for device in batch.column("device").to_pylist()]
    return bool(devices) and all(device is not None and device.startswith(f"{MANUFACTURER} ") for device in devices)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "run", type=Path, nargs="?", default=Path(), metavar="DIR", help="the run (default: this folder)"
    )


def main(args: argparse.Namespace) -> int:
    try:
        signature = sign_off(args.run, open_artefact(args.run / "exported").weights_sha256)
    except Unsigned as refusal:
        print(f"radassist sign-off: refused: {refusal}", file=sys.stderr)
        return 3
    print(f"{signature.statement.words}, in entry {signature.seq} of the ledger")
    return 0
