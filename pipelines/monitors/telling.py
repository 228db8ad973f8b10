"""Telling of alarms: a webhook hears of what is new, goes on or is over, and MLflow gets the figures.

What was told lies beside the page, in alerts.json. It changes once the webhook has taken all: what did not arrive is
told again by the next look, under the same key.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from monitoring.alerts import Notice, Open, notices
from monitoring.columns import Family
from monitoring.judge import Alarm
from monitoring.policy import Policy
from monitoring.snapshot import Snapshot
from pipelines import webhook
from pipelines.checkout import main_checkout
from pipelines.mlflow_client import connected, experiment_id_of
from pipelines.whole_files import write_whole

FILE = "alerts.json"
EXPERIMENT = "radassist-monitoring"


def tell(seen: Snapshot, policy: Policy, folder: Path) -> tuple[Notice, ...]:
    """Send what is new since the last time, and remember it.

    Raises:
        requests.RequestException: the webhook did not take a notice.
    """
    path = folder / FILE
    sent, after = notices(read_open(path), seen.alarms, seen.as_of, policy)
    for notice in sent:
        webhook.post(payload(notice, seen))
    write_whole(path, json.dumps({key: _plain(asdict(was)) for key, was in after.items()}, indent=1) + "\n")
    return sent


def payload(notice: Notice, seen: Snapshot) -> dict[str, object]:
    """What is sent of a notice: figures of windows, and no name of a patient or study. `key` is the same for all
    notices of one alarm."""
    key = f"{seen.model_version}/{notice.key}/{notice.since.isoformat()}"
    return _plain({**asdict(notice), "key": key, "model": seen.model_version, "demo": seen.demo})


def read_open(path: Path) -> dict[str, Open]:
    """The alarms that somebody was told of and that go on; none where nobody was told of any."""
    if not path.is_file():
        return {}
    return {
        key: Open(
            Alarm(was["alarm"]["key"], Family(was["alarm"]["family"]), was["alarm"]["text"]),
            datetime.fromisoformat(was["since"]),
            datetime.fromisoformat(was["told_at"]),
        )
        for key, was in json.loads(path.read_text()).items()
    }


def track(seen: Snapshot, root: Path) -> None:
    """Add a look's figures to the model version's run in MLflow. The same look twice adds nothing."""
    client = connected(root)
    from mlflow.entities import Metric

    experiment = experiment_id_of(client, main_checkout(root), EXPERIMENT)
    query = f"tags.`radassist.model` = '{seen.model_version}'"
    found = client.search_runs([experiment], query, max_results=1)
    run = found[0] if found else client.create_run(experiment, tags={"radassist.model": seen.model_version})
    when = int(seen.as_of.timestamp() * 1000)
    points = [Metric(name, value, when, len(seen.history)) for name, value in figures(seen)]
    client.log_batch(run.info.run_id, metrics=points)


def figures(seen: Snapshot) -> Iterator[tuple[str, float]]:
    """What is known of the latest window and the last reviews, under names that MLflow takes."""
    yield "alarms", len(seen.alarms)
    latest = seen.history[-1].distances if seen.history else {}
    known: dict[str, Mapping[str, float | None]] = {
        "distance": {name: found.effect for name, found in latest.items()},
        "prevalence": {name: change.share for name, change in seen.judged.changes.items()},
        "quality": {name: found.value for name, found in seen.quality.figures.items()},
        "seconds": {"p50": seen.running.p50, "p95": seen.running.p95, "p99": seen.running.p99},
    }
    for group, values in known.items():
        yield from ((f"{group}/{name}", value) for name, value in values.items() if value is not None)


def _plain(content: dict[str, object]) -> dict[str, object]:
    """Times as text."""
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in content.items()}
