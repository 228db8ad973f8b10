import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pipelines.board import Progress, Row, read_progress, table_of
from pipelines.demo import show_outcome
from pipelines.follow import follow
from pipelines.workspace import Workspace


class Airflow:
    """Answers as Airflow's API does, one moment of a run a question."""

    def __init__(self, *moments: dict[str, str | None], returned: dict[str, str] | None = None) -> None:
        self._moments, self._returned = list(moments), returned or {}

    def task_order(self, dag: str) -> list[str]:
        return ["open", "train", "enforce"]

    def run(self, dag: str, run_id: str) -> dict[str, Any]:
        if len(self._moments) > 1:
            self._moments.pop(0)
            return {"state": "running"}
        return {"state": "failed" if "failed" in self._moments[0].values() else "success"}

    def tasks(self, dag: str, run_id: str) -> list[dict[str, Any]]:
        return [
            {"task_id": name, "state": state, "try_number": 2, "duration": 1.5, "start_date": "2026-11-21T20:00:00Z"}
            for name, state in sorted(self._moments[0].items())
        ]

    def returned(self, dag: str, run_id: str, task: str) -> str | None:
        return self._returned.get(task)

    def log(self, dag: str, run_id: str, task: str, attempt: int) -> list[str]:
        return [f"{task} says [why] it failed"]


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=100)


def shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.follow.POLL_SECONDS", 0)


def line(label: str, done: int, note: str) -> str:
    return json.dumps({"label": label, "done": done, "total": 10, "note": note}) + "\n"


def test_progress_is_the_last_line_that_was_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    assert read_progress(path) is None
    path.write_text(line("epochs", 3, "epoch 1") + line("epochs", 4, "epoch 2") + '{"label": "ep')
    assert read_progress(path) == Progress("epochs", 4, 10, "epoch 2")


def test_a_run_is_followed_to_its_end_in_plain_lines(tmp_path: Path, console: Console) -> None:
    (tmp_path / "train").write_text(line("epochs", 4, "epoch 2 loss 0.5"))
    airflow = Airflow(
        {},
        {"open": "running", "train": None, "enforce": None},
        {"open": "success", "train": "running", "enforce": None},
        {"open": "success", "train": "running", "enforce": None},
        {"open": "success", "train": "success", "enforce": "success"},
        returned={"train": "restored"},
    )
    assert follow(airflow, "retrain", "a", lambda task: tmp_path / task, console) == "success"
    said = [text.partition("] ")[2] for text in shown(console).splitlines()]
    assert said == [
        "open: running attempt 2",
        "open: success",
        "train: running attempt 2 epochs 40% epoch 2 loss 0.5",
        "train: success not stale, from the cache",
        "enforce: success",
    ]


def test_a_terminal_shows_a_bar_for_what_runs() -> None:
    terminal = Console(file=io.StringIO(), width=100, force_terminal=True)
    terminal.print(
        table_of([Row("train", "running", 83.4, "", Progress("epochs", 4, 10, "loss 0.5")), Row("gate", None)])
    )
    text = shown(terminal)
    assert "1:23" in text
    assert "━" in text
    assert "4/10 epochs loss 0.5" in text


def finished(root: Path, *, passed: bool | None) -> Workspace:
    """A run's worktree with its report, and a verdict unless the run ended before."""
    run = Workspace(root, "a")
    (run.path / "report" / "pictures").mkdir(parents=True)
    (run.path / "report" / "index.html").write_text("a page")
    for number in (1, 2, 3, 4):
        (run.path / "report" / "pictures" / f"draft_{number}.png").write_bytes(b"a picture")
    if passed is not None:
        criterion = {"name": "words", "value": 0.21, "low": 0.1, "high": 0.3, "rule": ">", "bound": 0.15}
        outcome = "PASS" if passed else "INCONCLUSIVE"
        criteria = [criterion | {"outcome": outcome, "reason": "bleu_4 0.21 is what it is"}]
        (run.path / "verdict.json").write_text(json.dumps({"passed": passed, "criteria": criteria}))
    return run


@pytest.mark.parametrize(
    ("passed", "enforce", "state", "code"),
    [(True, "success", "success", 0), (False, "failed", "failed", 3), (None, "upstream_failed", "failed", 1)],
)
def test_the_exit_code_tells_a_registered_model_from_a_refused_one_and_a_fault(
    tmp_path: Path, console: Console, passed: bool | None, enforce: str, state: str, code: int
) -> None:
    run = finished(tmp_path, passed=passed)
    airflow = Airflow({"train": "failed" if passed is None else "success", "enforce": enforce})
    assert show_outcome(airflow, run, "a", state, console) == code
    text = shown(console)
    assert ("train says [why] it failed" in text) == (code == 1)
    assert ("bleu_4 0.21 is what it is" in text) == (code == 3)
    for name in ("pictures/draft_1.png", "pictures/draft_3.png", "index.html"):
        kept = tmp_path / "var" / "demo" / "report" / name
        assert str(kept) in text
        assert kept.is_file()
    assert "draft_4.png" not in text


def test_a_refused_model_whose_run_broke_earlier_is_a_fault(tmp_path: Path, console: Console) -> None:
    run = finished(tmp_path, passed=False)
    airflow = Airflow({"train": "success", "track": "failed", "enforce": "upstream_failed"})
    assert show_outcome(airflow, run, "a", "failed", console) == 1
    assert "track says [why] it failed" in shown(console)
