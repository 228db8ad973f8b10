"""A model version's stream as the records hold it, judged as of a time, and the files that say so.

var/monitoring/MODEL/snapshot.json            everything, and what asks for a retraining
var/monitoring/MODEL/index.html               the page
var/monitoring/MODEL/radassist.prom           for Prometheus' textfile collector
var/monitoring/MODEL/reference.safetensors    fetched from the run that made the model
"""

from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import pandas as pd
from sqlalchemy import Engine

from model.errors import BadInput
from monitoring.policy import Policy
from monitoring.prometheus import render
from monitoring.snapshot import Snapshot
from monitoring.stream import read_reviews, read_stream
from monitoring.watched import FILE, FOLDER, Watched
from monitoring.window import Window, drafted, read, windows
from pipelines.checkout import main_checkout
from pipelines.mlflow_client import connected
from pipelines.monitors.page import page
from pipelines.whole_files import write_whole
from records.database import reading
from records.models import find_model
from records.windows import serving


def served_model(records: Engine, as_of: datetime, policy: Policy) -> str:
    """The version that drafts most of the studies as of a time.

    Raises:
        BadInput: none had been drafted.
    """
    with reading(records) as connection:
        model = serving(connection, as_of, policy.window_studies)
    if model is None:
        raise BadInput(f"as of {as_of}", "no study had been drafted by then", "give a later time, or --model VERSION")
    return model


def recorded(records: Engine, model: str, policy: Policy, as_of: datetime) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A model version's stream and its reviews. The same whenever it is asked for the same time, but for what was
    entered late."""
    with reading(records) as connection:
        stream = read_stream(connection, model, as_of, policy)
        return stream, read_reviews(connection, model, as_of, stream)


def last_window(stream: pd.DataFrame, watched: Watched, policy: Policy, as_of: datetime) -> Window:
    """The latest whole window as of a time; there is one."""
    *_, last = windows(drafted(stream, as_of, policy), policy.window_studies)
    return read(last, watched.reference.projection, policy, watched.reference.usual)


def folder_of(root: Path, model: str) -> Path:
    """Of all worktrees alike."""
    return main_checkout(root) / "var" / "monitoring" / quote(model, safe="")


def reference_of(root: Path, records: Engine, model: str) -> Watched:
    """What a model version's stream is held against: from its folder, or else from the run that made it.

    Raises:
        BadInput: the records know no such version, or its run has no reference.
    """
    path = folder_of(root, model) / FILE
    if not path.is_file():
        with reading(records) as connection:
            origin = find_model(connection, model)
        if origin is None:
            rule = "the records do not know where it came from"
            raise BadInput(f"model {model!r}", rule, "register it, or pass --reference FILE")
        fetch(root, origin.mlflow_run, path)
    return reference_at(path, model)


def reference_at(path: Path, model: str) -> Watched:
    """
    Raises:
        BadInput: it is another model's.
    """
    watched = Watched.load(path)
    if watched.model_version != model:
        rule = f"it is of model {watched.model_version}, and the stream of {model}"
        raise BadInput(f"reference {path}", rule, "pass that model's own")
    return watched


def fetch(root: Path, mlflow_run: str, path: Path) -> None:
    """Bring a run's reference from MLflow.

    Raises:
        BadInput: the run has none.
    """
    client = connected(root)
    from mlflow.exceptions import MlflowException

    with TemporaryDirectory() as folder:
        try:
            found = client.download_artifacts(mlflow_run, f"{FOLDER}/{FILE}", folder)
        except (MlflowException, OSError) as error:
            rule = f"MLflow run {mlflow_run} has no {FOLDER}/{FILE}"
            raise BadInput(f"reference {path}", rule, "pass --reference FILE") from error
        write_whole(path, Path(found).read_bytes())


def write(seen: Snapshot, watched: Watched, policy: Policy, folder: Path) -> None:
    """Write the page and the two files for programs."""
    write_whole(folder / "snapshot.json", seen.to_json() + "\n")
    write_whole(folder / "radassist.prom", render(seen))
    write_whole(folder / "index.html", page(seen, watched, policy))
