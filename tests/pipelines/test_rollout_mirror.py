"""MLflow's aliases follow the records, and come back to them whatever was set by hand: on a real registry in SQLite."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from pipelines.environment import quiet_environment
from pipelines.evidence.identity import MODEL_NAME
from pipelines.rollout.candidate import Named
from pipelines.rollout.mirror import mirrored, repair, version_of
from records.database import open_database, reading, writing
from records.models import enter_model
from release.decide import abort
from release.phases import Phase
from release.state import State, Transition, move
from release.store import apply, start
from tests.records.drafts import model
from tests.release.conftest import NOW, POLICY, hours, release_first

os.environ.update(quiet_environment())

pytestmark = pytest.mark.xdist_group("mlflow")  # one worker makes the database


@pytest.fixture
def root(empty_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry with three versions."""
    import mlflow

    (tmp_path / "var" / "mlflow").mkdir(parents=True)
    shutil.copy(empty_database, tmp_path / "var" / "mlflow" / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    uri = f"sqlite:///{tmp_path / 'var' / 'mlflow' / 'mlflow.db'}"
    client = mlflow.MlflowClient(uri, uri)
    run = client.create_run(client.create_experiment("radassist", (tmp_path / "artifacts").as_uri()))
    client.create_registered_model(MODEL_NAME)
    for _ in range(3):
        client.create_model_version(MODEL_NAME, f"runs:/{run.info.run_id}/model", run.info.run_id)
    client.set_registered_model_alias(MODEL_NAME, "challenger", "2")
    return tmp_path


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """Records in which m1 drafts and the rollout of m2 has begun; m3 is not registered yet."""
    engine = open_database(f"sqlite:///{tmp_path / 'records.db'}")
    register(engine, "m1", "1")
    register(engine, "m2", "2")
    release_first(engine)
    start(engine, BEGUN, POLICY, "5a" * 32, NOW)
    return engine


BEGUN = State.begin("r1", "m2", "m1", POLICY, ["tom"], NOW)


def register(engine: Engine, name: str, version: str) -> None:
    with writing(engine) as connection:
        enter_model(connection, model(name, registry_version=version, registered_at=NOW + hours(int(version))))


def aliases(root: Path, engine: Engine) -> dict[str, str]:
    """After a repair, and another one that finds nothing to do."""
    with reading(engine) as connection:
        mirror = mirrored(connection)
    repair(root, mirror)
    assert repair(root, mirror) == []
    found = {name: version_of(root, name) for name in ("challenger", "canary", "champion", "previous")}
    return {name: version for name, version in found.items() if version}


def tags(root: Path, version: str) -> dict[str, Any]:
    import mlflow

    uri = f"sqlite:///{root / 'var' / 'mlflow' / 'mlflow.db'}"
    found: dict[str, Any] = mlflow.MlflowClient(uri, uri).get_model_version(MODEL_NAME, version).tags
    return found


def to(engine: Engine, before: State, **changes: Any) -> State:
    moved: Transition = move(before, NOW, "for the test", **changes)
    apply(engine, moved, NOW)
    return moved.after


def test_the_aliases_follow_a_rollout_from_shadow_to_all_studies(root: Path, engine: Engine) -> None:
    assert aliases(root, engine) == {"challenger": "2", "champion": "1"}
    canary = to(engine, BEGUN, phase=Phase.CANARY, step=0, weight=0.05)
    assert aliases(root, engine) == {"canary": "2", "champion": "1"}
    register(engine, "m3", "3")
    assert aliases(root, engine) == {"challenger": "3", "canary": "2", "champion": "1"}
    to(engine, canary, phase=Phase.PROMOTED, weight=1.0)
    assert aliases(root, engine) == {"challenger": "3", "champion": "2", "previous": "1"}
    assert tags(root, "2") | {"rollout.id": "r1", "rollout.phase": "promoted", "rollout.weight": "1"} == tags(root, "2")


def test_the_candidate_that_nobody_names_is_the_challenger(root: Path, engine: Engine) -> None:
    assert Named.of(root, None) == Named(registry_version="2")
    assert Named.of(root, "m1") == Named("m1")


def test_a_rollback_takes_the_aliases_back(root: Path, engine: Engine) -> None:
    canary = to(engine, BEGUN, phase=Phase.CANARY, step=0, weight=0.05)
    aliases(root, engine)
    ended = abort(canary, "Jane Doe", "enough", NOW)
    assert ended is not None
    apply(engine, ended, NOW)
    assert aliases(root, engine) == {"champion": "1"}
    assert tags(root, "2")["rollout.phase"] == "aborted"


def test_an_alias_that_was_set_by_hand_is_put_right(root: Path, engine: Engine) -> None:
    import mlflow

    aliases(root, engine)
    uri = f"sqlite:///{root / 'var' / 'mlflow' / 'mlflow.db'}"
    client = mlflow.MlflowClient(uri, uri)
    client.set_registered_model_alias(MODEL_NAME, "champion", "2")
    client.delete_registered_model_alias(MODEL_NAME, "challenger")
    client.set_model_version_tag(MODEL_NAME, "2", "rollout.phase", "promoted")
    with reading(engine) as connection:
        said = repair(root, mirrored(connection))
    assert said == ["challenger: none -> 2", "champion: 2 -> 1", "version 2, rollout.phase: shadowing"]


def test_without_a_registry_there_is_nothing_to_do(
    tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'none.db'}")
    with reading(engine) as connection:
        assert repair(tmp_path, mirrored(connection)) == []
    assert not (tmp_path / "none.db").exists()
