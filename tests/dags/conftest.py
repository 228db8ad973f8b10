from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

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
