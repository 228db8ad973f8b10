"""Watch the model that drafts: every hour, and once a day with a page that is kept.

`look` judges the records' stream by `policy/drift.yaml`, sends the figures to MLflow and what is new to the webhook
(RADASSIST_WEBHOOK_URL). Where confirmed drift asks for a retraining, `ask` updates the asset `drift`, upon which
`retrain` starts with the reason; not again within the policy's cool-down. A look that failed, as with a dead webhook,
keeps no question back, and fails the run all the same. The same without Airflow: `radassist monitor --tell`. Both DAGs
start paused: un-pause them once studies are drafted. `policy` is the file that both judge by.
"""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, CronTriggerTimetable, Param, task
from airflow.sdk.exceptions import AirflowSkipException

from dags.wiring import DRIFT, ROOT, radassist
from pipelines.monitors.asked import last_asked

SETTINGS: dict[str, Any] = {
    "doc_md": __doc__,
    "catchup": False,
    "is_paused_upon_creation": True,
    "max_active_runs": 1,
    "default_args": {"retries": 2, "retry_delay": timedelta(seconds=30), "retry_exponential_backoff": True},
    "params": {"policy": Param("policy/drift.yaml", type="string")},
    "tags": ["radassist"],
}

with DAG(
    dag_id="monitor",
    description="Judge the drafts' stream, tell of alarms, ask for a retraining",
    schedule=CronTriggerTimetable("5 * * * *", timezone="UTC", run_immediately=timedelta(0)),
    **SETTINGS,
):

    @task
    def look(dag_run: Any = None, params: Any = None) -> None:
        """As of the time that the run is for, so that a second attempt says the same."""
        radassist("monitor", "--tell", "--policy", params["policy"], "--as-of", dag_run.run_after.isoformat())

    @task(inlets=[DRIFT], outlets=[DRIFT], trigger_rule="all_done")
    def ask(inlet_events: Any = None, outlet_events: Any = None) -> None:
        """Update the asset, unless its last event told of what was last asked for."""
        asked, told = last_asked(ROOT), inlet_events[DRIFT]
        if asked is None or (len(told) and told[-1].extra.get("as_of") == asked.as_of):
            raise AirflowSkipException("nothing asks for a retraining, or one began lately")
        outlet_events[DRIFT].extra = asdict(asked)

    look() >> [ask(), EmptyOperator(task_id="looked")]

with DAG(
    dag_id="monitor_daily",
    description="Keep the day's page, and Evidently's beside it",
    schedule=CronTriggerTimetable("30 0 * * *", timezone="UTC", run_immediately=timedelta(0)),
    **SETTINGS,
):

    @task
    def keep(dag_run: Any = None, params: Any = None) -> None:
        """Under var/monitoring/daily/DATE."""
        folder = ROOT / "var" / "monitoring" / "daily" / f"{dag_run.run_after:%Y-%m-%d}"
        written = ("--out", str(folder), "--evidently", str(folder / "evidently.html"))
        radassist("monitor", "--policy", params["policy"], "--as-of", dag_run.run_after.isoformat(), *written)

    keep()
