"""`radassist demo-monitor`: a worn machine's pictures reach the demo's model, and Airflow asks for a retraining.

It takes the model that was registered last. A phantom's studies, then those of a worn machine, become the last
days' stream in the records, or that of the last minutes where the model has just drafted others, as in the demo of a
rollout; the DAG `monitor` looks at it once, by the demo's policy.
"""

import argparse
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console

from model.artefact import open_artefact
from model.errors import BadInput
from pipelines.airflow_client import AirflowClient
from pipelines.checkout import records_url
from pipelines.demo import DemoError, radassist, retraining_but, show_failure, wait_for
from pipelines.follow import follow
from pipelines.infer import local_model
from pipelines.monitors.asked import last_asked
from pipelines.monitors.look import folder_of, reference_of
from pipelines.services import Services, show_pages
from records.database import open_database, reading
from records.windows import last_drafted

MODEL = "models:/radassist-reporter/latest"
POLICY = "policy/drift-demo.yaml"
STUDIES, EVERY = 300, timedelta(minutes=10)
LEAST = timedelta(seconds=20)  # that the stream takes; drafting it takes longer
STREAM = (("sound", 9001, None), ("worn", 9002, Path("docs/phantom/worn_machine.yaml")))


def demo_monitor(root: Path, console: Console) -> int:
    """Plant the drift, let Airflow look, and show what it did. The exit code."""
    services = Services(root)
    call(root, "services", "up")
    exported, records = local_model(MODEL), open_database(records_url(root))
    model = open_artefact(exported).version
    reference_of(root, records, model)
    folders = {name: root / "var" / "phantom_monitor" / name for name, _, _ in STREAM}
    for name, seed, scenario in STREAM:
        console.rule(f"{STUDIES} studies, {name}")
        drawn = ("--scenario", str(scenario)) if scenario else ()
        call(root, "phantom", "--out", str(folders[name]), "--studies", str(STUDIES), "--seed", str(seed), *drawn)
    with reading(records) as connection:
        start, every = course(last_drafted(connection, model), datetime.now(UTC))
    for name, folder in folders.items():
        console.rule(f"{name}, drafted from {start:%Y-%m-%d %H:%M:%S} UTC on")
        replayed = ("--root", str(folder), "--exported", str(exported), "--start", start.isoformat())
        call(root, "monitor", "replay", *replayed, "--minutes", str(every / timedelta(minutes=1)))
        start += STUDIES * every
    try:
        return look(services.client(), root, model, console)
    finally:
        show_pages(services, console)
        console.print("both go on running until `make down`")


def course(last: datetime | None, now: datetime) -> tuple[datetime, timedelta]:
    """When the stream begins, and the time between two studies: it ends now, and no window mixes it with older drafts.

    Args:
        last: the model's last draft so far.
    """
    count = len(STREAM) * STUDIES
    start = now - count * EVERY
    if last is not None and last >= start:
        start = last + timedelta(seconds=1)
    return start, max(now - start, LEAST) / count


def look(airflow: AirflowClient, root: Path, model: str, console: Console) -> int:
    """Run the DAG `monitor` once, and wait for the retraining that it asks for."""
    console.rule("monitor")
    wait_for(lambda: airflow.has_dag("monitor"), "DAG", airflow)
    known, before = {run["dag_run_id"] for run in airflow.runs("retrain")}, last_asked(root)
    paused = airflow.set_paused("monitor", False)
    try:
        run_id = airflow.trigger("monitor", {"policy": POLICY})
        none = root / "var" / "none"
        state = follow(airflow, "monitor", run_id, lambda _: none, console)
    finally:
        airflow.set_paused("monitor", paused)
    asked = last_asked(root)
    if state != "success":
        show_failure(airflow, "monitor", run_id, console)
        return 1
    if asked is None or asked == before:
        console.print("no retraining is asked for")
        return 1
    began = wait_for(lambda: retraining_but(airflow, known), "retraining", airflow)
    console.print(f"[bold]retraining[/] {began} began, because", soft_wrap=True)
    console.print(f"  {asked.reason}", soft_wrap=True, highlight=False)
    console.print("[bold]the page[/]", folder_of(root, model) / "index.html", sep="\n  ", soft_wrap=True)
    return 0


def call(root: Path, *arguments: str) -> None:
    """
    Raises:
        DemoError: the command did not come to its end.
    """
    code = subprocess.run(radassist(*arguments), cwd=root, check=False).returncode
    if code != 0:
        raise DemoError(f"radassist {arguments[0]} ended with exit code {code}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def main(args: argparse.Namespace) -> int:  # noqa: ARG001 - as all commands have it
    root = Path.cwd()
    if not (root / "dags").is_dir():
        raise BadInput(f"{root}", "the demo runs in a project with dags/", "run it from the project's root")
    return demo_monitor(root, Console())
