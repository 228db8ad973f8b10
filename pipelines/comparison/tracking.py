"""A comparison in MLflow: a run of its own in the experiment `radassist-comparisons`. Twice is once.

It is found again by the two runs that it compares. Points have the time of its start, so that logging them again adds
none; files of the same name are written over.
"""

import math
from collections.abc import Iterator
from pathlib import Path

from pipelines.checkout import main_checkout
from pipelines.comparison.compared import Comparison
from pipelines.comparison.tables import NOTE
from pipelines.mlflow_client import connected, experiment_id_of

EXPERIMENT = "radassist-comparisons"


def record(comparison: Comparison, folder: Path) -> str:
    """Record a comparison of two MLflow runs, with the files in `folder`; return its run's id."""
    client = connected(Path())
    from mlflow.entities import Metric

    experiment_id = experiment_id_of(client, main_checkout(Path()), EXPERIMENT)
    compared = {"radassist.compare.a": comparison.a.mlflow_run_id, "radassist.compare.b": comparison.b.mlflow_run_id}
    same = " and ".join(f"tags.`{name}` = '{run_id}'" for name, run_id in compared.items())
    known = client.search_runs([experiment_id], same, max_results=1)
    run = known[0] if known else client.create_run(experiment_id, tags=compared, run_name=comparison.title)
    run_id, began = run.info.run_id, run.info.start_time
    client.set_tag(run_id, "mlflow.note.content", description(comparison))
    client.log_batch(run_id, metrics=[Metric(name, value, began, 0) for name, value in metrics(comparison)])
    client.log_artifacts(run_id, str(folder))
    client.set_terminated(run_id)
    return str(run_id)


def description(comparison: Comparison) -> str:
    warnings = [f"**{warning}**" for warning in comparison.warnings]
    said = f"a = {comparison.a.name}, b = {comparison.b.name}: {comparison.summary}."
    return "\n\n".join([said, *warnings, NOTE])


def metrics(comparison: Comparison) -> Iterator[tuple[str, float]]:
    """`difference.NAME` with its interval, of figures and of observations; what is undefined is left out."""
    yield "n_studies", comparison.n_studies
    yield "n_patients", comparison.n_patients
    yield "n_changed", len(comparison.studies)
    for d in (*comparison.figures, *comparison.findings):
        for suffix, value in (("", d.value), (".low", d.low), (".high", d.high)):
            if math.isfinite(value):
                yield f"difference.{d.name}{suffix}", value
