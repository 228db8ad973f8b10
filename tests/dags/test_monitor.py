import json
from pathlib import Path

from pipelines.workspace import open_run
from records.sign_off import Automatic
from tests.conftest import DAGS, TinyProject
from tests.dags.conftest import Read, states

ASKING = """\
import json, sys
from pathlib import Path
as_of = sys.argv[sys.argv.index("--as-of") + 1]
said = {"model": "m1", "as_of": as_of, "reason": "image.noise is 0.3 from the reference", "policy_sha256": "0" * 64}
Path("var/monitoring").mkdir(parents=True, exist_ok=True)
Path("var/monitoring/retraining.json").write_text(json.dumps(said))
"""


def drifts() -> list[dict[str, str]]:
    """What the events of the asset `drift` carry, the oldest first."""
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.settings import Session
    from sqlalchemy import select

    asked = select(AssetEvent).join(AssetModel, AssetModel.id == AssetEvent.asset_id).where(AssetModel.name == "drift")
    with Session() as session:
        return [event.extra for event in session.scalars(asked.order_by(AssetEvent.id))]


def test_drift_that_is_confirmed_updates_the_asset_with_its_reason(tiny: TinyProject, read_dag: Read) -> None:
    (tiny.root / "pipelines" / "cli.py").write_text(ASKING)
    before = len(drifts())
    run = read_dag(tiny.root, "monitor").test()
    assert states(run) == {"look": "success", "ask": "success", "looked": "success"}
    [told] = drifts()[before:]
    assert told == json.loads((tiny.root / "var" / "monitoring" / "retraining.json").read_text())


def test_a_dead_webhook_is_seen_and_keeps_no_retraining_back(tiny: TinyProject, read_dag: Read) -> None:
    (tiny.root / "pipelines" / "cli.py").write_text(ASKING + "sys.exit(1)\n")
    before, dag = len(drifts()), read_dag(tiny.root, "monitor")
    dag.get_task("look").retries = 0
    run = dag.test()
    assert states(run) == {"look": "failed", "ask": "success", "looked": "upstream_failed"}
    assert run.state == "failed"
    assert len(drifts()) == before + 1


def test_without_drift_nothing_is_asked_for(tiny: TinyProject, read_dag: Read) -> None:
    before = len(drifts())
    looked = states(read_dag(tiny.root, "monitor").test())
    assert looked == {"look": "success", "ask": "skipped", "looked": "success"}
    assert [command.split(" --as-of")[0] for command in tiny.counted()] == ["monitor --tell --policy policy/drift.yaml"]
    assert len(drifts()) == before


def test_what_was_asked_for_while_airflow_was_away_is_told_of_once(tiny: TinyProject, read_dag: Read) -> None:
    asked = {"model": "m1", "as_of": "2026-03-01T00:00:00+00:00", "reason": "old", "policy_sha256": "0" * 64}
    (tiny.root / "var" / "monitoring").mkdir(parents=True)
    (tiny.root / "var" / "monitoring" / "retraining.json").write_text(json.dumps(asked))
    assert [states(read_dag(tiny.root, "monitor").test())["ask"] for _ in range(2)] == ["success", "skipped"]


def test_a_day_s_page_is_kept_with_evidentlys(tiny: TinyProject, read_dag: Read) -> None:
    assert states(read_dag(tiny.root, "monitor_daily").test()) == {"keep": "success"}
    [command] = tiny.counted()
    assert "--evidently" in command
    assert "var/monitoring/daily/" in command


def test_retrain_listens_to_new_data_or_drift(read_dag: Read) -> None:
    schedule = read_dag(DAGS.parent, "retrain").timetable
    assert type(schedule.asset_condition).__name__ == "AssetAny"
    assert {asset.name for asset in schedule.asset_condition.objects} == {"cxr_dataset", "drift"}


def test_the_run_says_for_good_which_drift_it_began_with(tiny: TinyProject, tmp_path: Path) -> None:
    from pipelines.monitors.retraining import begun
    from pipelines.origin import origin_of

    assert begun(tiny.root) is None
    run = open_run(tiny.root, "a", Automatic.DRIFT, reason="image.noise is 0.3 from\nthe reference; more")
    assert origin_of(run.path).triggered_by is Automatic.DRIFT
    assert origin_of(run.path).reason == "image.noise is 0.3 from the reference; more"
    assert begun(tiny.root) is not None
