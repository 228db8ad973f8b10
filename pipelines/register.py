"""Record a finished run in MLflow, and register its model as `challenger` if the gate passed it and it was signed off.

Doing it twice changes nothing: a run is found again by its id, a model by the sha256 of its weights. The run's tables,
curves and pictures serve comparison; the registered version is the exported folder itself, without the variants that
failed parity:
`mlflow.artifacts.download_artifacts("models:/radassist-reporter@challenger")`.
"""

import argparse
import hashlib
import json
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from model.artefact import Artefact, open_artefact
from model.errors import BadInput
from pipelines.agreement import proven
from pipelines.checkout import main_checkout, run_of_branch, tracking_uri
from pipelines.environment import quiet_environment
from pipelines.evidence.figures import history
from pipelines.evidence.identity import MODEL_NAME
from pipelines.examples import read_drafts, report_text
from pipelines.gate import VERDICT, Verdict, load_verdict, refusals
from pipelines.manifest import read_manifest
from pipelines.metrics import read_metrics
from pipelines.mlflow_client import experiment_id_of
from pipelines.model_origin import enter_origin, made_of
from pipelines.origin import origin_of
from pipelines.params import load_presets
from pipelines.provenance import digest, provenance
from pipelines.registry import ALIAS, description_of, registered
from pipelines.sign_off import Unsigned, sign_off
from pipelines.versioning import data_md5
from records.signatures import Signature

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "radassist"
KEPT_FILES = ("verdict.json", "params.yaml", "data.dvc", "dvc.yaml", "dvc.lock", "policy/gate.yaml", "policy/data.yaml")
EVALUATION = "evaluation"
KEPT_FOLDERS = ("report", "validation", "exploration", "reference", EVALUATION)


@dataclass(frozen=True, slots=True)
class Registration:
    """What MLflow now holds. `version` is None where nothing was registered; `refusal` says why, if asked to."""

    run_id: str
    mlflow_run_id: str
    tracking_uri: str
    version: str | None = None
    signed: Signature | None = None
    refusal: str | None = None


def register(root: Path = Path(), run_id: str | None = None, *, track_only: bool = False) -> Registration:
    """Record the run that finished in `root`; unless `track_only`, register its model.

    Args:
        run_id: the run's name; by default ID on a branch runs/ID, elsewhere one made from what the run is and measured.

    Raises:
        BadInput: a stage has not run, the verdict speaks of another model or data set, or a run of this id was
            recorded with other parameters.
    """
    artefact, verdict = open_artefact(root / "exported"), load_verdict(root / VERDICT)
    check_same_model(root, artefact, verdict)
    os.environ.update(quiet_environment())
    import mlflow

    uri = tracking_uri(root)
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    client = mlflow.MlflowClient()
    run_id = run_id or run_of_branch(root) or unnamed_run(root, artefact)
    experiment_id = experiment_id_of(client, main_checkout(root), EXPERIMENT)
    presets = load_presets(root / "params.yaml")
    params = {"preset": presets.preset, **flat(presets.chosen.model_dump(mode="json"))}
    known = recorded(client, experiment_id, run_id, params)
    tags = run_tags(root, run_id, artefact, verdict)
    with mlflow.start_run(known, experiment_id=experiment_id, run_name=None if known else run_id, tags=tags) as run:
        record(root, params, client, run.info.run_id)
    done = Registration(run_id, run.info.run_id, uri)
    if track_only:
        return done
    if refusal := why_refused(root, verdict):
        return replace(done, refusal=refusal)
    try:
        return enter_version(root, done, datetime.now(UTC))
    except Unsigned as unsigned:
        return replace(done, refusal=str(unsigned))


def enter_version(root: Path, done: Registration, registered_at: datetime) -> Registration:
    """Enter the model of a recorded run into MLflow's registry and its origin into the records, on a signature alone.

    Raises:
        BadInput: it is not known what made it.
        Unsigned: no signature releases it.
    """
    import mlflow

    made_of(root, done.run_id)  # before MLflow shows a challenger
    client, artefact = mlflow.MlflowClient(done.tracking_uri), open_artefact(root / "exported")
    tags = run_tags(root, done.run_id, artefact, load_verdict(root / VERDICT))
    signed = sign_off(root, tags["model.sha256"])
    version = registered(client, artefact, done.mlflow_run_id, tags, signed)
    enter_origin(root, artefact, done.run_id, done.mlflow_run_id, version, registered_at)
    return replace(done, version=version, signed=signed)


def check_same_model(root: Path, artefact: Artefact, verdict: Verdict) -> None:
    """A verdict counts for the weights and the data that it was decided on."""
    weights = artefact.weights_sha256
    for what, decided, here in (("model", verdict.model_sha256, weights), ("data", verdict.data_md5, data_md5(root))):
        if decided != here:
            raise BadInput(
                f"verdict of {what} {decided}", f"here lies {here}", "run `radassist gate` on this model first"
            )


def why_refused(root: Path, verdict: Verdict) -> str | None:
    if reasons := refusals(verdict, datetime.now(UTC).date()):
        return f"the gate refused this model by {'; '.join(reasons)}"
    if not read_metrics("parity", root / "metrics").get("passed"):
        return "the exported graphs do not say what the trained model says, see metrics/parity.json"
    return None


