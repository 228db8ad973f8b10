"""Stage audit, from an evaluation and a manifest on disk to its table and figures."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from model.findings import Certainty, Finding
from model.metrics import Figure, findings_figures, mean_figure
from model.report import GroundedReport, GroundedSentence, Verdict
from model.study import Section
from pipelines.cli import main
from pipelines.manifest import SCHEMA, write_manifest
from pipelines.statistics import Statistics, write_statistics

N = 90
STUDIES = [f"s{i:03d}" for i in range(N)]
OLD = [i % 3 == 0 for i in range(N)]
"""A third of the patients is 80 and over; their findings are all missed, and attention is even."""


def draft(index: int) -> GroundedReport:
    grid_map = np.full((4, 4), 1 / 17, np.float32) if OLD[index] else np.eye(4, dtype=np.float32) / 4
    edema = (Finding("Edema", Certainty.DEFINITE),)
    sentence = GroundedSentence("Edema.", Section.FINDINGS, grid_map, 1 / 17, (), 0.5, Verdict.GROUNDED, edema)
    return GroundedReport(STUDIES[index], (sentence,), 8, 8, "v", "0" * 64, 0.5)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """90 patients of two sexes, no site known, a lateral view after the frontal one; one study was not graded."""
    truth: list[dict[str, int]] = [{"Edema": 1}] * N
    said: list[dict[str, int]] = [{} if old else {"Edema": 1} for old in OLD]
    figures: list[Figure] = [
        *findings_figures(truth, said),
        mean_figure("iou_norm_0.1", [0.0 if old else 0.5 for old in OLD]),
        mean_figure("statements_found", [float(not old) for old in OLD]),
    ]
    patients = tuple(f"{i:064x}" for i in range(N))
    (tmp_path / "evaluation").mkdir()
    statistics = Statistics(tuple(STUDIES), patients, {figure.name: figure for figure in figures})
    write_statistics(statistics, tmp_path / "evaluation" / "statistics.parquet")
    lines = [json.dumps({"study_id": s, "draft": draft(i).to_json()}) for i, s in enumerate(STUDIES)]
    (tmp_path / "evaluation" / "drafts.jsonl").write_text("\n".join(lines) + "\n")
    rows = [
        {
            **dict.fromkeys(SCHEMA.names),
            "study_id": study_id,
            "patient_id": patient,
            "split": "test",
            "source": "x",
            "shard": "",
            "images": [{"member": "a", "view": ("PA", "AP")[i % 2]}, {"member": "b", "view": "LATERAL"}],
            "content_sha256": "0" * 64,
            "width": 8,
            "height": 8,
            "sentences": [],
            "age": 85 if i < N and OLD[i] else 50,
            "sex": ("F", "M")[i // 45 % 2],
        }
        for i, (study_id, patient) in enumerate(zip([*STUDIES, "train"], [*patients, "t"], strict=True))
    ]
    (tmp_path / "data").mkdir()
    write_manifest(tmp_path / "data", pa.Table.from_pylist(rows, SCHEMA))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_stage_finds_whom_the_model_fails(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit"]) == 0
    table = pd.read_parquet("audit/subgroups.parquet")
    old = table[(table.attribute == "age") & (table.group == "80 and over")].set_index("figure")
    assert set(old.n_patients) == {30}
    assert old.loc["miss_rate", ["value", "gap", "status"]].tolist() == [1.0, 1.0, "gap"]
    assert old.loc["findings_micro_f1", "status"] == "gap"
    assert old.loc["attention_entropy", ["about", "status"]].tolist() == ["attention", "gap"]
    assert old.loc["matched.iou_norm_0.1", "status"] == "insufficient n", "nothing was found in any of them"
    assert set(table[table.status == "gap"].attribute) == {"age"}
    assert table[table.attribute == "view"].group.unique().tolist() == ["AP", "PA"]
    assert table[table.attribute == "site"].group.unique().tolist() == ["not recorded"]
    figures = json.loads(Path("metrics/audit.json").read_text())
    assert (figures["n_subgroups"], figures["n_insufficient"]) == (6, 0)
    assert figures["worst_subgroup.miss_rate"] == 1.0
    told = capsys.readouterr().out
    assert "age 80 and over: miss_rate 1.000, +1.000 against the rest" in told
    assert not any(study_id in told for study_id in STUDIES)


def test_the_same_evaluation_gives_the_same_bytes(workspace: Path) -> None:
    assert main(["audit"]) == 0
    before = Path("audit/subgroups.parquet").read_bytes()
    assert main(["audit"]) == 0
    assert Path("audit/subgroups.parquet").read_bytes() == before


def test_a_study_that_the_manifest_does_not_know_ends_in_one_line(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pd.read_parquet("data/manifest.parquet")
    write_manifest(
        Path("data"), pa.Table.from_pandas(table[table.study_id != STUDIES[3]], SCHEMA, preserve_index=False)
    )
    assert main(["audit"]) == 2
    error = capsys.readouterr().err
    assert "1 of 90 studies" in error
    assert error.count("\n") == 1


def test_without_an_evaluation_the_way_out_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["audit"]) == 2
    assert "radassist evaluate" in capsys.readouterr().err
