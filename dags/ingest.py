"""Bring new studies in, and tell of a new version of the data, upon which `retrain` starts.

`sources` names what to read: `[{"source": NAME, "root": FOLDER}, ...]` with a source of `pipelines.sources`. Its
default is RADASSIST_SOURCES of the environment, in JSON; without any a run does nothing. The DAG starts paused.
"""

import json
import os
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, Param, task
from airflow.sdk.exceptions import AirflowSkipException

from dags.wiring import CXR_DATASET, ROOT, radassist

SOURCE = {
    "type": "object",
    "properties": {"source": {"type": "string"}, "root": {"type": "string"}},
    "required": ["source", "root"],
    "additionalProperties": False,
}

with DAG(
    dag_id="ingest",
    description="Bring new studies in and version them",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("0 1 * * *", timezone="UTC", run_immediately=timedelta(0)),
    catchup=False,
    is_paused_upon_creation=True,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30), "retry_exponential_backoff": True},
    params={"sources": Param(json.loads(os.environ.get("RADASSIST_SOURCES", "[]")), type="array", items=SOURCE)},
    tags=["radassist"],
):

    @task(pool="dvc")
    def bring(params: Any = None) -> None:
        """Ingest each source, in their order."""
        if not params["sources"]:
            raise AirflowSkipException("no source is configured: see this DAG's documentation")
        for source in params["sources"]:
            radassist("ingest", "--source", source["source"], "--root", source["root"])

    @task(inlets=[CXR_DATASET], outlets=[CXR_DATASET])
    def publish(inlet_events: Any = None, outlet_events: Any = None) -> None:
        """Update the asset, unless its last event told of this version already."""
        from pipelines.versioning import commit_data_version

        version = commit_data_version(ROOT)
        told = inlet_events[CXR_DATASET]
        if len(told) and told[-1].extra.get("md5") == version.md5:
            raise AirflowSkipException(f"data {version.md5} is no news")
        outlet_events[CXR_DATASET].extra = asdict(version)

    bring() >> publish()
