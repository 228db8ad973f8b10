"""`radassist compare` on runs as register left them in MLflow, and on folders: what is printed, kept and refused."""

import contextlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from model.artefact import seal
from model.labeler import label_report
from model.metrics import findings_figures, mean_figure, text_figures
from pipelines.cli import main
from pipelines.comparison.runs import open_run
from pipelines.environment import quiet_environment
from pipelines.statistics import Statistics, write_statistics
from tests.pipelines.signing import begin_run, sign_as

os.environ.update(quiet_environment())

pytestmark = pytest.mark.xdist_group("mlflow")  # one worker makes the database

FILES = {"figures.csv", "findings.csv", "studies.csv", "differences.svg"}
PICTURES = {"changed_1.png", "changed_2.png"}


def grade(root: Path, iou: float, **redrafted: str) -> None:
    """Leave what stage evaluate leaves of its drafts, each study of `redrafted` with the draft of another."""
    path = root / "evaluation" / "drafts.jsonl"
    lines = {line["study_id"]: line for line in map(json.loads, path.read_text().splitlines())}
    drafts = {study_id: lines[redrafted.get(study_id, study_id)]["draft"] for study_id in lines}
    for study_id, line in lines.items():
        line["draft"] = drafts[study_id] | {"study_id": study_id}
    path.write_text("".join(json.dumps(line) + "\n" for line in lines.values()))
    reports = [
        [f"{line[side]['findings']} {line[side]['impression']}" for line in lines.values()]
        for side in ("reference", "draft")
    ]
    labels = [[label_report(report) for report in side] for side in reports]
    miou = mean_figure("miou", [iou, *[np.nan] * 4])
    figures = {figure.name: figure for figure in (*text_figures(*reports), *findings_figures(*labels), miou)}
    patients = tuple(f"{index:064x}" for index in range(len(lines)))  # as in the manifest
    write_statistics(Statistics(tuple(lines), patients, figures), root / "evaluation" / "statistics.parquet")
    statements = pd.DataFrame({"study": [0], "observation": ["Pleural Effusion"], "iou_norm_0.1": [iou]})
    statements.to_parquet(root / "evaluation" / "statements.parquet")


