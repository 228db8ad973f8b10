import configparser
import json
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import requests

from pipelines import processes, services
from pipelines.airflow_home import AirflowHome
from pipelines.cli import main
from pipelines.services import ServiceError, Services, free_port
from tests.conftest import DAGS, TinyProject

SLEEPER = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
WAIT = "print('ready', flush=True); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "


def started(pid_file: Path, code: str) -> "subprocess.Popen[bytes]":
    process = processes.start(
        [sys.executable, "-c", code], pid_file, cwd=pid_file.parent, env={}, output=subprocess.PIPE
    )
    assert next(processes.lines(process)) == b"ready\n"
    return process


class TestProcesses:
    def test_a_session_ends_with_all_that_it_started(self, tmp_path: Path) -> None:
        pid_file = tmp_path / "session.pid"
        started(pid_file, SLEEPER + WAIT)
        before = processes.members(pid_file)
        assert len(before) == 2
        assert processes.stop(pid_file) == [pid_file]
        assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in before)
        assert processes.stop(pid_file) == []

    def test_what_a_killed_leader_left_behind_is_found(self, tmp_path: Path) -> None:
        pid_file = tmp_path / "session.pid"
        leader = started(pid_file, SLEEPER + WAIT)
        leader.send_signal(signal.SIGKILL)
        leader.wait()
        [orphan] = processes.members(pid_file)
        processes.stop(pid_file)
        assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE

    def test_what_ignores_the_request_is_killed(self, tmp_path: Path) -> None:
        pid_file = tmp_path / "session.pid"
        started(pid_file, STUBBORN + "import time; " + WAIT)
        processes.stop(pid_file, grace_seconds=0.2)
        assert processes.members(pid_file) == []

    def test_a_number_that_another_process_has_by_now_is_left_alone(self, tmp_path: Path) -> None:
        pid_file = tmp_path / "session.pid"
        other = started(pid_file, "import time; " + WAIT)
        record = json.loads(pid_file.read_text())
        stale = tmp_path / "stale.pid"
        stale.write_text(json.dumps(record | {"started": record["started"] - 3600}))
        assert processes.stop(stale) == []
        assert other.poll() is None
        processes.stop(pid_file)


class TestAirflowHome:
    def test_secrets_are_made_once_and_for_this_install_alone(self, tmp_path: Path) -> None:
        first, other = AirflowHome(tmp_path / "a"), AirflowHome(tmp_path / "b")
        first.write(8080)
        before = secrets_of(first)
        first.write(9090)
        other.write(8080)
        assert secrets_of(first) == before
        assert not set(before) & set(secrets_of(other))
        assert all(len(secret) >= 20 for secret in before)
        for file in (first.config, first.passwords):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def test_airflow_reads_a_path_with_a_percent_sign(self, tmp_path: Path) -> None:
        home = AirflowHome(tmp_path / "100% chest")
        home.write(8080)
        config = configparser.ConfigParser()
        config.read(home.config)
        assert config["core"]["dags_folder"] == str(tmp_path / "100% chest" / "dags")


def secrets_of(home: AirflowHome) -> list[str]:
    config = configparser.RawConfigParser()
    config.read(home.config)
    places = [("core", "fernet_key"), ("api", "secret_key"), ("api_auth", "jwt_secret")]
    return [home.password(), *(config.get(*place) for place in places)]


def test_a_port_that_is_taken_is_left_to_whom_it_belongs() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        wanted = taken.getsockname()[1]
        assert free_port(wanted) != wanted


def test_outside_a_project_nothing_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["services", "up"]) == 2
    assert "project's root" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_service_that_ends_is_reported_with_the_end_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mlflow").mkdir()
    (tmp_path / "mlflow" / "server.yaml").write_text("host: 127.0.0.1\nport: 0\n")
    monkeypatch.setattr(services, "AIRFLOW_COMPONENTS", {})
    monkeypatch.setattr(services, "_program", lambda name: sys.executable)  # which knows no file called `server`
    monkeypatch.setattr(Services, "_migrate", lambda self, say: None)
    with pytest.raises(ServiceError, match=r"(?s)mlflow ended.*can't open file"):
        Services(tmp_path).up()


def test_up_and_down(tiny: TinyProject, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in (DAGS, DAGS.parent / "mlflow"):
        shutil.copytree(folder, tiny.root / folder.name)
    settings = tiny.root / "mlflow" / "server.yaml"  # any free ports: the usual ones may be wanted beside this test
    settings.write_text(re.sub(r"port: \d+", "port: 0", settings.read_text()))
    monkeypatch.setattr(services, "AIRFLOW_PORT", 0)
    monkeypatch.setenv("AIRFLOW__API__HOST", "0.0.0.0")  # noqa: S104 - another Airflow's setting, which must not count
    local = Services(tiny.root)
    try:
        local.up()
        running = [process for name in local.components for process in processes.members(local._pid_file(name))]
        assert all(local.is_running(name) for name in local.components)
        addresses = {c.laddr.ip for p in running for c in p.net_connections() if c.status == psutil.CONN_LISTEN}
        assert addresses == {"127.0.0.1"}

        airflow = local.client()
        assert {"dvc": 1, "gpu": 1}.items() <= airflow.pools().items()
        until = time.monotonic() + 60
        while not airflow.has_dag("retrain") and time.monotonic() < until:
            time.sleep(0.5)
        assert airflow.import_errors() == []
        assert airflow.runs("retrain") == []
        pages = [local.airflow_address, local.mlflow_address]
        assert [requests.get(page, timeout=30).status_code for page in pages] == [200, 200]
        unnamed = requests.get(f"{local.airflow_address}/api/v2/dags", timeout=30)
        assert unnamed.status_code == 401

        local.up(say=lambda line: pytest.fail(f"up again must start nothing: {line}"))
    finally:
        stopped = local.down()
    assert sorted(stopped) == sorted(local.components)
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in running)
    assert local.down() == []
