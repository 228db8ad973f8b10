"""The demo of a rollout, with an Airflow that does what its two DAGs do, in this process."""

import os
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pipelines.checkout import records_url
from pipelines.cli import main
from pipelines.rollout import command
from pipelines.rollout import demo as demos
from pipelines.rollout.cases import weakened
from pipelines.rollout.demo import HARMFUL, LEFT_OUT, POLICY, SIGNING_HOURS, STUDIES_PER_DAY, Demo
from pipelines.rollout.evidence import load_policy
from pipelines.rollout.stream import Stream
from pipelines.rollout.tick import run
from records.canonical import sha256
from records.database import open_database, reading, writing
from records.models import find_model
from records.signatures import Meaning, sign
from release.store import broken, every, standing
from tests.pipelines.releasing import EARLY as AT
from tests.pipelines.releasing import Project
from tests.pipelines.test_rollout_replay import CASES

SHIPPED = Path(__file__).parents[2] / POLICY


class Clock(datetime):
    """Stands where somebody sets it, and where sleepers take it."""

    at = datetime(2026, 3, 2, 8, tzinfo=UTC)

    @classmethod
    def now(cls, tz: object = None) -> datetime:
        return cls.at

    @classmethod
    def sleep(cls, seconds: float) -> None:
        cls.at += timedelta(seconds=seconds)

    @classmethod
    def monotonic(cls) -> float:
        return cls.at.timestamp()


class Airflow:
    """A run of `rollout` takes a while, ticks, and puts a question once; one of `rollout_approval` waits for it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.tasks_of: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []

    def tick(self) -> dict[str, Any]:
        rollout: dict[str, Any] = run(self.root, open_database(records_url(self.root)), Clock.now()).said()["rollout"]
        return rollout

    def trigger(self, dag: str, conf: object) -> str:
        look = f"look {len(self.tasks_of)}"
        self.tasks_of[look] = {"tick": "running"}
        return look

    def answer(self, dag: str, run: str, task: str, choice: str) -> None:
        assert (dag, task, choice) == ("rollout_approval", "approve", "Approve")
        state = "success" if self.tick()["request"] != self.asked[-1] else "failed"
        self.tasks_of[run] = {"question": "success", "approve": "success", "signed": state}

    def run(self, dag: str, run: str) -> dict[str, str]:
        states = self.tasks_of[run]
        if states == {"tick": "running"}:
            states["tick"] = "waited"
            Clock.sleep(13)
            return {"state": "running"}
        if states == {"tick": "waited"}:
            states["tick"] = "success"
            rollout = self.tick()
            if rollout["asks"] and rollout["request"] not in self.asked:
                self.asked.append(rollout["request"])
                self.tasks_of[f"question {len(self.asked)}"] = {"question": "success", "approve": "awaiting_input"}
        return {"state": "failed" if "failed" in states.values() else "success"}

    def tasks(self, dag: str, run: str) -> list[dict[str, str]]:
        return [{"task_id": task, "state": state} for task, state in self.tasks_of[run].items()]

    def runs(self, dag: str) -> list[dict[str, str]]:
        return [{"dag_run_id": run} for run in self.tasks_of if run.startswith("question") == (dag != "rollout")]


@pytest.fixture
def one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Demo:
    """A project whose models, m0 and then m1, a DEMO identity signed for; nothing drafts yet."""
    for name in ("RADASSIST_RECORDS_URL", "RADASSIST_WEBHOOK_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'none.db'}")
    monkeypatch.chdir(tmp_path)
    project = Project(tmp_path)
    reviewer = project.key("Anybody", demo=True)
    for name in ("m0", "m1"):
        project.register(name, signer=None)
        with writing(project.engine) as connection:
            sign(connection, reviewer, Meaning.APPROVED, sha256(name), "b" * 64, AT)
    project.promise(load_policy(SHIPPED))
    project.policy_file.rename(tmp_path / POLICY)

    def in_process(command: Sequence[str], **_: object) -> subprocess.CompletedProcess[str]:
        assert command[2] == "pipelines.cli"
        return subprocess.CompletedProcess(command, main(list(command[3:])), "", "")

    monkeypatch.setattr(demos, "subprocess", type("InProcess", (), {"run": staticmethod(in_process)}))
    for module in (demos, command):
        monkeypatch.setattr(module, "datetime", Clock)
    monkeypatch.setattr(demos, "time", Clock)
    drafts = {"m1": [case.draft for case in CASES]}
    drafts |= {"m0": weakened(CASES, 0.3, "m0"), f"m1-{HARMFUL}": weakened(CASES, LEFT_OUT, HARMFUL)}
    stream = Stream(project.engine, CASES, drafts, STUDIES_PER_DAY, Clock.now(), SIGNING_HOURS)
    return Demo(tmp_path, project.engine, Airflow(tmp_path), stream, Console(file=open(os.devnull, "w")))  # type: ignore[arg-type]  # noqa: PTH123


def test_the_demo_releases_its_model_and_rolls_a_harmful_one_back(one: Demo, capfd: pytest.CaptureFixture[str]) -> None:
    trained, champion = demos._models(one.engine)
    assert champion is None
    with reading(one.engine) as connection:
        first = find_model(connection, "m0")
    assert first is not None
    demos._play(one, one.root, trained, first, is_served=False)
    with reading(one.engine) as connection:
        rollouts = every(connection)
        assert broken(connection) is None
        assert standing(connection).champion == "m1"
    assert [(r.state.candidate, r.state.phase.value) for r in rollouts] == [
        ("m0", "promoted"),
        ("m1", "promoted"),
        (f"m1-{HARMFUL}", "rolled_back"),
    ]
    assert "md5 of data.dvc" in capfd.readouterr().out
