"""What the demo says of Airflow's look at the stream: the retraining and its reason, or that there is none."""

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pipelines.cli import main
from pipelines.demo_monitor import course, look

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ASKED = {"model": "m1", "as_of": "2026-03-01T00:00:00+00:00", "reason": "image.noise is 0.4 off", "policy_sha256": "0"}


class Airflow:
    """Runs the DAG `monitor` in no time; where drift is confirmed, a retraining follows."""

    def __init__(self, root: Path, drift: bool) -> None:
        self._root, self._drift = root, drift
        self._retrainings = [{"dag_run_id": "earlier", "run_type": "asset_triggered"}]
        self.paused = True
        self.conf: dict[str, str] = {}

    def has_dag(self, dag: str) -> bool:
        return dag == "monitor"

    def set_paused(self, dag: str, paused: bool) -> bool:
        before, self.paused = self.paused, paused
        return before

    def trigger(self, dag: str, conf: dict[str, str]) -> str:
        self.conf = conf
        if self._drift:
            path = self._root / "var" / "monitoring" / "retraining.json"
            path.parent.mkdir(parents=True)
            path.write_text(json.dumps(ASKED))
            self._retrainings.insert(0, {"dag_run_id": "on_drift", "run_type": "asset_triggered"})
        return "look_1"

    def runs(self, dag: str) -> list[dict[str, str]]:
        return self._retrainings

    def task_order(self, dag: str) -> list[str]:
        return []

    def tasks(self, dag: str, run_id: str) -> list[dict[str, Any]]:
        return []

    def run(self, dag: str, run_id: str) -> dict[str, str]:
        return {"state": "success"}


@pytest.mark.parametrize(("drift", "code", "said"), [(True, 0, "on_drift"), (False, 1, "no retraining is asked for")])
def test_a_look_ends_with_the_retraining_it_asked_for(tmp_path: Path, drift: bool, code: int, said: str) -> None:
    airflow, console = Airflow(tmp_path, drift), Console(file=io.StringIO(), width=200)
    assert look(airflow, tmp_path, "m1", console) == code  # type: ignore[arg-type]
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert said in shown
    assert (ASKED["reason"] in shown) == drift
    assert airflow.conf == {"policy": "policy/drift-demo.yaml"}
    assert airflow.paused


def test_the_planted_stream_is_the_last_that_the_model_drafted() -> None:
    days, count = timedelta(days=4, hours=4), 600
    assert course(None, NOW) == (NOW - days, timedelta(minutes=10))
    assert course(NOW - timedelta(days=9), NOW) == (NOW - days, timedelta(minutes=10))
    start, every = course(NOW - timedelta(minutes=5), NOW)  # a rollout's drafts
    assert NOW - timedelta(minutes=5) < start
    assert abs(start + count * every - NOW) < timedelta(milliseconds=1)
    start, every = course(NOW + timedelta(seconds=3), NOW)
    assert start > NOW + timedelta(seconds=3)
    assert every > timedelta()


def test_a_step_that_fails_ends_the_demo_with_1_and_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dags").mkdir()  # and no mlflow/server.yaml, so that the services do not start
    monkeypatch.chdir(tmp_path)
    assert main(["demo-monitor"]) == 1
    assert capsys.readouterr().err == "radassist demo-monitor: radassist services ended with exit code 2\n"
