"""`radassist rollout demo`: the demo's model released through Airflow by its own policy, and a harmful one rolled back.

Studies of its test split arrive a few a second, are drafted from the evaluation's drafts and signed by simulated
readers; all of it goes into the project's records, under models that say DEMO in their names where nobody trained them.
Looks are runs of the DAG `rollout`; questions are put by `rollout_approval` and answered by the demo's reviewer, who is
nobody. Where no model is served yet, the first version is one that learned for a third of the time.
"""

import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from sqlalchemy import Engine, select

from model.errors import BadInput
from pipelines.airflow_client import AirflowClient
from pipelines.checkout import records_url
from pipelines.demo import DemoError, radassist, states_of, wait_for
from pipelines.demo_reviewer import NAME, demo_key
from pipelines.evidence.identity import MODEL_NAME
from pipelines.mlflow_client import existing
from pipelines.rollout.cases import Case, Draft, read_cases, weakened
from pipelines.rollout.first_version import DEMO, first_version
from pipelines.rollout.page import page_path
from pipelines.rollout.stream import Stream
from pipelines.services import Services, show_pages
from records import tables
from records.database import open_database, reading, writing
from records.models import Model, enter_model, find_model, registered
from release.phases import Phase
from release.state import State
from release.store import every, standing

POLICY = "policy/rollout-demo.yaml"
HARMFUL, LEFT_OUT = "DEMO-harmful", 0.7  # a version that leaves out a finding in this share of the studies
STUDIES_PER_DAY = 3 * 86_400.0
SIGNING_HOURS = 0.0005
POLL_SECONDS = 2.0
PATIENCE_SECONDS = 240.0  # for one run of a DAG
MOST_LOOKS = 30
LOOKS, QUESTIONS = DAGS = ("rollout", "rollout_approval")
WAITS = "awaiting_input"  # the state of a task that asks a person


@dataclass
class Demo:
    """A release of `root`'s newest model in progress."""

    root: Path
    engine: Engine
    airflow: AirflowClient
    stream: Stream
    console: Console
    known: set[str] = field(default_factory=set)  # runs of rollout_approval that were there before

    def release(self, model: str, *arguments: str) -> State:
        """Start a rollout, and look until it ends."""
        self.say("start", model, "--policy", POLICY, *arguments)
        shown = None
        for _ in range(MOST_LOOKS):
            self.wait(LOOKS, self.airflow.trigger(LOOKS, {}))
            if self.state.asks:
                self.answer()
            state = self.state
            if (state.phase, state.weight) != shown:
                shown = (state.phase, state.weight)
                self.console.print(
                    f"  {datetime.now(UTC):%H:%M:%S}  {state.phase} at {state.weight:.0%} of the studies"
                )
            if state.phase.is_final:
                return state
        raise DemoError(
            f"rollout {state.id} is {state.phase} after {MOST_LOOKS} looks; see {page_path(self.root, state.id)}"
        )

    def answer(self) -> None:
        """What a person does whom the rollout waits for: sign, then answer Airflow."""
        run = self.until(self._asking, "a run of rollout_approval that waits")
        self.known.add(run)
        key = demo_key(self.root).relative_to(self.root)
        self.console.print(f"[bold]approval[/] by {NAME}, a DEMO identity, nobody real")
        self.say("approve", "--request", self.state.request_sha256[:16], "--key", str(key))
        self.airflow.answer(QUESTIONS, run, "approve", "Approve")
        self.wait(QUESTIONS, run)

    @property
    def state(self) -> State:
        with reading(self.engine) as connection:
            return every(connection)[-1].state

    def say(self, *arguments: str) -> None:
        """Call `radassist rollout ARGUMENTS...`, and show what a person would see."""
        self.console.print(f"$ radassist rollout {' '.join(arguments)}", soft_wrap=True)
        done = subprocess.run(
            radassist("rollout", *arguments), cwd=self.root, capture_output=True, text=True, check=False
        )
        self.console.print(done.stdout + done.stderr, markup=False, highlight=False, soft_wrap=True, end="")
        if done.returncode:
            raise DemoError(f"radassist rollout {arguments[0]} ended with exit code {done.returncode}")

    def wait(self, dag: str, run: str) -> None:
        """Until a run of a DAG succeeded; studies go on arriving."""
        state = self.until(lambda: self._ended(dag, run), f"end of {dag}, {run}")
        if state != "success":
            raise DemoError(f"{dag}, {run}: {states_of(self.airflow, dag, run)}")

    def until(self, found: Callable[[], str | None], what: str) -> str:
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            self.stream.advance(datetime.now(UTC))
            if result := found():
                return result
            time.sleep(POLL_SECONDS)
        raise DemoError(f"there is no {what} after {PATIENCE_SECONDS:.0f} s")

    def _ended(self, dag: str, run: str) -> str | None:
        state = str(self.airflow.run(dag, run)["state"])
        return state if state in ("success", "failed") else None

    def _asking(self) -> str | None:
        runs = (str(run["dag_run_id"]) for run in self.airflow.runs(QUESTIONS))
        new = (run for run in runs if run not in self.known)
        return next((run for run in new if states_of(self.airflow, QUESTIONS, run).get("approve") == WAITS), None)


