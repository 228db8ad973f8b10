"""`radassist services`: the local Airflow and MLflow of this checkout, on the loopback interface only.

Both run in the background, each component with a pid file and a log under var/services/. `up` starts what does not run,
`down` ends exactly what those pid files name.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import requests
import yaml
from rich.console import Console
from rich.table import Table

from model.errors import BadInput
from pipelines import processes
from pipelines.airflow_client import AirflowClient
from pipelines.airflow_home import POOLS, USER, AirflowHome
from pipelines.environment import QUIET
from pipelines.faults import Fault

AIRFLOW_PORT = 8080
AIRFLOW_COMPONENTS: dict[str, tuple[str, ...]] = {
    "api-server": (),
    "scheduler": ("--skip-serve-logs",),  # the API server reads the logs from the disk; no further port is opened
    "dag-processor": (),
}
PATIENCE_SECONDS = 240.0
HEALTH_SECONDS = 10.0
LOG_LINES = 20


class ServiceError(Fault):
    """A service that does not come up."""


@dataclass(frozen=True, slots=True)
class Services:
    """The services of the checkout at `root`, running or not."""

    root: Path

    @property
    def home(self) -> AirflowHome:
        return AirflowHome(self.root)

    @property
    def components(self) -> tuple[str, ...]:
        return (*AIRFLOW_COMPONENTS, "mlflow")

    @property
    def airflow_address(self) -> str:
        return f"http://127.0.0.1:{self._ports()['airflow']}"

    @property
    def mlflow_address(self) -> str:
        return f"http://127.0.0.1:{self._ports()['mlflow']}"

    def log(self, component: str) -> Path:
        return self._folder / f"{component}.log"

    def is_running(self, component: str) -> bool:
        return bool(processes.members(self._pid_file(component)))

    def client(self) -> AirflowClient:
        return AirflowClient(self.airflow_address, USER, self.home.password())

    def up(self, say: Callable[[str], None] = print) -> None:
        """Start all, unless they run, and return when they are healthy.

        Raises:
            ServiceError: one of them ended, or was not healthy in time; the text holds the end of its log.
        """
        if not all(self.is_running(component) for component in self.components):
            self.down()
            self._start(say)
        ports, client = self._ports(), self.client()
        self._wait("mlflow", lambda: processes.listens(self._pid_file("mlflow"), ports["mlflow"]))
        self._wait("mlflow", lambda: requests.get(f"{self.mlflow_address}/health", timeout=HEALTH_SECONDS).ok)
        self._wait("api-server", lambda: processes.listens(self._pid_file("api-server"), ports["airflow"]))
        self._wait("api-server", lambda: client.health()["metadatabase"] == "healthy")
        for name, description in POOLS.items():
            client.add_pool(name, 1, description)
        self._wait("scheduler", lambda: client.health()["scheduler"] == "healthy")
        self._wait("dag-processor", lambda: client.health()["dag_processor"] == "healthy")

    def down(self) -> list[str]:
        """End what runs, and return its names."""
        stopped = processes.stop(*(self._pid_file(component) for component in self.components))
        return [pid_file.stem for pid_file in stopped]

    @property
    def _folder(self) -> Path:
        return self.root / "var" / "services"

    def _pid_file(self, component: str) -> Path:
        return self._folder / f"{component}.pid"

    def _ports(self) -> dict[str, int]:
        ports: dict[str, int] = json.loads((self._folder / "ports.json").read_text())
        return ports

    def _start(self, say: Callable[[str], None]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        options = yaml.safe_load((self.root / "mlflow" / "server.yaml").read_text())
        ports = {"airflow": free_port(AIRFLOW_PORT), "mlflow": free_port(options["port"])}
        (self._folder / "ports.json").write_text(json.dumps(ports))
        self.home.write(ports["airflow"])
        say(f"starting MLflow at {self.mlflow_address}")
        self._launch("mlflow", self._mlflow_command(options | {"port": ports["mlflow"]}))
        self._migrate(say)
        say(f"starting Airflow at {self.airflow_address}")
        for component, arguments in AIRFLOW_COMPONENTS.items():
            self._launch(component, [_program("airflow"), component, *arguments])

    def _mlflow_command(self, options: dict[str, str | int | None]) -> list[str]:
        var = self.root / "var" / "mlflow"
        (var / "artifacts").mkdir(parents=True, exist_ok=True)
        given = ((f"--{name}", value) for name, value in options.items())
        flags = [[name] if value is None else [name, str(value).format(var=var)] for name, value in given]
        return [_program("mlflow"), "server", *(word for flag in flags for word in flag)]

    def _migrate(self, say: Callable[[str], None]) -> None:
        """Bring Airflow's database to the installed version, which takes a while and is done once a version."""
        stamp = self.home.path / "migrated"
        version = metadata.version("apache-airflow")
        if stamp.is_file() and stamp.read_text() == version:
            return
        say("preparing Airflow's database")
        with self.log("migrate").open("wb") as log:
            command = [_program("airflow"), "db", "migrate"]
            environment = self._environment()
            done = subprocess.run(command, cwd=self.root, env=environment, stdout=log, stderr=log, check=False)
        if done.returncode != 0:
            raise ServiceError(f"airflow db migrate failed\n{self._log_end('migrate')}")
        stamp.write_text(version)

    def _launch(self, component: str, command: list[str]) -> None:
        with self.log(component).open("wb") as log:
            processes.start(
                command, self._pid_file(component), cwd=self._folder, env=self._environment(), output=log.fileno()
            )

    def _environment(self) -> dict[str, str]:
        """This process's, but for settings of another Airflow, which would stand before those of var/airflow."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW__")}
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
        return (
            inherited
            | QUIET
            | {
                "PATH": path,
                "AIRFLOW_HOME": str(self.home.path),
                "RADASSIST_ROOT": str(self.root),
                "MLFLOW_TRACKING_URI": self.mlflow_address,
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # nothing here sends it jobs
            }
        )

    def _wait(self, component: str, healthy: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                if healthy():
                    return
            except requests.RequestException:
                pass  # not listening yet
            if not self.is_running(component):
                raise ServiceError(f"{component} ended\n{self._log_end(component)}")
            if time.monotonic() > end:
                raise ServiceError(f"{component} is not healthy after {PATIENCE_SECONDS:.0f} s: {self.log(component)}")
            time.sleep(0.5)

    def _log_end(self, component: str) -> str:
        return "\n".join(self.log(component).read_text(errors="replace").splitlines()[-LOG_LINES:])


def free_port(wanted: int) -> int:
    """`wanted`, or any free port where another program has it."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ServiceError("no port is free on 127.0.0.1")


