"""`radassist lineage REPORT_ID`: from a report to its model version, run, commit, data, verdict and traffic weight."""

import argparse
import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from model.errors import BadInput
from pipelines.checkout import records_url
from records import ledger
from records.database import exists, open_database, reading
from records.ledger import Entry
from records.lineage import lineage
from release.store import history

WORDS = {
    "report": "report",
    "prediction": "prediction that drafted it",
    "role": "role of the model",
    "drafted_at": "drafted at",
    "error": "error, instead of a draft",
    "input_sha256": "sha256 of the model's input",
    "software": "drafted by the software",
    "arm": "sent to the",
    "weight": "candidate's share of the studies then",
    "rollout": "rollout",
    "phase": "its phase then",
    "ledger_entry": "in force by ledger entry",
    "policy_sha256": "sha256 of its policy",
    "model": "model version",
    "registry_version": "version in MLflow's registry",
    "weights_sha256": "sha256 of the weights",
    "mlflow_run": "MLflow run",
    "run": "run",
    "git_commit": "git commit",
    "dvc_lock_sha256": "sha256 of dvc.lock",
    "data_md5": "md5 of data.dvc",
    "gate_sha256": "sha256 of the gate's verdict",
    "report_sha256": "sha256 of the validation report",
    "registered_at": "registered at",
    "signed_report": "signed report of the study",
    "signed_at": "signed at",
}


def chain(url: str, report: str) -> dict[str, Any]:
    """Everything that is known of where a report came from, by the names of WORDS; None where it is not known.

    Raises:
        BadInput: there are no records.
        RecordsError: they do not know the report.
    """
    if not exists(url):
        raise BadInput(f"report {report!r}", "there are no records here", "run this in the project's root")
    with reading(open_database(url)) as connection:
        found = lineage(connection, report)
        stage = in_force(ledger.entries(connection), found.rollout, found.drafted_at) if found.rollout else None
    flat = asdict(found) | found.model.model_dump()
    flat |= {"phase": stage.written.body["state"]["phase"], "ledger_entry": stage.seq} if stage else {}
    return {name: flat.get(name) for name in WORDS}


def in_force(entries: Iterable[Entry], rollout: str, at: datetime) -> Entry | None:
    """The entry of the ledger by which a rollout stood as it did at a time."""
    before = [entry for entry in history(entries, rollout) if entry.written.at <= at]
    return before[-1] if before else None


def shown(value: object) -> str:
    """
    >>> shown({"torch": "2.1", "onnxruntime": "1.2"})
    'torch 2.1, onnxruntime 1.2'
    """
    if isinstance(value, dict):
        return ", ".join(f"{name} {version}" for name, version in value.items())
    return "-" if value is None else str(value)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("report", metavar="REPORT_ID", help="the id of a drafted or a signed report")
    parser.add_argument("--json", action="store_true", help="print the chain as JSON")


def main(args: argparse.Namespace) -> int:
    found = chain(records_url(Path()), args.report)
    if args.json:
        print(json.dumps(found, default=datetime.isoformat, indent=1))
        return 0
    width = max(map(len, WORDS.values()))
    for name, value in found.items():
        print(f"{WORDS[name]:<{width}}  {shown(value)}")
    return 0
