"""Who is told what over a real socket, what is remembered, and when a retraining is asked for."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from monitoring.columns import Family
from monitoring.judge import Alarm, Judged
from monitoring.operations import Running
from monitoring.quality import Rolling
from monitoring.snapshot import Snapshot
from pipelines.monitors.policy import load_policy
from pipelines.monitors.retraining import ask
from pipelines.monitors.telling import tell, track
from tests.pipelines.receiving import Receiver

POLICY = load_policy(Path(__file__).parents[2] / "policy" / "drift.yaml")
NOISE = Alarm("distance:image.noise", Family.DATA, "image.noise is 0.300 from the reference")
SLOW = Alarm("operations:p99", Family.OPERATIONS, "the slowest of a hundred drafts takes 16.0 s")
BEGAN = datetime(2026, 3, 1, tzinfo=UTC)


def seen(*alarms: Alarm, hours: float = 0) -> Snapshot:
    running = Running(0, None, None, None, 0, None, None)
    when = BEGAN + timedelta(hours=hours)
    judged, rolling = Judged((), {}, {}), Rolling(0, 0, {})
    return Snapshot(when, "m1", POLICY.sha256, "0" * 64, False, (), 0, 0, 0, judged, rolling, running, alarms)


def kinds(receiver: Receiver) -> list[str]:
    return [notice["kind"] for notice in receiver.received]


def test_an_alarm_is_told_once_and_its_end_once(receiver: Receiver, tmp_path: Path) -> None:
    for hours, alarms in ((0, [NOISE]), (1, [NOISE]), (2, []), (3, [])):
        tell(seen(*alarms, hours=hours), POLICY, tmp_path)
    assert kinds(receiver) == ["raised", "recovered"]
    raised, recovered = receiver.received
    assert raised["key"] == recovered["key"]
    assert (raised["model"], raised["text"], raised["at"]) == ("m1", NOISE.text, "2026-03-01T00:00:00+00:00")


def test_what_did_not_arrive_is_told_by_the_next_look(receiver: Receiver, tmp_path: Path) -> None:
    receiver.answers = [503]
    with pytest.raises(requests.RequestException):
        tell(seen(NOISE), POLICY, tmp_path)
    tell(seen(NOISE, hours=1), POLICY, tmp_path)
    assert kinds(receiver) == ["raised", "raised"]


def test_without_an_address_nothing_is_sent_and_all_is_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RADASSIST_WEBHOOK_URL", raising=False)
    assert [notice.kind for notice in tell(seen(NOISE), POLICY, tmp_path)] == ["raised"]
    assert tell(seen(NOISE, hours=1), POLICY, tmp_path) == ()


def test_a_retraining_is_asked_for_once_in_the_cool_down_and_the_same_look_says_the_same(tmp_path: Path) -> None:
    assert ask(seen(SLOW), POLICY, tmp_path) is None
    asked = ask(seen(NOISE, SLOW), POLICY, tmp_path)
    assert asked is not None
    assert asked.reason == NOISE.text
    assert ask(seen(NOISE), POLICY, tmp_path) == asked
    assert ask(seen(NOISE, hours=167), POLICY, tmp_path) is None
    assert ask(seen(NOISE, hours=168), POLICY, tmp_path) is not None


def test_mlflow_gets_a_look_s_figures_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    for hours in (0, 0, 1):
        track(seen(NOISE, hours=hours), tmp_path)
    client = mlflow.MlflowClient(uri)
    [experiment] = [e for e in client.search_experiments() if e.name == "radassist-monitoring"]
    [run] = client.search_runs([experiment.experiment_id])
    assert run.data.tags["radassist.model"] == "m1"
    assert [point.value for point in client.get_metric_history(run.info.run_id, "alarms")] == [1, 1]