def _program(name: str) -> str:
    """A program of this virtual environment."""
    return str(Path(sys.executable).with_name(name))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("up", "down", "status"), help="status ends with 0 where all run, else with 1")


def main(args: argparse.Namespace) -> int:
    services = Services(Path.cwd())
    if not (services.root / "dags").is_dir():
        raise BadInput(f"{services.root}", "the services belong to a project with dags/", "run from the project's root")
    match args.what:
        case "up":
            services.up()
            show(services)
        case "down":
            print("\n".join(f"stopped {name}" for name in services.down()) or "nothing was running")
        case _:
            show(services)
            return 0 if all(services.is_running(name) for name in services.components) else 1
    return 0


def show(services: Services) -> None:
    """A line a component, then the pages."""
    table = Table("component", "state", "log")
    for name in services.components:
        table.add_row(name, "running" if services.is_running(name) else "stopped", str(services.log(name)))
    console = Console()
    console.print(table)
    show_pages(services, console)


def show_pages(services: Services, console: Console) -> None:
    """Where the pages are that stand, and the password."""
    if services.is_running("api-server"):
        where = f"user {USER}, password in {services.home.passwords}"
        console.print(f"Airflow {services.airflow_address}  {where}", soft_wrap=True)
    if services.is_running("mlflow"):
        console.print(f"MLflow  {services.mlflow_address}")