def demo(root: Path, console: Console) -> None:
    """Release the model that was registered last, then roll a harmful one back.

    Raises:
        BadInput: this is no project with dags/, or no model is registered in it.
        ServiceError: Airflow or MLflow did not start.
        DemoError: a run did not come to an end, or a rollout to another one than it should.
    """
    if not (root / "dags").is_dir():
        raise BadInput(f"{root}", "the demo runs in a project with dags/", "run it from the project's root")
    services, engine = Services(root), open_database(records_url(root))
    trained, champion = _models(engine)
    cases = _cases(root, trained)
    drafts: dict[str, Sequence[Draft | None]] = {trained.model: [case.draft for case in cases]}
    drafts[f"{trained.model}-{HARMFUL}"] = weakened(cases, LEFT_OUT, HARMFUL)
    first = champion or first_version(root, trained, console)
    if first.model not in drafts:
        drafts[first.model] = _aligned(cases, _cases(root, first))
    with console.status("Airflow and MLflow are starting"):
        services.up(console.print)
    airflow = services.client()
    with console.status("Airflow is reading the DAGs"):
        wait_for(lambda: all(map(airflow.has_dag, DAGS)), "DAGs", airflow)
    now = datetime.now(UTC)
    stream = Stream(engine, cases, drafts, STUDIES_PER_DAY, now, SIGNING_HOURS, name=f"demo {now.isoformat()}")
    before = {str(run["dag_run_id"]) for run in airflow.runs(QUESTIONS)}
    one = Demo(root, engine, airflow, stream, console, before)
    paused = {dag: airflow.set_paused(dag, False) for dag in DAGS}
    try:
        _play(one, root, trained, first, is_served=champion is not None)
    finally:
        for dag, was in paused.items():
            airflow.set_paused(dag, was)
        show_pages(services, console)


def _play(one: Demo, root: Path, trained: Model, first: Model, *, is_served: bool) -> None:
    console = one.console
    console.print(f"[bold yellow]DEMO[/] policy {POLICY}: a compressed clock and wide margins; drafts from the cache")
    ended = []
    if not is_served:
        console.rule("the first version, by signature alone")
        ended.append(one.release(first.model, "--initial"))
    if first.model != trained.model:
        console.rule("the demo's model, from challenger to champion")
        ended.append(one.release(trained.model))
    console.rule("a harmful candidate")
    harmful = one.release(_enter_harmful(one.engine, root, trained))
    for state in (*ended, harmful):
        console.print(f"[bold]{state.candidate}[/]: {state.phase}  {page_path(root, state.id)}", soft_wrap=True)
    console.rule("where a report came from")
    with reading(one.engine) as connection:
        p = tables.predictions.c
        newest = select(p.prediction).where(p.role == "live", p.error.is_(None)).order_by(p.drafted_at.desc()).limit(1)
        report = connection.execute(newest).scalar_one()
    console.print(f"$ radassist lineage {report}")
    subprocess.run(radassist("lineage", report), cwd=root, check=True)
    if harmful.phase is not Phase.ROLLED_BACK or any(state.phase is not Phase.PROMOTED for state in ended):
        raise DemoError("a rollout ended otherwise than it should")


def _models(engine: Engine) -> tuple[Model, Model | None]:
    """The model that was trained last, and the one that drafts now."""
    with reading(engine) as connection:
        trained = [model for model in registered(connection) if DEMO not in f"{model.run} {model.model}"]
        live = standing(connection).champion
        champion = find_model(connection, live) if live else None
    if not trained:
        raise BadInput("the demo's rollout", "no model is registered yet", "run `make demo` first")
    return trained[-1], champion


def _cases(root: Path, model: Model) -> list[Case]:
    """The studies of a model's evaluation, as its MLflow run keeps them."""
    client = existing(root)
    if client is None:
        raise BadInput(f"model {model.model}", "MLflow's database is not there", "run `make demo` first")
    with TemporaryDirectory() as folder:
        return read_cases(Path(client.download_artifacts(model.mlflow_run, "evaluation/drafts.jsonl", folder)))


def _aligned(cases: Sequence[Case], others: Sequence[Case]) -> list[Draft | None]:
    """Another model's drafts of the same studies; None where it has none, which counts as its fault."""
    drafts = {case.id: case.draft for case in others}
    return [drafts.get(case.id) for case in cases]


def _enter_harmful(engine: Engine, root: Path, trained: Model) -> str:
    """A version that stands for the trained one with findings left out, known to records and MLflow alike; its name."""
    name, client = f"{trained.model}-{HARMFUL}", existing(root)
    with reading(engine) as connection:
        if find_model(connection, name):
            return name
    version = None
    if client is not None:
        tags = {"demo": f"the drafts of {trained.model}, a finding left out in {LEFT_OUT:.0%} of the studies"}
        source = f"runs:/{trained.mlflow_run}/model"
        version = str(client.create_model_version(MODEL_NAME, source, trained.mlflow_run, tags).version)
    derived = {
        "model": name,
        "registry_version": version,
        "registered_at": trained.registered_at + timedelta(seconds=1),
    }
    with writing(engine) as connection:
        enter_model(connection, Model.model_validate(trained.model_dump() | derived))
    return name
