"""A run to be compared, found by what a person calls it: a registered version, a run's id or name, or a folder."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from model.errors import BadInput
from model.findings import OBSERVATIONS
from model.metrics import Figure, mean_figure
from model.metrics.findings import f1
from pipelines.mlflow_client import connected
from pipelines.register import EVALUATION, EXPERIMENT
from pipelines.statistics import FILE, Statistics, read_statistics
from pipelines.versioning import data_md5

if TYPE_CHECKING:
    from mlflow import MlflowClient

GROUNDING = "iou_norm_0.1"
"""The figure of regions that each observation is compared by."""
VERSION = re.compile(r"(?:models:/)?(?P<name>[^/@]+)(?:/(?P<version>\d+)|@(?P<alias>[^/@]+))")


@dataclass(frozen=True, slots=True)
class Run:
    """A model's evaluation.

    `figures` are those of the whole; `findings` those of each observation, `f1.NAME` and `iou_norm_0.1.NAME`, over the
    same studies. `folder` holds what stage evaluate wrote. `data_md5` and `mlflow_run_id` are None where unknown.
    """

    name: str
    folder: Path
    figures: Statistics
    findings: Statistics
    data_md5: str | None = None
    mlflow_run_id: str | None = None


def open_run(called: str, place: Path) -> Run:
    """The run that is called so.

    Args:
        called: a folder with `evaluation/`; else what MLflow knows: `models:/NAME@ALIAS`, `models:/NAME/3`, both also
            without `models:/`, a run's id, or its name.
        place: a folder that receives what a run's artefacts are read from.

    Raises:
        BadInput: there is no such run, several have that name, or its evaluation is not at hand.
    """
    folder = Path(called)
    if folder.is_dir():
        inside = folder / EVALUATION
        return evaluated(folder.resolve().name, inside if inside.is_dir() else folder, data_md5(folder))
    client = connected(Path())
    found = client.get_run(run_id_of(client, called))
    run_id = found.info.run_id
    if not any(item.path == f"{EVALUATION}/{FILE}" for item in client.list_artifacts(run_id, EVALUATION)):
        rule = f"the run holds no {EVALUATION}/{FILE}"
        raise BadInput(f"run {called}", rule, "record it again where it ran: radassist register --track-only")
    place.mkdir(parents=True)
    there = Path(client.download_artifacts(run_id, EVALUATION, str(place)))
    return evaluated(found.info.run_name, there, found.data.tags.get("dvc.data_md5"), run_id)


def evaluated(name: str, folder: Path, md5: str | None, mlflow_run_id: str | None = None) -> Run:
    figures = read_statistics(folder / FILE)
    findings = observation_figures(figures, pd.read_parquet(folder / "statements.parquet"))
    return Run(name, folder, figures, findings, md5, mlflow_run_id)


def observation_figures(statistics: Statistics, statements: pd.DataFrame) -> Statistics:
    """F1 and grounding of each observation, as sums over the same studies.

    Args:
        statements: one row a positive reference statement with a region: `study`, the row of its study, `observation`,
            and a column a figure.
    """
    studies = len(statistics.study_ids)
    counts = statistics.figures["findings_micro_f1"].statistics.reshape(studies, len(OBSERVATIONS), 3)
    figures = {f"f1.{name}": Figure(f"f1.{name}", counts[:, i], f1) for i, name in enumerate(OBSERVATIONS)}
    for observation, rows in statements.groupby("observation") if len(statements) else ():
        study, name = rows["study"].to_numpy(), f"{GROUNDING}.{observation}"
        sums = np.bincount(study, rows[GROUNDING], studies).astype(np.float64)
        figures[name] = mean_figure(name, sums, np.bincount(study, minlength=studies).tolist())
    return Statistics(statistics.study_ids, statistics.patient_ids, figures)


def run_id_of(client: "MlflowClient", called: str) -> str:
    """MLflow's id of the run that is called so.

    Raises:
        BadInput: none is, or several are.
    """
    from mlflow.exceptions import MlflowException

    try:
        found = run_ids(client, called)
    except MlflowException:
        found = []
    if not found:
        rule = f"neither a folder nor known to MLflow at {client.tracking_uri}"
        raise BadInput(f"run {called}", rule, "pass a folder, a run's id or name, or models:/NAME@ALIAS")
    if len(found) > 1:
        raise BadInput(f"run {called}", f"{len(found)} runs have that name", f"pass the id of one: {', '.join(found)}")
    return found[0]


def run_ids(client: "MlflowClient", called: str) -> list[str]:
    """MLflow's ids of every run that is called so.

    Raises:
        MlflowException: there is no such version or id.
    """
    if named := VERSION.fullmatch(called):
        name, version = named["name"], named["version"]
        by = client.get_model_version if version else client.get_model_version_by_alias
        return [by(name, version or named["alias"]).run_id]
    if re.fullmatch(r"[0-9a-f]{32}", called):
        return [client.get_run(called).info.run_id]
    experiment = client.get_experiment_by_name(EXPERIMENT)
    named_so = f'attributes.run_name = "{called}"'
    return [run.info.run_id for run in client.search_runs([experiment.experiment_id], named_so)] if experiment else []
