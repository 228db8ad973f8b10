"""`radassist demo`: one whole retraining on the phantom, through Airflow, shown while it runs and signed off by nobody.

Exit codes: 0 the model was registered, 3 the gate refused it, 1 the run failed.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.table import Table

from model.errors import BadInput
from pipelines.airflow_client import AirflowClient
from pipelines.demo_reviewer import NAME, demo_key
from pipelines.faults import Fault
from pipelines.follow import follow
from pipelines.services import Services, show_pages
from pipelines.workspace import Workspace

SEED = 7
AIRFLOW_SECONDS = 180.0  # for Airflow to parse the DAGs, or to start what a new version of the data asks for
LOG_LINES = 30
PICTURES = 3
REFUSED = 3
MARKS = {"PASS": "[green]✓[/]", "FAIL": "[red]✗[/]", "INCONCLUSIVE": "[yellow]?[/]"}

T = TypeVar("T")


class DemoError(Fault):
    """A step that did not come to its end."""


def demo(root: Path, studies: int, console: Console) -> int:
    """Write the phantom, ingest it, retrain, show the outcome; what is not stale is not made again. The exit code."""
    services = Services(root)
    phantom = root / "var" / "phantom"
    write_phantom_while_services_start(root, phantom, studies, console)
    airflow = services.client()
    try:
        run_id = start_retraining(airflow, root, phantom, console)
        run = Workspace.of(root, run_id)
        console.rule(f"retrain, in {run.path.relative_to(root)}")
        answer = partial(sign_and_approve, airflow, run, run_id, console)
        state = follow(airflow, "retrain", run_id, run.progress, console, answer)
        return show_outcome(airflow, run, run_id, state, console)
    finally:
        show_pages(services, console)
        console.print("both go on running until `make down`")


def write_phantom_while_services_start(root: Path, phantom: Path, studies: int, console: Console) -> None:
    """Both at once: the services take their time to load."""
    log = root / "var" / "services" / "up.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        services = subprocess.Popen(radassist("services", "up"), cwd=root, stdout=output, stderr=output)
    arguments = ("--out", str(phantom), "--studies", str(studies), "--seed", str(SEED))
    written = subprocess.run(radassist("phantom", *arguments), cwd=root, check=False)
    with console.status("Airflow and MLflow are starting"):
        services.wait()
    if services.returncode != 0:
        raise DemoError(f"the services did not start\n{log.read_text()}")
    if written.returncode != 0:
        raise DemoError(f"radassist phantom ended with exit code {written.returncode}")


def start_retraining(airflow: AirflowClient, root: Path, phantom: Path, console: Console) -> str:
    """Ingest the phantom. On new data Airflow retrains by itself, else a run is started by hand. Its id."""
    with console.status("Airflow is reading the DAGs"):
        wait_for(lambda: airflow.has_dag("ingest") and airflow.has_dag("retrain"), "DAGs", airflow)
    airflow.set_paused("retrain", False)
    known = {run["dag_run_id"] for run in airflow.runs("retrain")}
    if not ingest(airflow, root, phantom, console):
        console.print("the data is what it was, so a run is started by hand")
        return airflow.trigger("retrain", {})

    return wait_for(lambda: retraining_but(airflow, known), "run on the new data", airflow)


def retraining_but(airflow: AirflowClient, known: AbstractSet[str]) -> str | None:
    """The run of `retrain` that an asset started, besides those that are known."""
    runs = (run for run in airflow.runs("retrain") if run["run_type"] == "asset_triggered")
    return next((str(run["dag_run_id"]) for run in runs if run["dag_run_id"] not in known), None)


def ingest(airflow: AirflowClient, root: Path, phantom: Path, console: Console) -> bool:
    """Run the DAG `ingest` on the phantom, which stays as paused as it was. Whether it published a new version."""
    console.rule("ingest")
    paused = airflow.set_paused("ingest", False)
    try:
        run_id = airflow.trigger("ingest", {"sources": [{"source": "mimic_cxr", "root": str(phantom)}]})
        progress = {"bring": root / "var" / "progress" / "ingest.jsonl"}
        state = follow(airflow, "ingest", run_id, lambda task: progress.get(task, root / "var" / "none"), console)
    finally:
        airflow.set_paused("ingest", paused)
    if state != "success":
        show_failure(airflow, "ingest", run_id, console)
        raise DemoError("the ingest failed")
    return states_of(airflow, "ingest", run_id)["publish"] == "success"


def wait_for(found: Callable[[], T | None], what: str, airflow: AirflowClient) -> T:
    """What `found` returns, once that is something."""
    end = time.monotonic() + AIRFLOW_SECONDS
    while time.monotonic() < end:
        if result := found():
            return result
        time.sleep(1)
    raise DemoError("\n".join([f"Airflow shows no {what} after {AIRFLOW_SECONDS:.0f} s", *airflow.import_errors()]))


def sign_and_approve(airflow: AirflowClient, run: Workspace, run_id: str, console: Console, task: str) -> None:
    """What a person does whom the run waits for: sign its report, then answer Airflow."""
    if not sign_report(run, console):
        raise DemoError(f"the report could not be signed; {task} waits in Airflow for an answer")
    airflow.answer("retrain", run_id, task, "Approve")
    console.print(f"{task}: answered Approve")


def sign_report(run: Workspace, console: Console) -> bool:
    """Sign a run's validation report in the name of the demo's reviewer, and show what a person would see."""
    report, key = run.path / "report" / "report.json", demo_key(run.root)
    signing = [
        *("report", "sign", str(report.relative_to(run.root))),
        *("--key", str(key.relative_to(run.root)), "--meaning", "approved"),
    ]
    console.print(f"[bold]sign-off[/] by {NAME}, a DEMO identity, nobody real")
    console.print(f"$ radassist {' '.join(signing)}", soft_wrap=True)
    done = subprocess.run(radassist(*signing), cwd=run.root, capture_output=True, text=True, check=False)
    console.print(done.stdout + done.stderr, markup=False, highlight=False, soft_wrap=True, end="")
    return done.returncode == 0


def show_outcome(airflow: AirflowClient, run: Workspace, run_id: str, state: str, console: Console) -> int:
    """The gate's table, where the report and its pictures lie, the failed task's log. Returns the exit code."""
    verdict = json.loads((run.path / "verdict.json").read_text()) if (run.path / "verdict.json").is_file() else None
    if verdict is not None:
        show_verdict(verdict, console)
    if (run.path / "report").is_dir():
        shown = run.root / "var" / "demo" / "report"  # stays when the run's worktree goes
        shutil.rmtree(shown, ignore_errors=True)
        shutil.copytree(run.path / "report", shown)
        pictures = sorted((shown / "pictures").glob("draft_*.png"))[:PICTURES]
        console.print("[bold]drafted reports[/]", *pictures, sep="\n  ", soft_wrap=True)
        console.print("[bold]the validation report[/]", shown / "index.html", sep="\n  ", soft_wrap=True)
    if state == "success":
        return 0
    if verdict is not None and not verdict["passed"] and states_of(airflow, "retrain", run_id)["enforce"] == "failed":
        return REFUSED
    show_failure(airflow, "retrain", run_id, console)
    return 1


def show_verdict(verdict: dict[str, Any], console: Console) -> None:
    """A line a criterion: the figure with its interval against the bound; then, of those that did not pass, why."""
    outcome = "[green]the gate passed this model" if verdict["passed"] else "[red]the gate refused this model"
    table = Table("", "criterion", "value", "95 % interval", "bound", title=outcome)
    for criterion in verdict["criteria"]:
        interval = [criterion["low"], criterion["high"]]
        table.add_row(
            MARKS[criterion["outcome"]],
            criterion["name"],
            number(criterion["value"]),
            "" if None in interval else f"{number(interval[0])} to {number(interval[1])}",
            "" if criterion["bound"] is None else f"{criterion['rule']} {number(criterion['bound'])}",
        )
    console.print(table)
    for criterion in verdict["criteria"]:
        if criterion["outcome"] != "PASS":
            console.print(f"  {criterion['reason']}", soft_wrap=True)


def number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def states_of(airflow: AirflowClient, dag: str, run_id: str) -> dict[str, str]:
    return {task["task_id"]: task["state"] for task in airflow.tasks(dag, run_id)}


def show_failure(airflow: AirflowClient, dag: str, run_id: str, console: Console) -> None:
    """The end of the log of each task that failed."""
    for task in airflow.tasks(dag, run_id):
        if task["state"] == "failed":
            console.rule(f"{dag}, {task['task_id']}: attempt {task['try_number']} failed")
            lines = airflow.log(dag, run_id, task["task_id"], task["try_number"])
            console.print("\n".join(lines[-LOG_LINES:]), markup=False, highlight=False, soft_wrap=True)


def radassist(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pipelines.cli", *arguments]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--studies", type=int, default=4000, help="size of the phantom (default: %(default)s)")


def main(args: argparse.Namespace) -> int:
    console = Console()
    root = Path.cwd()
    if not (root / "dags").is_dir():
        raise BadInput(f"{root}", "the demo runs in a project with dags/", "run it from the project's root")
    try:
        return demo(root, args.studies, console)
    except KeyboardInterrupt:
        console.print("\ninterrupted; what Airflow has begun goes on")
        return 130
