"""The few questions and orders that go to Airflow's REST API."""

from collections.abc import Mapping
from graphlib import TopologicalSorter
from typing import Any

import requests

TIMEOUT_SECONDS = 60


class AirflowClient:
    """Airflow's public REST API at `address`, as one user."""

    def __init__(self, address: str, user: str, password: str) -> None:
        self.address, self._user, self._password = address, user, password
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy stands between this machine and itself

    def health(self) -> dict[str, str | None]:
        """Each component's status, `healthy` or not; None for one that never started."""
        report = self._session.get(f"{self.address}/api/v2/monitor/health", timeout=TIMEOUT_SECONDS)
        report.raise_for_status()
        return {name: part["status"] for name, part in report.json().items()}

    def add_pool(self, name: str, slots: int, description: str) -> None:
        """Make the pool; one that exists stays as it is."""
        body = {"name": name, "slots": slots, "description": description, "include_deferred": False}
        answer = self._send("POST", "pools", json=body)
        if answer.status_code != requests.codes.conflict:
            answer.raise_for_status()

    def pools(self) -> dict[str, int]:
        """Each pool's slots."""
        return {pool["name"]: pool["slots"] for pool in self._get("pools", limit=100)["pools"]}

    def has_dag(self, dag: str) -> bool:
        """Whether the DAG has been parsed and stored."""
        return self._send("GET", f"dags/{dag}").ok

    def import_errors(self) -> list[str]:
        return [error["stack_trace"] for error in self._get("importErrors")["import_errors"]]

    def set_paused(self, dag: str, paused: bool) -> bool:
        """Pause or un-pause, and return how it was."""
        before = bool(self._get(f"dags/{dag}")["is_paused"])
        self._send("PATCH", f"dags/{dag}", json={"is_paused": paused}).raise_for_status()
        return before

    def trigger(self, dag: str, conf: Mapping[str, Any]) -> str:
        """Start a run by hand and return its id."""
        started = self._send("POST", f"dags/{dag}/dagRuns", json={"logical_date": None, "conf": dict(conf)})
        started.raise_for_status()
        return str(started.json()["dag_run_id"])

    def runs(self, dag: str) -> list[dict[str, Any]]:
        """The runs of a DAG, the newest first."""
        return list(self._get(f"dags/{dag}/dagRuns", order_by="-run_after", limit=20)["dag_runs"])

    def run(self, dag: str, run_id: str) -> dict[str, Any]:
        return self._get(f"dags/{dag}/dagRuns/{run_id}")

    def tasks(self, dag: str, run_id: str) -> list[dict[str, Any]]:
        """The task instances of a run."""
        return list(self._get(f"dags/{dag}/dagRuns/{run_id}/taskInstances", limit=100)["task_instances"])

    def task_order(self, dag: str) -> list[str]:
        """The names of a DAG's tasks, each after those that it waits for."""
        tasks = self._get(f"dags/{dag}/tasks")["tasks"]
        backwards = TopologicalSorter({task["task_id"]: task["downstream_task_ids"] for task in tasks})
        return list(backwards.static_order())[::-1]

    def returned(self, dag: str, run_id: str, task: str) -> Any:
        """What a task returned; None where it returned nothing."""
        answer = self._send("GET", f"dags/{dag}/dagRuns/{run_id}/taskInstances/{task}/xcomEntries/return_value")
        return answer.json()["value"] if answer.ok else None

    def answer(self, dag: str, run_id: str, task: str, choice: str) -> None:
        """Answer a task that waits for a person; one that somebody else was quicker to answer stays as it is."""
        path = f"dags/{dag}/dagRuns/{run_id}/taskInstances/{task}/-1/hitlDetails"
        answer = self._send("PATCH", path, json={"chosen_options": [choice]})
        if answer.status_code != requests.codes.conflict:
            answer.raise_for_status()

    def log(self, dag: str, run_id: str, task: str, attempt: int) -> list[str]:
        """The lines that one attempt of a task logged."""
        path = f"dags/{dag}/dagRuns/{run_id}/taskInstances/{task}/logs/{attempt}"
        answer = self._send("GET", path, params={"full_content": "true"}, headers={"Accept": "application/json"})
        return [str(line["event"]) for line in answer.json()["content"]] if answer.ok else []

    def _get(self, path: str, **query: Any) -> dict[str, Any]:
        answer = self._send("GET", path, params=query)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def _send(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send with the present token; get one first, and again when it has expired."""
        url = f"{self.address}/api/v2/{path}"
        answer = self._session.request(method, url, timeout=TIMEOUT_SECONDS, **options)
        if answer.status_code == requests.codes.unauthorized:
            credentials = {"username": self._user, "password": self._password}
            token = self._session.post(f"{self.address}/auth/token", json=credentials, timeout=TIMEOUT_SECONDS)
            token.raise_for_status()
            self._session.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
            answer = self._session.request(method, url, timeout=TIMEOUT_SECONDS, **options)
        return answer
