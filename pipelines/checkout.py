"""The checkout that a run works in: its repository, its branch, and what DVC has locked there."""

import os
from pathlib import Path

import yaml

from pipelines.git import ask

WRITTEN_BY_A_RUN = ("champion/champion.json", "dvc.lock", "metrics", "verdict.json")


def is_dirty(root: Path) -> bool | None:
    """True where tracked files differ from the commit, what a run writes left aside; None outside a repository."""
    aside = [f":!{path}" for path in WRITTEN_BY_A_RUN]
    status = ask(root, "status", "--porcelain", "--untracked-files=no", "--", ".", *aside)
    return None if status is None else bool(status)


def main_checkout(root: Path) -> Path:
    """The repository's main working tree, also where `root` is one of its other worktrees; else `root` itself."""
    common = ask(root, "rev-parse", "--path-format=absolute", "--git-common-dir")
    return Path(common).parent if common and Path(common).name == ".git" else root.absolute()


def records_url(root: Path) -> str:
    """The database of `records`: what RADASSIST_RECORDS_URL says, else a file of the main checkout, which every run's
    worktree shares."""
    folder = main_checkout(root) / "var" / "records"
    return os.environ.get("RADASSIST_RECORDS_URL") or f"sqlite:///{folder / 'records.db'}"


def tracking_uri(root: Path) -> str:
    """MLflow: what MLFLOW_TRACKING_URI says, else a database of the main checkout, which all worktrees share."""
    if uri := os.environ.get("MLFLOW_TRACKING_URI"):
        return uri
    folder = main_checkout(root) / "var" / "mlflow"
    folder.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{folder / 'mlflow.db'}"


def run_of_branch(root: Path) -> str | None:
    """ID where the branch is runs/ID, else None."""
    branch = ask(root, "symbolic-ref", "--short", "--quiet", "HEAD") or ""
    return branch.removeprefix("runs/") if branch.startswith("runs/") else None


def locked_outputs(root: Path) -> dict[str, str]:
    """Path and md5 of every output that `dvc.lock` names."""
    path = root / "dvc.lock"
    stages = yaml.safe_load(path.read_text())["stages"] if path.is_file() else {}
    return {out["path"]: out["md5"] for stage in stages.values() for out in stage.get("outs", ())}
