"""From a report to everything that made it, on a small chain as a run and a rollout leave it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from model.artefact import open_artefact
from model.errors import BadInput
from pipelines.cli import main
from pipelines.git import ask
from pipelines.model_origin import enter_origin
from pipelines.provenance import digest
from records.database import open_database, writing
from records.models import Model
from records.predictions import enter_study
from records.reviews import enter_review
from release.phases import Phase
from release.state import State, move
from release.store import apply, start
from tests.pipelines.conftest import build_run
from tests.pipelines.signing import begin_run
from tests.records.drafts import SIGNED, enter, prediction, review_of, study
from tests.release.conftest import POLICY

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that passed, on its branch."""
    root = build_run(tmp_path / "run")
    (root / "verdict.json").write_text('{"passed": true}')
    begin_run(root)
    monkeypatch.delenv("RADASSIST_RECORDS_URL", raising=False)
    monkeypatch.chdir(root)
    return root


def origin(root: Path, registered_at: datetime = NOW) -> Model:
    return enter_origin(root, open_artefact(root / "exported"), "R1", "6" * 32, "3", registered_at)


def engine_of(root: Path) -> Engine:
    return open_database(f"sqlite:///{root / 'var' / 'records' / 'records.db'}")


def asked(report: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["lineage", report, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_report_leads_to_its_model_run_commit_lock_data_verdict_and_weight(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = origin(root)
    engine = engine_of(root)
    begun = State.begin("r1", model.model, None, POLICY, ["tom"], NOW)
    start(engine, begun, POLICY, "5a" * 32, NOW)
    at = NOW + timedelta(hours=2)
    promoted = move(begun, NOW + timedelta(hours=1), "approved", by="Jane Doe", phase=Phase.PROMOTED, weight=1.0)
    apply(engine, promoted, NOW + timedelta(hours=1))
    drafted = prediction(by=model.model, rollout="r1", arm="candidate", weight=1.0, drafted_at=at, software={"a": "1"})
    with writing(engine) as connection:
        enter_study(connection, study(arrived_at=at))
        report = enter(connection, drafted)
    found = asked(report, capsys)
    assert (
        found
        | {
            "report": report,
            "model": open_artefact(root / "exported").version,
            "registry_version": "3",
            "mlflow_run": "6" * 32,
            "run": "R1",
            "git_commit": ask(root, "rev-parse", "runs/R1"),
            "dvc_lock_sha256": digest(root / "dvc.lock"),
            "data_md5": "d" * 32 + ".dir",
            "gate_sha256": digest(root / "verdict.json"),
            "rollout": "r1",
            "policy_sha256": POLICY.sha256,
            "phase": "promoted",
            "ledger_entry": 2,
            "arm": "candidate",
            "weight": 1.0,
            "signed_report": None,
        }
        == found
    )
    with writing(engine) as connection:
        signed = enter_review(connection, review_of(drafted, signed_at=at), SIGNED)
    of_signed = asked(signed, capsys)
    assert (of_signed["report"], of_signed["prediction"], of_signed["signed_report"]) == (signed, report, signed)
    assert {name for name in found if found[name] != of_signed[name]} == {"report", "signed_report", "signed_at"}
    assert main(["lineage", report]) == 0
    table = capsys.readouterr().out
    assert all(word in table for word in ("R1", "d" * 32, str(found["git_commit"]), "promoted", "a 1"))
    assert "heart" not in table


def test_a_report_that_nobody_knows_ends_with_one_line(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lineage", "nothing"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (root / "var").exists()
    engine = engine_of(root)
    assert main(["lineage", "nothing"]) == 2
    line = (
        "radassist lineage: report 'nothing': the records do not know it; give the id that stands on a drafted report\n"
    )
    assert capsys.readouterr().err == line
    with writing(engine) as connection:
        enter_study(connection, study())
        signed = enter_review(connection, review_of(prediction(), draft=None), SIGNED)
    assert main(["lineage", signed]) == 2
    assert "it was signed without a draft" in capsys.readouterr().err


def test_the_origin_of_the_same_weights_is_the_run_that_registered_them_first(root: Path) -> None:
    first = origin(root)
    (root / "dvc.lock").write_text("stages: {}\n")
    assert origin(root, NOW + timedelta(days=1)) == first


def test_a_model_of_which_something_is_not_known_has_no_origin(root: Path) -> None:
    (root / "dvc.lock").unlink()
    with pytest.raises(BadInput, match="dvc_lock_sha256 is not known"):
        origin(root)
