"""What the DAGs rest on: where the project stands, the assets, and tasks that only start the project's program.

Task code imports nothing heavy: the work is done by `radassist` in processes of its own.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from airflow.sdk import Asset, BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException

from model.errors import BadInput
from pipelines.environment import quiet_environment
from pipelines.workspace import CommandError, Workspace

ROOT = Path(os.environ.get("RADASSIST_ROOT") or Path(__file__).resolve().parents[1])
CXR_DATASET = Asset(name="cxr_dataset", uri="x-dvc://data.dvc")  # an event's extra: md5 of data.dvc, commit
DRIFT = Asset(name="drift", uri="x-radassist://drift")  # an event's extra: `pipelines.monitors.asked.Asked`
FINAL_CODES = (2, 3)  # bad input, data or a model that its policy refused: no retry changes them


class InRun(BaseOperator):
    """One act upon the run's workspace, such as bringing a stage up to date. Killed, it takes its processes along.

    A fault is retried. Bad input is not, nor is what a policy refused.
    """

    def __init__(self, *, act: Callable[[Workspace], str | None], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.act = act
        self.workspace: Workspace | None = None

    def execute(self, context: Context) -> str | None:
        self.workspace = workspace_of(context)
        try:
            return self.act(self.workspace.opened())
        except (BadInput, CommandError) as error:
            if isinstance(error, BadInput) or error.code in FINAL_CODES:
                raise AirflowFailException(str(error)) from error
            raise

    def on_kill(self) -> None:
        if self.workspace is not None:
            self.workspace.stop()


def workspace_of(context: Context) -> Workspace:
    return Workspace.of(ROOT, context["run_id"])


def called(*arguments: str, stdout: int | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `radassist ARGUMENTS...` in the project's root. What no retry would change fails for good.

    Args:
        stdout: `subprocess.PIPE` to read what it says. environment: beside the usual one.
    """
    command = [sys.executable, "-m", "pipelines.cli", *arguments]
    known = quiet_environment() | {"PYTHONPATH": str(ROOT)} | environment
    done = subprocess.run(command, cwd=ROOT, env=known, stdout=stdout, text=True, check=False)
    if done.returncode in FINAL_CODES:
        raise AirflowFailException(f"radassist {arguments[0]} ended with exit code {done.returncode}")
    return done


def radassist(*arguments: str) -> None:
    """Run `radassist ARGUMENTS...` in the project's root; its progress lines go to var/progress/COMMAND.jsonl."""
    progress = ROOT / "var" / "progress" / f"{arguments[0]}.jsonl"
    progress.unlink(missing_ok=True)
    code = called(*arguments, RADASSIST_PROGRESS=str(progress)).returncode
    if code != 0:
        raise CommandError(arguments[0], code, progress)
