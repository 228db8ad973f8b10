"""`radassist experiment` on a tiny grid: interrupted, gone on with, recorded, written down."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pandas as pd
import pytest
import yaml

from model.errors import BadInput
from pipelines import experiment as command
from pipelines.cli import main
from pipelines.environment import quiet_environment
from pipelines.train import load_weights
from tests.pipelines.test_train import PARAMS

os.environ.update(quiet_environment())

DECLARED: dict[str, Any] = {
    "question": "Does it help to be told where to look?",
    "data": {"studies": 40, "seed": 3, "size": 64},
    "base": {"train": {"epochs": 1}},
    "variants": {"kl": {}, "untaught": {"train": {"lambda_ground": 0.0}}},
    "reference": "kl",
    "seeds": [1, 2],
}

pytestmark = pytest.mark.xdist_group("mlflow")  # one worker makes the database


@pytest.fixture
def project(tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "tiny.yaml").write_text(yaml.safe_dump(DECLARED, sort_keys=False))
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"preset": "demo", "presets": {"demo": PARAMS}}))
    (tmp_path / "var" / "mlflow").mkdir(parents=True)
    shutil.copy(empty_database, tmp_path / "var" / "mlflow" / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    monkeypatch.setenv("RADASSIST_PROGRESS", str(tmp_path / "progress.jsonl"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def counted(calls: list[str], breaks_at: int | None, train: Callable[..., Any]) -> Callable[..., Any]:
    def counting(*args: Any, **more: Any) -> Any:
        if len(calls) == breaks_at:
            raise KeyboardInterrupt
        calls.append(json.loads((args[1].parent / "trial.json").read_text())["name"])
        return train(*args, **more)

    return counting


def test_an_interrupted_grid_goes_on_and_ends_in_mlflow_and_on_the_page(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    train, calls = command.train, list[str]()
    monkeypatch.setattr(command, "train", counted(calls, 1, train))
    assert main(["experiment", "tiny"]) == 130
    monkeypatch.setattr(command, "train", counted(calls, None, train))
    assert main(["experiment", "tiny"]) == 0
    assert calls == ["kl-1", "untaught-1", "kl-2", "untaught-2"]
    assert main(["experiment", "tiny"]) == 0
    assert len(calls) == 4

    client = mlflow.MlflowClient(f"sqlite:///{project / 'var' / 'mlflow' / 'mlflow.db'}")
    found = client.search_runs([client.get_experiment_by_name("radassist-experiments").experiment_id])
    (parent,) = (run for run in found if run.info.run_name == "tiny")
    below = {run.info.run_name: run for run in found if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id}
    assert set(below) == set(calls)
    assert {run.info.status for run in found} == {"FINISHED"}
    assert below["untaught-2"].data.params["train.lambda_ground"] == "0.0"
    assert len(client.get_metric_history(below["kl-1"].info.run_id, "validate_loss")) == 1

    runs = pd.read_csv(project / "docs" / "experiments" / "tiny.csv")
    assert list(zip(runs.variant, runs.seed, strict=True)) == [("kl", 1), ("kl", 2), ("untaught", 1), ("untaught", 2)]
    logged = below["kl-2"].data.metrics["findings_micro_f1"]
    assert logged == pytest.approx(runs.findings_micro_f1[1], abs=1e-6)
    page = (project / "docs" / "experiments.md").read_text()
    assert DECLARED["question"] in page
    assert "| `findings_micro_f1` |" in page
    kept = {item.path for item in client.list_artifacts(parent.info.run_id)}
    assert {"tiny.svg", "tiny_curves.svg", "tiny.csv", "tiny.yaml"} <= kept


def test_what_was_run_already_is_shared_and_what_is_new_is_run(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = list[str]()
    monkeypatch.setattr(command, "train", counted(calls, None, command.train))
    first = DECLARED | {"seeds": [1]}
    own = {"studies": 40, "seed": 4, "size": 64}
    second = {
        **first,
        "scored_on": {"first": DECLARED["data"], "second": own},
        "variants": {"zero_shot": {}, "more": {"after": "zero_shot", "train": {"learning_rate": 1.0e-4}}},
        "reference": "zero_shot",
    }
    for name, declared in {"tiny": first, "again": first, "second": second}.items():
        (project / "experiments" / f"{name}.yaml").write_text(yaml.safe_dump(declared, sort_keys=False))
        assert main(["experiment", name]) == 0
    assert calls == ["kl-1", "untaught-1", "zero_shot-1", "more-1"]
    runs = pd.read_csv(project / "docs" / "experiments" / "second.csv")
    assert {"first.bleu_4", "second.bleu_4"} <= set(runs.columns)
    assert runs["train.validate_loss"][1] < runs["train.validate_loss"][0]


def test_weights_do_not_go_on_with_other_words(tmp_path: Path) -> None:
    for name, words in {"trained": "{}", "prepared": "[]"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "tokenizer.json").write_text(words)
    with pytest.raises(BadInput, match="prepare both sets with one tokenizer"):
        load_weights(MagicMock(), {}, tmp_path / "trained", tmp_path / "prepared")