def unnamed_run(root: Path, artefact: Artefact) -> str:
    """A name for a run outside a branch of its own: the same parameters, weights and figures, the same name."""
    made = hashlib.sha256(artefact.weights_sha256.encode())
    for name in ("params.yaml", "metrics/evaluate.json", "verdict.json"):
        made.update((root / name).read_bytes())
    return f"local-{made.hexdigest()[:12]}"


def recorded(client: "MlflowClient", experiment_id: str, run_id: str, params: Mapping[str, str]) -> str | None:
    """MLflow's id of the run of that name, None where there is none yet.

    Raises:
        BadInput: it was recorded with other parameters.
    """
    found = client.search_runs([experiment_id], f"tags.`radassist.run_id` = '{run_id}'", max_results=1)
    if not found:
        return None
    for name, value in found[0].data.params.items():
        if params.get(name) != value:
            raise BadInput(
                f"run {run_id}: {name}={params.get(name)}",
                f"it was recorded with {name}={value}, and a run's parameters do not change",
                "pass another --run-id",
            )
    return str(found[0].info.run_id)


def run_tags(root: Path, run_id: str, artefact: Artefact, verdict: Verdict) -> dict[str, str]:
    known = provenance(root)
    tags = {
        "radassist.run_id": run_id,
        "git.commit": known["git_commit"],
        "dvc.data_md5": known["data_md5"],
        "lock.sha256": known["lock_sha256"],
        "policy.sha256": verdict.policy_sha256,
        "gate.passed": str(verdict.passed).lower(),
        "model.sha256": artefact.weights_sha256,
        "model.variants": ",".join(proven(read_metrics("parity", root / "metrics"))),
        "radassist.reason": origin_of(root).reason,
        "report.sha256": digest(root / "report" / "report.json"),
    }
    return {name: value for name, value in tags.items() if value is not None}


def record(root: Path, params: dict[str, str], client: "MlflowClient", mlflow_run_id: str) -> None:
    """Log everything of a run into the active MLflow run.

    Points get times that follow from the run's start, so that logging them again adds none; MLflow appends to a table
    that is there, so a table is logged once.
    """
    import mlflow

    mlflow.log_params(params)
    start: int = client.get_run(mlflow_run_id).info.start_time
    elapsed = 0.0
    for line in history(root):
        elapsed += line["seconds"]
        curve = {k: v for k, v in line.items() if k not in ("epoch", "seconds") and v is not None}
        mlflow.log_metrics(curve, step=line["epoch"], timestamp=start + int(elapsed * 1000))
    mlflow.log_metrics(dict(figures(root / "metrics")), step=0, timestamp=start)
    present = {item.path for item in client.list_artifacts(mlflow_run_id)}
    per_finding = root / "evaluation" / "per_finding.parquet"
    tables = {"drafts.json": drafts_table(root), "per_finding.json": pd.read_parquet(per_finding)}
    for name, table in tables.items():
        if name not in present:
            mlflow.log_table(table, name)
    columns = read_manifest(root / "data").select(["study_id", "split", "source"]).to_pandas()
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # MLflow lists its only source type twice
        source = str((root / "data.dvc").absolute())
        dataset = mlflow.data.from_pandas(columns, source, name="data", digest=data_md5(root))
    mlflow.log_input(dataset, context="training")
    for folder in KEPT_FOLDERS:
        if (root / folder).is_dir():
            mlflow.log_artifacts(str(root / folder), folder)
    for path in (root / name for name in KEPT_FILES):
        if path.is_file():
            mlflow.log_artifact(str(path))


def figures(folder: Path) -> Iterator[tuple[str, float]]:
    """Every figure of every stage: the evaluation's under their own names, the others' as STAGE.NAME."""
    for path in sorted(folder.glob("*.json")):
        prefix = "" if path.stem == "evaluate" else f"{path.stem}."
        for name, value in read_metrics(path.stem, folder).items():
            if value is not None:
                yield f"{prefix}{name}", float(value)


def drafts_table(root: Path) -> pd.DataFrame:
    """One row a test study: study, reference, candidate and the study's own figures."""
    return pd.DataFrame(
        [
            {
                "study": line["study_id"],
                "reference": report_text(line["reference"]),
                "candidate": report_text(line["draft"]),
            }
            | line["figures"]
            for line in read_drafts(root / "evaluation" / "drafts.jsonl")
        ]
    )


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested parameters under dotted names, as text.

    >>> flat({"train": {"seed": 7, "depths": [2, 4]}})
    {'train.seed': '7', 'train.depths': '[2, 4]'}
    """
    result: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            result |= flat(value, f"{prefix}{name}.")
        else:
            result[f"{prefix}{name}"] = value if isinstance(value, str) else json.dumps(value)
    return result


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--track-only", action="store_true", help="record the run and register nothing")
    parser.add_argument("--run-id", metavar="ID", help="the run's name (default: ID of the branch runs/ID)")


def main(args: argparse.Namespace) -> int:
    done = register(run_id=args.run_id, track_only=args.track_only)
    print(f"recorded run {done.run_id} in {done.tracking_uri} as {done.mlflow_run_id}")
    if done.refusal is not None:
        print(f"radassist register: refused: {done.refusal}", file=sys.stderr)
        return 3
    if done.signed is not None:
        print(f"registered {MODEL_NAME} version {done.version}, alias {ALIAS}")
        print(description_of(done.signed))
    return 0
