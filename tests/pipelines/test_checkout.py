"""Where a run works: its branch, the main checkout that it shares with others, what it changed, what DVC locked."""

import subprocess
from pathlib import Path

import pytest

from pipelines.checkout import is_dirty, locked_outputs, main_checkout, run_of_branch
from pipelines.git import commit_aside, git
from pipelines.tools import ToolError


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


def test_what_a_hook_says_of_another_checkout_does_not_count(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "another" / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "another" / "index"))
    assert (is_dirty(repository), main_checkout(repository)) == (False, repository)
    commit = commit_aside(repository, "aside", ["add", "--all"])
    assert git(repository, "log", "--format=%s", commit).splitlines() == ["aside", "first"]
    assert git(repository, "log", "--format=%s").splitlines() == ["first"]


def test_git_says_what_is_wrong_in_one_line(repository: Path) -> None:
    with pytest.raises(
        ToolError, match=r"^git show nowhere in .* failed: fatal: ambiguous argument 'nowhere'"
    ) as caught:
        git(repository, "show", "nowhere")
    assert "\n" not in str(caught.value)


def test_locked_outputs_are_read_from_every_stage(tmp_path: Path) -> None:
    assert locked_outputs(tmp_path) == {}
    outs = "[{path: prepared, md5: aa.dir}, {path: metrics/prepare.json, md5: bb}]"
    (tmp_path / "dvc.lock").write_text(f"stages:\n  prepare: {{cmd: x, outs: {outs}}}\n  check: {{cmd: x}}\n")
    assert locked_outputs(tmp_path) == {"prepared": "aa.dir", "metrics/prepare.json": "bb"}
