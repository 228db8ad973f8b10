"""An experiment in MLflow: a parent run, and below it a run a variant and seed. Twice is once.

A parent is found again by what was declared, a run below it by what it is. Points have times that follow from their
run's start, so that logging them again adds none.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from model.artefact import open_artefact
from pipelines.checkout import main_checkout
from pipelines.evidence.figures import history
from pipelines.experiments.declared import Trial
from pipelines.mlflow_client import connected, experiment_id_of
from pipelines.register import flat

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

EXPERIMENT = "radassist-experiments"
MOST_PARAMS = 100
"""That MLflow takes at once."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """The parent run `run_id`. `runs` are those below it, by the sha256 of what they are."""

    client: "MlflowClient"
    experiment_id: str
    run_id: str
    runs: dict[str, "Run"]

    def record(self, trial: Trial, figures: Mapping[str, float | None], folder: Path) -> None:
        """Log a finished run: parameters, a point an epoch, figures.

        Args:
            folder: of the run.
        """
        from mlflow.entities import Metric, Param

        run = self.runs.get(trial.sha256) or self.begin(trial, folder)
        if run.info.status == "FINISHED":
            return
        stated = flat({"data": trial.data.model_dump(mode="json"), **trial.params.model_dump(mode="json")})
        params = [Param(name, value) for name, value in stated.items()]
        for first in range(0, len(params), MOST_PARAMS):
            self.client.log_batch(run.info.run_id, params=params[first : first + MOST_PARAMS])
        began, elapsed = run.info.start_time, 0.0
        points = [Metric(name, value, began, 0) for name, value in figures.items() if value is not None]
        for line in history(folder):
            elapsed += line["seconds"]
            at, epoch = began + int(elapsed * 1000), int(line["epoch"])
            points += [Metric(name, line[name], at, epoch) for name in line if name not in ("epoch", "seconds")]
        self.client.log_batch(run.info.run_id, metrics=points)
        self.client.set_terminated(run.info.run_id)
        self.runs[trial.sha256] = self.client.get_run(run.info.run_id)

    def begin(self, trial: Trial, folder: Path) -> "Run":
        commit = open_artefact(folder / "trained").manifest["git_commit"]
        tags = {
            "mlflow.parentRunId": self.run_id,
            "radassist.sha256": trial.sha256,
            "radassist.variant": trial.variant,
            "git.commit": commit or "unknown",
        }
        return self.client.create_run(self.experiment_id, tags=tags, run_name=trial.name)

    def keep(self, paths: Sequence[Path]) -> None:
        """Put files beside the parent."""
        for path in paths:
            self.client.log_artifact(self.run_id, str(path))


@contextmanager
def tracked(name: str, question: str, sha256: str) -> Iterator[Tracked]:
    """The parent run of an experiment, FINISHED when the block ends, KILLED when something ends the block.

    Args:
        sha256: of all that was declared.
    """
    client = connected(Path())
    experiment_id = experiment_id_of(client, main_checkout(Path()), EXPERIMENT)
    tags = {"radassist.experiment": name, "radassist.sha256": sha256, "mlflow.note.content": question}
    same = f"tags.`radassist.experiment` = '{name}' and tags.`radassist.sha256` = '{sha256}'"
    known = client.search_runs([experiment_id], same, max_results=1)
    parent = known[0] if known else client.create_run(experiment_id, tags=tags, run_name=name)
    run_id = parent.info.run_id
    client.update_run(run_id, status="RUNNING")
    below = client.search_runs([experiment_id], f"tags.`mlflow.parentRunId` = '{run_id}'")
    try:
        yield Tracked(client, experiment_id, run_id, {run.data.tags["radassist.sha256"]: run for run in below})
    except BaseException:
        client.set_terminated(run_id, "KILLED")
        raise
    client.set_terminated(run_id)
