"""MLflow as it is, on SQLite and through a server: what is recorded, what is registered, and that twice is once."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from model.artefact import open_artefact, seal
from pipelines.checkout import records_url
from pipelines.cli import main
from pipelines.environment import quiet_environment
from pipelines.provenance import digest
from pipelines.statistics import write_statistics
from records.canonical import sha256
from records.database import open_database, reading
from records.models import find_model
from tests.pipelines.conftest import statistics_of
from tests.pipelines.signing import begin_run, git, sign_as

os.environ.update(quiet_environment())

pytestmark = pytest.mark.xdist_group("mlflow")  # one worker makes the database


@pytest.fixture
def workspace(passed_run: Path, empty_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A passed run that Jane signed off, with MLflow's database where `radassist register` looks for it."""
    root = tmp_path / "run"
    shutil.copytree(passed_run, root)
    begin_run(root)
    sign_as(root, "Jane Doe")
    (root / "var" / "mlflow").mkdir(parents=True)
    shutil.copy(empty_database, root / "var" / "mlflow" / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")  # what MLflow sets in this process ends with the test
    monkeypatch.chdir(root)
    return root


def client(root: Path) -> Any:
    import mlflow

    uri = f"sqlite:///{root / 'var' / 'mlflow' / 'mlflow.db'}"
    mlflow.set_tracking_uri(uri)
    return mlflow.MlflowClient(uri, uri)


def runs(root: Path) -> list[Any]:
    mlflow_client = client(root)
    return list(mlflow_client.search_runs([mlflow_client.get_experiment_by_name("radassist").experiment_id]))


def challenger(root: Path) -> int:
    return int(client(root).get_model_version_by_alias("radassist-reporter", "challenger").version)


def register(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    return main(["register", *arguments])


def refuse(root: Path) -> None:
    path = root / "metrics" / "evaluate.json"
    figures = json.loads(path.read_text()) | {"findings_micro_f1": 0.1}
    path.write_text(json.dumps(figures))
    write_statistics(statistics_of(figures), root / "evaluation" / "statistics.parquet")
    assert main(["gate"]) == 0


def test_a_passed_model_becomes_the_challenger_and_comes_back_whole(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert register(monkeypatch, "--run-id", "R1") == 0
    version = client(workspace).get_model_version_by_alias("radassist-reporter", "challenger")
    assert int(version.version) == 1
    assert version.tags["gate.passed"] == "true"
    assert version.tags["model.variants"] == "fp32,fp16,int8"
    assert version.tags["dvc.data_md5"] == "d" * 32 + ".dir"
    assert version.tags["policy.sha256"] == json.loads((workspace / "verdict.json").read_text())["policy_sha256"]
    # A process of its own: here MLflow knows by now where its registry is.
    fetch = "from pipelines.infer import local_model; print(local_model('models:/radassist-reporter@challenger'))"
    unset = {"MLFLOW_TRACKING_URI": "", "MLFLOW_REGISTRY_URI": ""}
    environment = os.environ | unset | {"PYTHONPATH": str(Path(__file__).parents[2])}
    fetched = subprocess.run([sys.executable, "-c", fetch], env=environment, capture_output=True, text=True, check=True)
    there = Path(fetched.stdout.strip().splitlines()[-1])
    assert open_artefact(there).version == open_artefact(workspace / "exported").version
    assert {p.name: p.read_bytes() for p in there.iterdir()} == {
        p.name: p.read_bytes() for p in (workspace / "exported").iterdir()
    }
    with reading(open_database(records_url(workspace))) as connection:
        origin = find_model(connection, open_artefact(there).version)
    assert origin is not None
    assert (origin.run, origin.mlflow_run, origin.registry_version) == ("R1", version.run_id, "1")
    assert origin.git_commit == version.tags["git.commit"]


def test_the_version_says_who_signed_it_off(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert register(monkeypatch) == 0
    version = client(workspace).get_model_version_by_alias("radassist-reporter", "challenger")
    digest = sha256((workspace / "report" / "report.json").read_bytes())
    said = {name: value for name, value in version.tags.items() if name.startswith("sign_off.")}
    at = said.pop("sign_off.at")
    assert said == {
        "sign_off.by": "Jane Doe",
        "sign_off.entry": "3",
        "sign_off.report_sha256": digest,
        "sign_off.demo": "false",
    }
    when = f"{datetime.fromisoformat(at):%Y-%m-%d %H:%M:%S} UTC"
    signed = f"sha256 {digest}: approved by Jane Doe, radiologist, {when}, in entry 3 of the ledger"
    assert version.description == f"validation report {signed}"
    assert signed in capsys.readouterr().out
    (run,) = runs(workspace)
    assert run.data.tags["sign_off.entry"] == "3"


def test_a_model_that_nobody_signed_off_is_recorded_and_not_registered(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (workspace / "var" / "records" / "records.db").unlink()
    assert register(monkeypatch) == 3
    assert "register: refused: nobody signed its report, sha256" in capsys.readouterr().err
    sign_as(workspace, "John Roe")
    assert register(monkeypatch) == 3
    assert "entry 2 by John Roe: John Roe wrote its commit" in capsys.readouterr().err
    (run,) = runs(workspace)
    assert not any(name.startswith("sign_off.") for name in run.data.tags)
    assert client(workspace).search_registered_models() == []
    assert register(monkeypatch, "--track-only") == 0


def test_a_model_whose_making_is_not_known_stands_in_no_registry(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (workspace / "dvc.lock").unlink()
    assert register(monkeypatch) == 2
    assert "dvc_lock_sha256 is not known" in capsys.readouterr().err
    assert client(workspace).search_registered_models() == []


def test_the_run_holds_parameters_curves_figures_tables_pictures_and_the_data(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert register(monkeypatch, "--run-id", "R1") == 0
    (run,) = runs(workspace)
    written = yaml.safe_load((workspace / "params.yaml").read_text())
    params = written["presets"][written["preset"]]
    assert run.info.status == "FINISHED"
    assert run.info.run_name == run.data.tags["radassist.run_id"] == "R1"
    assert run.data.params["preset"] == written["preset"]
    assert run.data.params["train.seed"] == str(params["train"]["seed"])
    assert json.loads(run.data.params["model.encoder.depths"]) == params["model"]["encoder"]["depths"]
    assert run.data.metrics["bleu_4"] == 0.61
    assert run.data.metrics["iou_norm_0.1.low"] == 0.51
    assert run.data.metrics["constant.bleu_4"] == 0.31
    assert run.data.metrics["parity.passed"] == 1
    curve = client(workspace).get_metric_history(run.info.run_id, "validate_loss")
    assert [(point.step, point.value) for point in curve] == [(e, 3.2 / e) for e in range(1, 7)]
    assert [later.timestamp - earlier.timestamp for earlier, later in pairwise(curve)] == [12500] * 5
    (data,) = run.inputs.dataset_inputs
    assert data.dataset.digest == "d" * 32 + ".dir"
    assert json.loads(data.dataset.source)["uri"].endswith(str(workspace / "data.dvc"))
    table = client(workspace).load_table(run.info.experiment_id, "drafts.json", [run.info.run_id])
    assert list(table.study) == ["s1", "s2", "s3", "s4", "s5"]
    assert table.candidate[1] == "The lungs are clear. No pneumothorax. No acute disease."
    assert table.bleu_4[0] == pytest.approx(0.7)
    logged = {f.path for f in client(workspace).list_artifacts(run.info.run_id)}
    files = {"verdict.json", "dvc.lock", "data.dvc", "params.yaml", "gate.yaml"}
    assert files | {"report", "validation", "model", "evaluation"} <= logged
    pictures = {f.path for f in client(workspace).list_artifacts(run.info.run_id, "report/pictures")}
    assert "report/pictures/draft_1.png" in pictures


def test_registering_twice_changes_nothing(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert register(monkeypatch) == 0
    client(workspace).delete_registered_model_alias("radassist-reporter", "challenger")
    assert register(monkeypatch) == 0
    (run,) = runs(workspace)
    assert run.data.tags["radassist.run_id"] == "R1"
    assert len(client(workspace).search_model_versions("name = 'radassist-reporter'")) == 1
    assert challenger(workspace) == 1
    assert len(client(workspace).get_metric_history(run.info.run_id, "train_loss")) == 6
    assert len(client(workspace).get_metric_history(run.info.run_id, "bleu_4")) == 1
    assert len(client(workspace).load_table(run.info.experiment_id, "drafts.json", [run.info.run_id])) == 5
    assert len(run.inputs.dataset_inputs) == 1


def test_a_refused_model_is_recorded_and_not_registered(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    refuse(workspace)
    assert register(monkeypatch, "--run-id", "R1") == 3
    assert "refused: the gate refused this model by findings" in capsys.readouterr().err
    (run,) = runs(workspace)
    assert run.data.tags["gate.passed"] == "false"
    assert run.data.metrics["findings_micro_f1"] == 0.1
    assert client(workspace).search_registered_models() == []
    assert "model" not in {f.path for f in client(workspace).list_artifacts(run.info.run_id)}
    assert register(monkeypatch, "--run-id", "R1", "--track-only") == 0


def test_tracking_alone_registers_nothing_and_registering_later_uses_the_same_run(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert register(monkeypatch, "--run-id", "R1", "--track-only") == 0
    assert client(workspace).search_registered_models() == []
    assert register(monkeypatch, "--run-id", "R1") == 0
    (run,) = runs(workspace)
    assert client(workspace).get_model_version("radassist-reporter", "1").run_id == run.info.run_id
    git(workspace, "checkout", "-q", "-b", "mine")
    assert register(monkeypatch, "--track-only") == 0
    assert next(run.info.run_name for run in runs(workspace)).startswith("local-")


def test_graphs_that_say_something_else_are_not_registered(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = workspace / "metrics" / "parity.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"passed": 0}))
    assert register(monkeypatch) == 3
    assert "metrics/parity.json" in capsys.readouterr().err
    assert client(workspace).search_registered_models() == []


def test_a_variant_that_says_something_else_is_left_out_of_the_registered_model(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import mlflow

    path = workspace / "metrics" / "parity.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"int8.passed": 0}))
    assert register(monkeypatch) == 0
    version = client(workspace).get_model_version_by_alias("radassist-reporter", "challenger")
    assert version.tags["model.variants"] == "fp32,fp16"
    there = mlflow.artifacts.download_artifacts("models:/radassist-reporter@challenger", dst_path=str(tmp_path / "m"))
    registered, exported = open_artefact(Path(there)), open_artefact(workspace / "exported")
    assert (registered.variants, exported.variants) == (("fp32", "fp16"), ("fp32", "fp16", "int8"))
    assert registered.provenance == exported.provenance


@pytest.mark.parametrize("changed", ["model", "data"])
def test_a_verdict_on_something_else_does_not_count(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], changed: str
) -> None:
    if changed == "model":
        (workspace / "exported" / "model.safetensors").write_bytes(b"other weights")
        seal(workspace / "exported", {})
    else:
        (workspace / "data.dvc").write_text(f"outs:\n- md5: {'e' * 32}.dir\n  path: data\n")
    assert register(monkeypatch) == 2
    assert f"verdict of {changed}" in capsys.readouterr().err
    assert client(workspace).get_experiment_by_name("radassist") is None


def test_a_run_never_changes_its_parameters(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert register(monkeypatch, "--run-id", "R1", "--track-only") == 0
    path = workspace / "params.yaml"
    path.write_text(path.read_text().replace("seed: 7", "seed: 8"))
    assert register(monkeypatch, "--run-id", "R1", "--track-only") == 2
    assert "run R1: train.seed=8: it was recorded with train.seed=7" in capsys.readouterr().err
    assert register(monkeypatch, "--run-id", "R2", "--track-only") == 0
    assert {run.data.tags["radassist.run_id"] for run in runs(workspace)} == {"R1", "R2"}


def test_the_same_weights_from_another_run_are_the_same_version_and_others_the_next(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert register(monkeypatch, "--run-id", "R1") == 0
    assert register(monkeypatch, "--run-id", "R2") == 0
    assert len(client(workspace).search_model_versions("name = 'radassist-reporter'")) == 1
    for folder in ("trained", "exported"):
        (workspace / folder / "model.safetensors").write_bytes(b"better weights")
        seal(workspace / folder, {"policy_sha256": digest(workspace / "policy" / "gate.yaml")})
    assert main(["gate"]) == main(["report"]) == 0
    sign_as(workspace, "Jane Doe")
    assert register(monkeypatch, "--run-id", "R3") == 0
    assert challenger(workspace) == 2


@pytest.fixture
def server(workspace: Path) -> Iterator[str]:
    """A real MLflow server on loopback that keeps the artefacts itself."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = workspace.parent / "server"
    place.mkdir()
    shutil.copy(workspace / "var" / "mlflow" / "mlflow.db", place / "mlflow.db")
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += [
        "--backend-store-uri",
        f"sqlite:///{place / 'mlflow.db'}",
        "--artifacts-destination",
        str(place / "files"),
    ]
    environment = quiet_environment() | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=place, env=environment, start_new_session=True, **silent)
    try:
        deadline = time.monotonic() + 60
        while not answers(f"http://127.0.0.1:{port}/health"):
            if time.monotonic() > deadline or process.poll() is not None:
                pytest.skip("the MLflow server did not start within 60 s")
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)


def answers(address: str) -> bool:
    try:
        return requests.get(address, timeout=1).ok
    except requests.ConnectionError:
        return False


def test_through_a_server_it_is_the_same(
    workspace: Path, server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import mlflow

    for _ in range(2):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
        assert main(["register", "--run-id", "R1"]) == 0
    mlflow_client = mlflow.MlflowClient(server, server)
    (version,) = mlflow_client.search_model_versions("name = 'radassist-reporter'")
    assert mlflow_client.get_model_version_by_alias("radassist-reporter", "challenger").version == version.version
    there = mlflow.artifacts.download_artifacts("models:/radassist-reporter@challenger", dst_path=str(tmp_path / "m"))
    assert open_artefact(Path(there)).version == open_artefact(workspace / "exported").version
    assert len(mlflow_client.get_metric_history(version.run_id, "train_loss")) == 6
    assert not (workspace / "var" / "mlflow" / "artifacts").exists()
