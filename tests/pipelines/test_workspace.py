import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from model.errors import BadInput
from pipelines.cli import main
from pipelines.origin import origin_of
from pipelines.workspace import CommandError, Outcome, Workspace, open_run, open_runs
from tests.conftest import TinyProject


def outcomes(run: Workspace, *stages: str) -> list[Outcome]:
    return [run.reproduce(stage) for stage in stages]


def radassist(root: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    """The real program, started in a tiny project whose own `pipelines` must not stand before it."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2]), "PYTHONSAFEPATH": "1"}
    command = [sys.executable, "-m", "pipelines.cli", *arguments]
    return subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.DEVNULL)


def wait_until(true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.05)


class TestSnapshot:
    def test_a_run_starts_from_the_working_tree_as_it_stands(self, tiny: TinyProject) -> None:
        tiny.set_params(train={"skill": 0.7})
        (tiny.root / "notes.txt").write_text("not added yet")
        (tiny.root / "policy" / "gate.yaml").unlink()
        (tiny.root / "var").mkdir()
        (tiny.root / "var" / "scratch.txt").write_text("ignored")

        run = open_run(tiny.root, "a")

        assert "0.7" in (run.path / "params.yaml").read_text()
        assert (run.path / "notes.txt").read_text() == "not added yet"
        assert not (run.path / "policy" / "gate.yaml").exists()
        assert not (run.path / "var" / "scratch.txt").exists()
        assert (run.path / "data" / "studies.txt").read_text() == "one\ntwo\n"
        assert (run.path / "data" / "studies.txt").stat().st_nlink > 1  # one copy on disk, however many runs

    def test_the_user_s_branch_index_and_files_are_left_alone(self, tiny: TinyProject) -> None:
        (tiny.root / "staged.txt").write_text("staged")
        tiny.git("add", "staged.txt")
        (tiny.root / "notes.txt").write_text("not added yet")
        before = (tiny.git("status", "--porcelain"), tiny.git("rev-parse", "main"), tiny.git("stash", "list"))

        run = open_run(tiny.root, "a")

        assert (tiny.git("status", "--porcelain"), tiny.git("rev-parse", "main"), tiny.git("stash", "list")) == before
        assert tiny.git("rev-parse", "runs/a^") == tiny.git("rev-parse", "main")
        assert tiny.git("symbolic-ref", "--short", "HEAD") == "main"
        assert tiny.git("-C", str(run.path), "status", "--porcelain") == ""

    def test_no_identity_and_no_commit_are_needed(self, tiny: TinyProject, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
        tiny.git("config", "user.useConfigOnly", "true")
        tiny.git("checkout", "-q", "--orphan", "unborn")

        run = open_run(tiny.root, "a")

        assert tiny.git("log", "--format=%an", "runs/a") == "RadAssist"
        assert (run.path / "dvc.yaml").is_file()

    def test_hooks_of_the_repository_do_not_run(self, tiny: TinyProject) -> None:
        for hook in ("post-checkout", "pre-commit"):
            path = tiny.root / ".git" / "hooks" / hook
            path.write_text(f"#!/bin/sh\necho {hook} >> {tiny.root}/hooked; exit 1\n")
            path.chmod(0o755)
        run = open_run(tiny.root, "a")
        (run.path / "verdict.json").write_text("{}")
        run.commit()
        assert not (tiny.root / "hooked").exists()


def test_a_project_with_a_champion_asks_for_it_when_a_run_is_opened(tiny: TinyProject) -> None:
    (tiny.root / "champion").mkdir()
    (tiny.root / "champion" / "champion.json").write_text('{"asked": false}')
    run = open_run(tiny.root, "a")
    assert tiny.counted() == ["champion"]
    (run.path / "champion" / "champion.json").write_text('{"asked": true}')  # as the command does
    run.commit()
    assert tiny.git("show", f"{run.branch}:champion/champion.json") == '{"asked": true}'


def test_only_what_is_stale_runs_again(tiny: TinyProject) -> None:
    stages = ("prepare", "train", "gate")
    first = open_run(tiny.root, "first")
    assert outcomes(first, *stages) == [Outcome.RAN] * 3
    assert tiny.counted() == ["prepare", "train", "gate"]
    assert first.reproduce("gate") is Outcome.UNCHANGED

    second = open_run(tiny.root, "second")
    assert outcomes(second, *stages) == [Outcome.RESTORED] * 3
    assert tiny.counted() == []
    for made in ("metrics/prepare.json", "metrics/train.json", "verdict.json", "trained/model.txt"):
        assert (second.path / made).read_bytes() == (first.path / made).read_bytes()

    tiny.set_params(train={"skill": 0.8})
    third = open_run(tiny.root, "third")
    assert outcomes(third, *stages) == [Outcome.RESTORED, Outcome.RAN, Outcome.RAN]
    assert tiny.counted() == ["train", "gate"]


class TestCommit:
    def test_lock_metrics_and_verdict_are_committed_on_the_run_s_branch(self, tiny: TinyProject) -> None:
        run = open_run(tiny.root, "a")
        run.reproduce("prepare")
        (run.path / "verdict.json").write_text("{}")
        main = tiny.git("rev-parse", "main")

        commit = run.commit()

        assert tiny.git("rev-parse", "runs/a") == commit
        committed = tiny.git("show", "--name-only", "--format=", commit).splitlines()
        assert sorted(committed) == ["dvc.lock", "metrics/prepare.json", "verdict.json"]
        assert run.commit() == commit
        assert tiny.git("rev-parse", "main") == main

    def test_a_closed_run_opens_again_where_it_was(self, tiny: TinyProject) -> None:
        run = open_run(tiny.root, "a")
        run.reproduce("prepare")
        commit = run.commit()
        run.close()
        assert not run.path.exists()

        tiny.set_params(prepare={"size": 2})
        again = open_run(tiny.root, "a")

        assert tiny.git("rev-parse", "runs/a") == commit
        assert "size: 1" in (again.path / "params.yaml").read_text()
        assert (again.path / "prepared" / "studies.txt").is_file()
        assert again.reproduce("prepare") is Outcome.UNCHANGED


class TestWorktrees:
    def test_an_open_run_is_used_as_it_stands(self, tiny: TinyProject) -> None:
        run = open_run(tiny.root, "a")
        (run.path / "checkpoints").mkdir()
        tiny.set_params(train={"skill": 0.1})
        assert open_run(tiny.root, "a") == run
        assert (run.path / "checkpoints").is_dir()
        assert "0.9" in (run.path / "params.yaml").read_text()

    def test_an_opening_that_was_killed_half_way_is_done_again(self, tiny: TinyProject) -> None:
        run = open_run(tiny.root, "a")
        (run.path / "var" / "ready").unlink()
        (run.path / "params.yaml").unlink()
        assert (open_run(tiny.root, "a").path / "params.yaml").is_file()

    def test_the_oldest_are_closed_and_their_branches_stay(self, tiny: TinyProject) -> None:
        (tiny.root / "data.dvc").unlink()
        a, b = (open_run(tiny.root, name, keep=2) for name in ("a", "b"))
        a.call("label")  # used later than b
        c = open_run(tiny.root, "c", keep=2)
        assert open_runs(tiny.root) == [a, c]
        assert not b.path.exists()
        branches = tiny.git("for-each-ref", "--format=%(refname:short)", "refs/heads/runs")
        assert branches.split() == ["runs/a", "runs/b", "runs/c"]

    @given(st.from_regex(r"[a-z].*", fullmatch=True) | st.text("a.-/lock:+ ", max_size=12).map("x".__add__))
    @example("scheduled__2026-11-23T03:00:00+00:00")
    @example("x.lock.lock")
    @settings(max_examples=50)
    def test_any_run_id_makes_a_branch_and_a_folder(self, run_id: str) -> None:
        name = Workspace.of(Path(), run_id).name
        subprocess.run(["git", "check-ref-format", "--branch", f"runs/{name}"], check=True, capture_output=True)
        assert "/" not in name

    def test_outside_a_project_it_says_where_to_go(self, tmp_path: Path) -> None:
        with pytest.raises(BadInput, match="git repository with DVC"):
            open_run(tmp_path, "a")

    def test_data_that_is_nowhere_is_named(self, tiny: TinyProject) -> None:
        subprocess.run(["rm", "-rf", str(tiny.root / ".dvc" / "cache")], check=True)
        with pytest.raises(BadInput, match="run `dvc fetch"):
            open_run(tiny.root, "a")
        assert open_runs(tiny.root) == []


def test_the_commands_take_a_run_from_its_opening_to_its_end(
    tiny: TinyProject, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tiny.root)
    assert main(["run", "stage", "a", "prepare"]) == 2
    assert "open it: radassist run open a" in capsys.readouterr().err
    tiny.set_stage("odd", cmd="exit 7", deps=["data"], outs=["odd"])
    for arguments in (["open", "a"], ["stage", "a", "prepare"], ["call", "a", "label", "x.csv"]):
        assert main(["run", *arguments]) == 0
    assert tiny.counted() == ["prepare", "label x.csv"]
    assert origin_of(tiny.root / "var" / "runs" / "a").triggered_by == psutil.Process().username()
    assert main(["run", "stage", "a", "odd"]) == 7
    (tiny.root / "var" / "runs" / "a" / "verdict.json").write_text('{"passed": false}')
    assert main(["run", "commit", "a"]) == 0
    assert main(["run", "close", "a"]) == 0
    capsys.readouterr()
    assert main(["run", "list"]) == 0
    listed = capsys.readouterr().out
    assert "refused" in listed
    assert "closed" in listed


class TestCommands:
    def test_a_failed_stage_tells_the_exit_code_of_its_own_command(self, tiny: TinyProject) -> None:
        tiny.set_stage("odd", cmd="echo it is odd && exit 7", deps=["data"], outs=["odd"])
        run = open_run(tiny.root, "a")
        with pytest.raises(CommandError) as failed:
            run.reproduce("odd")
        assert failed.value.code == 7
        assert "it is odd" in failed.value.log.read_text()

    def test_the_code_of_the_commit_runs_and_not_the_installed_one(self, tiny: TinyProject) -> None:
        run = open_run(tiny.root, "a")
        cli = tiny.root / "pipelines" / "cli.py"
        cli.write_text("raise SystemExit(9)")
        run.call("register", "--track-only")
        assert tiny.counted() == ["register --track-only"]
        with pytest.raises(CommandError) as failed:
            open_run(tiny.root, "b").call("register")
        assert failed.value.code == 9

    def test_stages_see_no_telemetry_and_where_to_tell_their_progress(self, tiny: TinyProject) -> None:
        tiny.set_stage("look", cmd="env > look.txt", deps=["data"], outs=["look.txt"])
        run = open_run(tiny.root, "a")
        run.reproduce("look")
        seen = dict(line.split("=", 1) for line in (run.path / "look.txt").read_text().splitlines() if "=" in line)
        assert (seen["DO_NOT_TRACK"], seen["DVC_NO_ANALYTICS"]) == ("true", "1")
        assert seen["RADASSIST_PROGRESS"] == str(run.progress("look"))


def test_two_runs_at_once_do_not_harm_each_other(tiny: TinyProject) -> None:
    made: dict[str, list[Outcome]] = {}

    def retrain(name: str) -> None:
        run = open_run(tiny.root, name)
        made[name] = outcomes(run, "prepare", "train")
        run.commit()

    threads = [threading.Thread(target=retrain, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(made) == {"a", "b"}
    for name in made:
        assert tiny.git("show", f"runs/{name}:metrics/train.json") == '{"skill": 0.9}'
        assert "0.9" in (tiny.root / "var" / "runs" / name / "trained" / "model.txt").read_text()
    assert open_run(tiny.root, "c").reproduce("prepare") is Outcome.RESTORED


TRAINING = """\
import pathlib, time
checkpoints, trained = pathlib.Path("checkpoints"), pathlib.Path("trained")
checkpoints.mkdir(exist_ok=True)
trained.mkdir(exist_ok=True)
done = len(list(checkpoints.iterdir()))
print("going on after epoch", done, flush=True)
for epoch in range(done, 4):
    (checkpoints / str(epoch)).touch()
    time.sleep(0 if done else 1)
(trained / "model.txt").write_text(f"resumed after {done}")
"""


@pytest.mark.parametrize("killed", ["task", "all"])
def test_a_run_that_is_killed_in_the_middle_of_training_goes_on(tiny: TinyProject, killed: str) -> None:
    (tiny.root / "training.py").write_text(TRAINING)
    tiny.set_stage("train", cmd="python training.py", deps=["data", "training.py"], outs=["trained"])
    run = open_run(tiny.root, "a")
    stage = radassist(tiny.root, "run", "stage", "a", "train")
    wait_until(lambda: (run.path / "checkpoints" / "1").exists())
    working = psutil.Process(stage.pid).children(recursive=True)
    assert len(working) >= 2  # dvc and the training
    for process in [psutil.Process(stage.pid), *(working if killed == "all" else [])]:
        process.send_signal(signal.SIGKILL)
    stage.wait()

    assert run.reproduce("train") is Outcome.RAN

    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in working)
    assert "going on after epoch" in run.log("train").read_text()
    epochs = int((run.path / "trained" / "model.txt").read_text().removeprefix("resumed after "))
    assert 2 <= epochs < 4


def test_a_stage_that_is_asked_to_end_takes_its_processes_along(tiny: TinyProject) -> None:
    tiny.set_stage("sleep", cmd="touch checkpoints && sleep 600 && touch slept", deps=["data"], outs=["slept"])
    run = open_run(tiny.root, "a")
    stage = radassist(tiny.root, "run", "stage", "a", "sleep")
    wait_until(lambda: (run.path / "checkpoints").exists())
    working = psutil.Process(stage.pid).children(recursive=True)
    stage.terminate()
    stage.wait()
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in working)
