"""The demo's first version: a run of its own that learns for a third of the epochs, so that a better one can follow.

It goes through every stage like any other, and its gate refuses it. For the demo its report is signed all the same, by
a DEMO identity: a rollout with `--initial` releases a first version by signature alone.
"""

import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psutil
import yaml
from rich.console import Console

from model.errors import BadInput
from pipelines.board import Board, Row, read_progress
from pipelines.checkout import records_url
from pipelines.demo import DemoError, radassist, sign_report
from pipelines.git import author, git
from pipelines.params import load_presets
from pipelines.register import enter_version, register
from pipelines.stages import read_stages
from pipelines.versioning import data_md5
from pipelines.workspace import Workspace, open_run
from records.database import open_database, reading
from records.models import Model, registered

DEMO = "DEMO-"  # begins the names of its runs
PARAMS = "params.yaml"
POLL_SECONDS = 0.5


def first_version(root: Path, trained: Model, console: Console) -> Model:
    """Train it on the data of `trained`, sign for it, enter it into MLflow and the records as a little older.

    Interrupted, it goes on where it stopped; once entered, it is found again.

    Raises:
        BadInput: the project's data set is not that of `trained`.
        DemoError: a stage failed, or nobody could sign.
    """
    name, engine = f"{DEMO}early-{trained.model}", open_database(records_url(root))
    with reading(engine) as connection:
        if known := next((model for model in registered(connection) if model.run == name), None):
            return known
    if data_md5(root) != trained.data_md5:
        rule = f"the first version learns from the data of {trained.model}, which is {trained.data_md5}"
        raise BadInput(f"data.dvc {data_md5(root)}", rule, f"`radassist ingest --restore {trained.data_md5}`")
    run = open_run(root, name, psutil.Process().username())
    shorten(root, run)
    console.rule(f"a first version, in {run.path.relative_to(root)}: a third of the epochs")
    go_through(run, [stage.name for stage in read_stages(run.path / "dvc.yaml")], console)
    run.commit()
    if not sign_report(run, console):
        raise DemoError(f"the report of {run.name} could not be signed")
    enter_version(run.path, register(run.path, track_only=True), trained.registered_at - timedelta(seconds=1))
    with reading(engine) as connection:
        return next(model for model in registered(connection) if model.run == name)


def go_through(run: Workspace, stages: Sequence[str], console: Console) -> None:
    """Every stage in its turn, on a board.

    Raises:
        DemoError: one failed.
    """
    rows = {stage: Row(stage, None) for stage in stages}
    with Board(console) as board:
        for stage in stages:
            begun, command = time.monotonic(), radassist("run", "stage", run.name, stage)
            process = subprocess.Popen(command, cwd=run.root, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
            while (code := process.poll()) is None:
                progress = read_progress(run.progress(stage))
                rows[stage] = Row(stage, "running", time.monotonic() - begun, progress=progress)
                board.show([*rows.values()])
                time.sleep(POLL_SECONDS)
            rows[stage] = replace(rows[stage], state="failed" if code else "success", progress=None)
            board.show([*rows.values()])
            if code:
                raise DemoError(f"{stage} of {run.name} ended with exit code {code}, see {run.log(stage)}")


def shorten(root: Path, run: Workspace) -> None:
    """Commit a third of the project's epochs to the run's parameters; doing it twice changes nothing."""
    presets, path = load_presets(root / PARAMS), run.path / PARAMS
    params = yaml.safe_load(path.read_text())
    params["presets"][presets.preset]["train"]["epochs"] = max(1, round(presets.chosen.train.epochs / 3))
    path.write_text(yaml.safe_dump(params, sort_keys=False))
    if git(run.path, "status", "--porcelain", "--", PARAMS):
        git(run.path, *author(run.path), "commit", "--quiet", "-m", "DEMO: a third of the epochs", "--", PARAMS)
