"""Where a registered model came from, entered into the records: without it no study is drafted for."""

from datetime import datetime
from pathlib import Path

from model.artefact import Artefact
from model.errors import BadInput
from pipelines.checkout import records_url
from pipelines.provenance import digest, provenance
from records.database import open_database, writing
from records.models import Model, enter_model, find_model


def made_of(root: Path, run: str) -> dict[str, str]:
    """What made the model of the run in `root`: commit, data, lock and verdict.

    Raises:
        BadInput: the run has no commit, no `data.dvc`, no `dvc.lock` or no verdict.
    """
    known = provenance(root)
    parts = {
        "git_commit": known["git_commit"],
        "data_md5": known["data_md5"],
        "dvc_lock_sha256": digest(root / "dvc.lock"),
        "gate_sha256": digest(root / "verdict.json"),
    }
    if missing := [name for name, value in parts.items() if value is None]:
        rule = f"a report must lead back to what made its model, and {', '.join(missing)} is not known"
        raise BadInput(f"run {run}", rule, "register it in its worktree, after `dvc repro`")
    return {name: value for name, value in parts.items() if value is not None}


def enter_origin(
    root: Path, artefact: Artefact, run: str, mlflow_run: str, registry_version: str, now: datetime
) -> Model:
    """Enter the origin of the model that the run in `root` made, under the version that its reports name.

    The same weights have one origin: that of the run that registered them first.

    Raises:
        BadInput: see `made_of`.
    """
    parts = made_of(root, run)
    with writing(open_database(records_url(root))) as connection:
        if found := find_model(connection, artefact.version):
            return found
        origin = Model.model_validate(
            {
                **parts,
                "model": artefact.version,
                "weights_sha256": artefact.weights_sha256,
                "report_sha256": digest(root / "report" / "report.json"),
                "run": run,
                "mlflow_run": mlflow_run,
                "registry_version": registry_version,
                "registered_at": now,
            }
        )
        enter_model(connection, origin)
    return origin
