import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import DAGS

if TYPE_CHECKING:
    from airflow.sdk import DAG

Read = Callable[[Path, str], "DAG"]


@pytest.fixture
def read_dag(airflow_home: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Parse dags/ for the project at a root, and return one of its DAGs."""
    return lambda root, dag_id: dag_of(root, dag_id, monkeypatch)


def dag_of(root: Path, dag_id: str, patch: pytest.MonkeyPatch) -> "DAG":
    """Only where there is an `airflow_home`."""
    from airflow.dag_processing.dagbag import DagBag

    patch.setattr("dags.wiring.ROOT", root)
    bag = DagBag(str(DAGS))
    assert bag.import_errors == {}
    dag: DAG = bag.dags[dag_id]
    return dag


def states(run: Any) -> dict[str, str]:
    """Of each task of a run."""
    return {task.task_id: task.state for task in run.get_task_instances()}


Answer = Callable[[str], None]


@pytest.fixture
def answer(airflow_home: Path, monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Let Jane choose that of all approvals of the runs that follow, as soon as `dag.test()` waits for her."""
    return lambda choice: answer_approvals(choice, monkeypatch)


def answer_approvals(
    choice: str, patch: pytest.MonkeyPatch, prepared: Callable[[str], None] = lambda run_id: None
) -> None:
    """Only where there is an `airflow_home`. `prepared` is called with the run's id before the answer is given."""
    real_sleep = time.sleep

    def sleep(seconds: float) -> None:
        """`dag.test()` sleeps for a second between two looks at the runs that wait."""
        if seconds == 1:
            with ThreadPoolExecutor(1) as person:  # another session than the one that waits
                person.submit(give_answers, choice, prepared).result()
        real_sleep(min(seconds, 0.1) if seconds == 1 else seconds)

    patch.setattr(time, "sleep", sleep)


def give_answers(choice: str, prepared: Callable[[str], None]) -> None:
    """Jane's answer to all approvals that wait, by what the REST API calls."""
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.api_fastapi.core_api.datamodels.hitl import UpdateHITLDetailPayload
    from airflow.api_fastapi.core_api.routes.public.hitl import update_hitl_detail
    from airflow.models.hitl import HITLDetail
    from airflow.utils.session import create_session
    from sqlalchemy import select

    jane = SimpleAuthManagerUser(username="jane", role="admin")
    with create_session() as session:
        for detail in session.scalars(select(HITLDetail).where(HITLDetail.responded_at.is_(None))).all():
            ti = detail.task_instance
            if ti.state == "awaiting_input":
                prepared(ti.run_id)
                chosen = UpdateHITLDetailPayload(chosen_options=[choice])
                update_hitl_detail(ti.dag_id, ti.run_id, ti.task_id, chosen, jane, session)
