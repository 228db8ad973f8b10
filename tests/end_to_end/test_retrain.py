"""The retraining DAG on the real stages, to its end: once refused, once registered, and the words from the pixels."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from markupsafe import escape

from pipelines.workspace import Workspace
from tests.dags.conftest import Read, read_dag  # noqa: F401 - a fixture
from tests.end_to_end.conftest import Project

LENIENT = {
    "criteria": [
        {"name": "words", "figure": "bleu_4", "above": 0.05, "because": "a test policy"},
        {"name": "findings", "figure": "findings_micro_f1", "above": "shuffled.findings_micro_f1", "because": "a test"},
    ]
}


def figures(run: Workspace) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run.path / "metrics" / "evaluate.json").read_text())
    return found


def registered(project: Project) -> dict[str, dict[str, int]]:
    """Per registered model, its aliases and the versions that they point at."""
    from mlflow import MlflowClient

    client = MlflowClient(project.tracking_uri, registry_uri=project.tracking_uri)
    models = client.search_registered_models()
    return {model.name: {alias: int(at) for alias, at in model.aliases.items()} for model in models}


@pytest.fixture(scope="module")
def ingested(project: Project, phantom: Path) -> Project:
    project.radassist("ingest", "--source", "mimic_cxr", "--root", str(phantom))
    return project


@pytest.mark.timeout(1200)
def test_a_model_is_refused_then_a_better_one_registered(
    ingested: Project,
    read_dag: Read,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in ingested.environment.items():
        monkeypatch.setenv(name, value)

    ingested.set_params({"train": {"epochs": 1}})
    refused = read_dag(ingested.root, "retrain").test()
    run = Workspace.of(ingested.root, refused.run_id)
    states = {task.task_id: task.state for task in refused.get_task_instances()}
    assert refused.state == "failed"
    assert (states["report"], states["track"], states["enforce"]) == ("success", "success", "failed")
    verdict = json.loads((run.path / "verdict.json").read_text())
    assert not verdict["passed"]
    page = (run.path / "report" / "index.html").read_text()
    assert all(escape(c["reason"]) in page for c in verdict["criteria"] if not c["passed"])
    assert registered(ingested) == {}

    ingested.set_params({"train": {"epochs": 14}})
    (ingested.root / "policy" / "gate.yaml").write_text(yaml.safe_dump(LENIENT))
    accepted = read_dag(ingested.root, "retrain").test()
    better = Workspace.of(ingested.root, accepted.run_id)
    assert accepted.state == "success", (better.path / "verdict.json").read_text()
    assert "Stage 'prepare' is cached" in better.log("prepare").read_text()
    assert "Running stage 'train'" in better.log("train").read_text()
    assert registered(ingested) == {"radassist-reporter": {"challenger": 1}}
    assert json.loads((better.path / "metrics" / "parity.json").read_text())["passed"] == 1
    assert sorted(path.name for path in (better.path / "report" / "pictures").glob("draft_*.png"))[:3] == [
        "draft_1.png",
        "draft_2.png",
        "draft_3.png",
    ]

    found = figures(better)
    assert found["findings_micro_f1"] > found["constant.findings_micro_f1"] + 0.1
    assert found["shuffled.findings_micro_f1"] < found["constant.findings_micro_f1"] + 0.05
    assert found["shuffled.bleu_4"] < found["constant.bleu_4"] + 0.05
    assert found["shuffled.iou_norm_0.1"] < found["iou_norm_0.1"] / 2
