"""MLflow where `pipelines.checkout.tracking_uri` says, its runs and its registry; no telemetry, no progress bars."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.checkout import tracking_uri
from pipelines.environment import quiet_environment

if TYPE_CHECKING:
    from mlflow import MlflowClient


def connected(root: Path) -> "MlflowClient":
    """A client; a local database that is not there yet is made."""
    os.environ.update(quiet_environment() | {"MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"})
    from mlflow import MlflowClient

    uri = tracking_uri(root)
    return MlflowClient(uri, uri)


def existing(root: Path) -> "MlflowClient | None":
    """A client, for who only asks; None where the local database is not there."""
    uri = tracking_uri(root)
    if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).is_file():
        return None
    return connected(root)


def experiment_id_of(client: "MlflowClient", home: Path, name: str) -> str:
    """The id of an experiment, made where there is none. Beside a local database its artefacts have a fixed place;
    a server knows its own."""
    from mlflow.exceptions import MlflowException

    if found := client.get_experiment_by_name(name):
        return str(found.experiment_id)
    local = client.tracking_uri.startswith("sqlite:")
    place = (home / "var" / "mlflow" / "artifacts").as_uri() if local else None
    try:
        return str(client.create_experiment(name, place))
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        return str(client.get_experiment_by_name(name).experiment_id)
