"""Retrain, prove and register: every second week, on new data, on drift, or by hand.

The stages and the arrows between them are those of `dvc.yaml`, read when this file is parsed: a stage added there
appears here. A run is a commit: `open` takes a snapshot of the project into a git worktree under var/runs/, the stages
run there one `dvc repro -s STAGE` each, and `commit` puts what they wrote on the branch runs/ID. `track` records the
run in MLflow whatever the verdict; `enforce` ends a refused model's run, without a retry. Then the run waits for a
person, RADASSIST_SIGN_OFF_DAYS (14) at most: `approve` asks, `signed` looks for a signature that counts, and `register`
does the rest.
"""

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from dags.approval import Approval, SignedOff
from dags.wiring import CXR_DATASET, DRIFT, ROOT, InRun
from model.errors import BadInput
from pipelines.stages import read_stages
from pipelines.workspace import Workspace, open_run
from records.sign_off import Automatic

SIGN_OFF_TIME = timedelta(days=float(os.environ.get("RADASSIST_SIGN_OFF_DAYS", "14")))
MONDAYS = CronTriggerTimetable("0 3 * * 1", timezone="UTC", run_immediately=timedelta(0))


def is_due(planned: datetime, now: datetime) -> bool:
    """Whether a scheduled run takes place: in every second ISO week, and not for a time that passed a day ago.

    Weeks are counted through from year 1: by their number in the year, 53 and 1 would be two odd ones in a row.
    """
    return (planned.toordinal() - 1) // 7 % 2 == 0 and now - planned < timedelta(days=1)


def who_triggered(
    run_type: str, user: str | None, events: Sequence[Any], reason: str | None = None
) -> str | Automatic | None:
    """Who or what started a run, as far as Airflow tells. New data do where a task published them, not by hand, and so
    does drift, which has a reason."""
    match run_type:
        case "scheduled":
            return Automatic.SCHEDULE
        case "asset_triggered":
            if not events or not all(event.source_task_id for event in events):
                return None
            return Automatic.DRIFT if reason else Automatic.NEW_DATA
        case _:
            return user


@task(task_id="open")
def open_workspace(dag_run: Any = None, triggering_asset_events: Any = None) -> str:
    """Take the snapshot, unless this is a scheduled run that is not due."""
    if dag_run.run_type == "scheduled" and not is_due(dag_run.run_after, datetime.now(UTC)):
        raise AirflowSkipException("not due: a week between two retrainings, or one missed while nothing ran")
    events = [event for of_asset in triggering_asset_events.values() for event in of_asset]
    if events:
        print("on new data or drift:", *(event.extra for event in events))
    reason = "; ".join(event.extra["reason"] for event in events if "reason" in event.extra) or None
    triggered_by = who_triggered(dag_run.run_type, dag_run.triggering_user_name, events, reason)
    try:
        return str(open_run(ROOT, dag_run.run_id, triggered_by, reason=reason).path)
    except BadInput as error:
        raise AirflowFailException(str(error)) from error


with DAG(
    dag_id="retrain",
    description="Retrain, prove and register the report generator",
    doc_md=__doc__,
    schedule=AssetOrTimeSchedule(timetable=MONDAYS, assets=CXR_DATASET | DRIFT),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=4,  # those that wait for a person among them; the pools let one stage run at a time
    default_args={
        "retries": 2,
        "retry_delay": timedelta(seconds=30),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=10),
    },
    tags=["radassist"],
):
    stages = read_stages(ROOT / "dvc.yaml")
    opened = open_workspace()
    made = {
        stage.name: InRun(task_id=stage.name, pool=stage.pool, act=partial(Workspace.reproduce, stage=stage.name))
        for stage in stages
    }
    commit = InRun(task_id="commit", act=Workspace.commit)
    for stage in stages:
        made[stage.name] << ([made[name] for name in stage.after] or opened)
    commit << [made[name] for name in made if not any(name in stage.after for stage in stages)]

    track = InRun(task_id="track", act=lambda run: run.call("register", "--track-only"))
    enforce = InRun(task_id="enforce", act=lambda run: run.call("gate", "--enforce"))
    approve = Approval(task_id="approve", response_timeout=SIGN_OFF_TIME)
    signed = SignedOff(task_id="signed", approval="approve")
    register = InRun(task_id="register", act=lambda run: run.call("register"))
    commit >> track >> enforce >> approve >> signed >> register
