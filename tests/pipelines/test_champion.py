"""The champion's figures, fetched from a real MLflow on SQLite into a workspace."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipelines.champion import bring_champion
from pipelines.cli import main
from pipelines.environment import quiet_environment
from pipelines.gate.champion import read_champion
from pipelines.provenance import digest
from pipelines.statistics import write_statistics
from tests.pipelines.conftest import FIGURES, statistics_of

os.environ.update(quiet_environment())

pytestmark = pytest.mark.xdist_group("mlflow")  # one worker makes the database

MODEL = "radassist-reporter"


@pytest.fixture
def workspace(empty_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with MLflow's database where `radassist champion` looks for it."""
    root = tmp_path / "run"
    (root / "var" / "mlflow").mkdir(parents=True)
    shutil.copy(empty_database, root / "var" / "mlflow" / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    monkeypatch.chdir(root)
    return root


def registered(root: Path, *, statistics: bool = True) -> Any:
    """A client of the registry, in which version 1 has a run with its evaluation and no alias yet."""
    import mlflow

    uri = f"sqlite:///{root / 'var' / 'mlflow' / 'mlflow.db'}"
    client = mlflow.MlflowClient(uri, uri)
    run = client.create_run(client.create_experiment("radassist", (root / "artifacts").as_uri()))
    if statistics:
        (root / "evaluation").mkdir()
        write_statistics(statistics_of(FIGURES), root / "evaluation" / "statistics.parquet")
        client.log_artifact(run.info.run_id, str(root / "evaluation" / "statistics.parquet"), "evaluation")
    client.create_registered_model(MODEL)
    place = f"runs:/{run.info.run_id}/model"
    client.create_model_version(MODEL, place, run.info.run_id, {"model.sha256": "ab" * 32})
    return client


def test_the_champion_s_figures_come_with_their_hash(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    client = registered(workspace)
    client.set_registered_model_alias(MODEL, "champion", "1")
    assert main(["champion"]) == 0
    assert "the champion is version 1" in capsys.readouterr().out
    known = json.loads((workspace / "champion" / "champion.json").read_text())
    assert (known["asked"], known["version"], known["model_sha256"]) == (True, "1", "ab" * 32)
    assert known["statistics_sha256"] == digest(workspace / "evaluation" / "statistics.parquet")
    champion = read_champion(workspace / "champion", statistics_of(FIGURES))
    assert champion.apart is None
    assert champion.figures["findings_micro_f1"]() == pytest.approx(FIGURES["findings_micro_f1"])


def test_a_champion_that_is_no_more_leaves_nothing_behind(workspace: Path) -> None:
    client = registered(workspace)
    client.set_registered_model_alias(MODEL, "challenger", "1")
    client.set_registered_model_alias(MODEL, "champion", "1")
    bring_champion(workspace)
    client.delete_registered_model_alias(MODEL, "champion")
    assert bring_champion(workspace).version is None
    assert json.loads((workspace / "champion" / "champion.json").read_text()) == {"asked": True}
    assert not (workspace / "champion" / "statistics.parquet").exists()
    assert read_champion(workspace / "champion", statistics_of(FIGURES)).is_none_yet


def test_a_run_without_statistics_is_said_to_have_none(workspace: Path) -> None:
    registered(workspace, statistics=False).set_registered_model_alias(MODEL, "champion", "1")
    assert bring_champion(workspace).statistics_sha256 is None
    apart = read_champion(workspace / "champion", statistics_of(FIGURES)).apart
    assert apart == "the champion, version 1, left no evaluation/statistics.parquet in MLflow"


def test_where_nothing_was_ever_recorded_there_is_no_champion_and_no_database_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    assert bring_champion(tmp_path).asked
    assert not list(tmp_path.rglob("*.db"))
