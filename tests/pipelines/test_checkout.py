"""Where a run works: its branch, the main checkout that it shares with others, what it changed, what DVC locked."""

import subprocess
from pathlib import Path

import pytest

from pipelines.checkout import is_dirty, locked_outputs, main_checkout, run_of_branch


def run_git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@localhost"]
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    run_git(root, "init", "-b", "main")
    (root / "params.yaml").write_text("seed: 7\n")
    (root / "dvc.lock").write_text("stages: {}\n")
    run_git(root, "add", "-A")
    run_git(root, "commit", "-m", "first")
    return root


def test_a_worktree_on_a_run_branch_knows_its_run_and_the_main_checkout(repository: Path, tmp_path: Path) -> None:
    worktree = tmp_path / "elsewhere" / "R1"
    run_git(repository, "worktree", "add", "-b", "runs/R1", str(worktree))
    assert run_of_branch(worktree) == "R1"
    assert main_checkout(worktree) == main_checkout(repository) == repository
    assert run_of_branch(repository) is None


def test_outside_a_repository_nothing_is_known_and_the_folder_is_its_own_home(tmp_path: Path) -> None:
    assert run_of_branch(tmp_path) is None
    assert is_dirty(tmp_path) is None
    assert main_checkout(tmp_path) == tmp_path


def test_a_changed_parameter_is_dirty_and_what_a_run_writes_is_not(repository: Path) -> None:
    assert is_dirty(repository) is False
    (repository / "dvc.lock").write_text("stages: {train: {}}\n")
    assert is_dirty(repository) is False
    (repository / "params.yaml").write_text("seed: 8\n")
    assert is_dirty(repository) is True


def test_locked_outputs_are_read_from_every_stage(tmp_path: Path) -> None:
    assert locked_outputs(tmp_path) == {}
    outs = "[{path: prepared, md5: aa.dir}, {path: metrics/prepare.json, md5: bb}]"
    (tmp_path / "dvc.lock").write_text(f"stages:\n  prepare: {{cmd: x, outs: {outs}}}\n  check: {{cmd: x}}\n")
    assert locked_outputs(tmp_path) == {"prepared": "aa.dir", "metrics/prepare.json": "bb"}