@pytest.fixture(scope="module")
def workspace(passed_run: Path, empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose MLflow holds R1, registered as version 1, and R2, which drafts s3 rightly and s1 wrongly."""
    root = tmp_path_factory.mktemp("compare") / "run"
    shutil.copytree(passed_run, root)
    (root / "var" / "mlflow").mkdir(parents=True)
    shutil.copy(empty_database, root / "var" / "mlflow" / "mlflow.db")
    with contextlib.chdir(root), pytest.MonkeyPatch.context() as environment:
        environment.setenv("MLFLOW_TRACKING_URI", "")
        grade(root, 0.5)
        begin_run(root)
        sign_as(root, "Jane Doe")
        assert main(["register", "--run-id", "R1"]) == 0
        grade(root, 0.25, s1="s2", s3="s4")
        for folder in ("trained", "exported"):
            (root / folder / "model.safetensors").write_bytes(b"other weights")
            seal(root / folder, {})
        assert main(["gate"]) == 0
        environment.setenv("MLFLOW_TRACKING_URI", "")
        assert main(["register", "--run-id", "R2", "--track-only"]) == 0
    return root


@pytest.fixture(autouse=True)
def in_workspace(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    monkeypatch.chdir(workspace)


def client(root: Path) -> Any:
    import mlflow

    uri = f"sqlite:///{root / 'var' / 'mlflow' / 'mlflow.db'}"
    return mlflow.MlflowClient(uri, uri)


def comparisons(root: Path) -> list[Any]:
    experiment = client(root).get_experiment_by_name("radassist-comparisons")
    return list(client(root).search_runs([experiment.experiment_id])) if experiment else []


def run_id(root: Path, name: str) -> str:
    experiment = client(root).get_experiment_by_name("radassist")
    (run,) = client(root).search_runs([experiment.experiment_id], f"attributes.run_name = '{name}'")
    return str(run.info.run_id)


def test_two_runs_by_name_are_compared_and_the_comparison_is_a_run_with_its_tables_and_pictures(
    workspace: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["compare", "R1", "R2"]) == 0
    said = capsys.readouterr().out
    assert "a = R1, b = R2: 5 studies of 5 patients" in said
    assert "WARNING" not in said
    (run,) = comparisons(workspace)
    assert (run.info.run_name, run.info.status) == ("compare R1 R2", "FINISHED")
    assert run.data.tags["radassist.compare.a"] == run_id(workspace, "R1")
    metrics = run.data.metrics
    assert metrics["difference.miou"] == metrics["difference.iou_norm_0.1.Pleural Effusion"] == -0.25
    assert (metrics["n_studies"], metrics["n_changed"]) == (5, 2)
    there = Path(client(workspace).download_artifacts(run.info.run_id, "", str(tmp_path)))
    assert {path.name for path in there.iterdir()} == FILES | PICTURES
    studies = pd.read_csv(there / "studies.csv").set_index("study_id")
    assert set(studies.index) == {"s1", "s3"}
    assert "Pleural Effusion" in studies.broken["s1"]
    assert "Pleural Effusion" in studies.righted["s3"]
    figures = pd.read_csv(there / "figures.csv").set_index("name")
    assert figures.value["miou"] == -0.25
    assert Image.open(there / "changed_1.png").width == 2800


def test_compared_again_it_is_the_same_run_which_names_no_study_and_quotes_no_report(workspace: Path) -> None:
    for _ in range(2):
        assert main(["compare", "R1", "R2"]) == 0
    (run,) = comparisons(workspace)
    assert len(client(workspace).get_metric_history(run.info.run_id, "difference.bleu_4")) == 1
    listed = json.dumps(run.to_dictionary()["data"])
    assert "effusion." not in listed
    assert not any(f"s{number}" in listed.replace('"', " ").split() for number in range(1, 6))


def test_a_run_is_called_by_name_id_version_or_alias(workspace: Path, tmp_path: Path) -> None:
    known = run_id(workspace, "R1")
    forms = (
        "R1",
        known,
        "models:/radassist-reporter@challenger",
        "radassist-reporter@challenger",
        "radassist-reporter/1",
    )
    assert {open_run(called, tmp_path / str(place)).mlflow_run_id for place, called in enumerate(forms)} == {known}


def test_folders_are_compared_without_mlflow_and_kept_where_asked(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    shutil.copytree(workspace / "evaluation", other / "evaluation")
    grade(other, 0.25, s2="s4")
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "out"
    arguments = ["compare", str(workspace), str(other), "--out", str(out)]
    assert main([*arguments, "--data", str(workspace / "data")]) == 0
    assert f"WARNING: the runs saw other data: run {'d' * 32}.dir, other unknown" in capsys.readouterr().out
    assert {path.name for path in out.iterdir()} == FILES | {"changed_1.png"}
    assert not (tmp_path / "var").exists()
    assert main([*arguments, "--data", str(tmp_path / "nowhere")]) == 0
    assert "no pictures of studies: the radiographs are not in" in capsys.readouterr().out
    assert {path.name for path in out.iterdir()} == FILES


def test_what_is_no_run_or_more_than_one_or_has_no_evaluation_is_refused_with_the_way_out(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment = client(workspace).get_experiment_by_name("radassist").experiment_id
    made = [client(workspace).create_run(experiment, run_name=name).info.run_id for name in ("twin", "twin", "bare")]
    refusals = {
        "nobody": "neither a folder nor known to MLflow",
        "f" * 32: "neither a folder nor known to MLflow",
        "radassist-reporter/99": "neither a folder nor known to MLflow",
        'a "quoted" name': "neither a folder nor known to MLflow",
        "twin": f"2 runs have that name; pass the id of one: {made[1]}, {made[0]}",
        "bare": "the run holds no evaluation/statistics.parquet; record it again where it ran",
    }
    for called, why in refusals.items():
        assert main(["compare", "R1", called]) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"radassist compare: run {called}: {why}")
        assert said.count("\n") == 1
