"""Follow a run of a DAG until it ends, its tasks and their progress on a board."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from pipelines.airflow_client import AirflowClient
from pipelines.board import Board, Row, read_progress
from pipelines.workspace import Outcome

POLL_SECONDS = 2.0
FINAL_STATES = ("success", "failed")
NOT_STALE = (Outcome.RESTORED, Outcome.UNCHANGED)


def follow(
    airflow: AirflowClient,
    dag: str,
    run_id: str,
    progress_of: Callable[[str], Path],
    console: Console,
    answer: Callable[[str], None] | None = None,
) -> str:
    """Show a run's tasks until it ends, and return its last state: success or failed.

    Args:
        progress_of: the progress file of a task, which need not exist.
        answer: called once with the name of each task that waits for a person.
    """
    order = airflow.task_order(dag)
    asked: set[str] = set()
    returned: dict[str, Any] = {}
    with Board(console) as board:
        while True:
            state = str(airflow.run(dag, run_id)["state"])
            tasks = sorted(airflow.tasks(dag, run_id), key=lambda task: order.index(task["task_id"]))
            for task in tasks:
                name = task["task_id"]
                if task["state"] == "success" and name not in returned:
                    returned[name] = airflow.returned(dag, run_id, name)
            board.show([row_of(task, returned.get(task["task_id"]), progress_of) for task in tasks])
            if state in FINAL_STATES:
                return state
            waiting = {task["task_id"] for task in tasks if task["state"] == "awaiting_input"}
            if answer:
                for name in waiting - asked:
                    answer(name)
            asked |= waiting
            time.sleep(POLL_SECONDS)


def row_of(task: dict[str, Any], returned: object, progress_of: Callable[[str], Path]) -> Row:
    """A task instance, as Airflow's API has it, and what it returned."""
    name, state, seconds, note = task["task_id"], task["state"], task["duration"], ""
    if state == "running" and task["start_date"]:
        seconds = (datetime.now(UTC) - datetime.fromisoformat(task["start_date"])).total_seconds()
    if state in ("running", "up_for_retry") and task["try_number"] > 1:
        note = f"attempt {task['try_number']}"
    if returned in NOT_STALE:
        note = "not stale, from the cache"
    return Row(name, state, seconds, note, read_progress(progress_of(name)) if state == "running" else None)
