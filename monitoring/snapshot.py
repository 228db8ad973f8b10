"""The one result of the monitors: what a stream shows as of a time, in figures of many studies and of none alone."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from monitoring import operations, quality
from monitoring.columns import Family
from monitoring.judge import Alarm, Judged, Measures, judge, measure
from monitoring.operations import Running
from monitoring.policy import Policy
from monitoring.quality import Rolling
from monitoring.watched import Watched
from monitoring.window import Stream, drafted, read, windows


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`history`: every whole window, oldest first. `waiting` studies do not fill a window yet; `repeated` and `skewed`
    ones were left out."""

    as_of: datetime
    model_version: str
    policy_sha256: str
    reference_sha256: str
    demo: bool
    history: tuple[Measures, ...]
    waiting: int
    repeated: int
    skewed: int
    judged: Judged
    quality: Rolling
    running: Running
    alarms: tuple[Alarm, ...]

    def to_json(self) -> str:
        """Sorted, without NaN: the same snapshot is the same text."""
        content: dict[str, Any] = {**asdict(self), "as_of": self.as_of.astimezone(UTC).isoformat()}
        return json.dumps(content, sort_keys=True, indent=1, allow_nan=False, ensure_ascii=False)


def snapshot(
    stream: pd.DataFrame, reviews: pd.DataFrame, watched: Watched, policy: Policy, as_of: datetime
) -> Snapshot:
    """Judge one model version's stream as of a time. The same arguments give the same snapshot, whenever it is asked.

    Args:
        stream: one row a study that arrived for this model version (`monitoring.columns`).
        reviews: one row a review (`monitoring.quality.rolling`).

    Raises:
        BadInput: the stream does not say which study is which, or when.
    """
    seen = drafted(stream, as_of, policy)
    reference = watched.reference
    history = tuple(
        measure(read(window, reference.projection, policy, reference.usual), reference)
        for window in windows(seen, policy.window_studies)
    )
    judged = judge(history, reference, policy)
    rolling = quality.rolling(reviews, len(seen.frame), as_of, policy.quality)
    running = operations.running(stream, as_of, policy.operations)
    lesser = [*_clock(seen, policy), *_quality(rolling, watched, policy), *_operations(running, policy)]
    return Snapshot(
        as_of=as_of,
        model_version=watched.model_version,
        policy_sha256=policy.sha256,
        reference_sha256=watched.sha256,
        demo=policy.demo,
        history=history,
        waiting=len(seen.frame) % policy.window_studies,
        repeated=seen.repeated,
        skewed=seen.skewed,
        judged=judged,
        quality=rolling,
        running=running,
        alarms=(*judged.alarms, *lesser),
    )


def _clock(seen: Stream, policy: Policy) -> list[Alarm]:
    """Too many studies that a wrong clock keeps out would leave the monitors blind."""
    whole = len(seen.frame) + seen.skewed
    if seen.skewed <= policy.maximum_missing * whole:
        return []
    return [Alarm("input:clock", Family.INPUT, f"{seen.skewed} of {whole} studies were drafted before they arrived")]


def _quality(rolling: Rolling, watched: Watched, policy: Policy) -> list[Alarm]:
    fallen = quality.fallen(rolling.figures, watched.validated, policy.quality)
    return [Alarm(f"quality:{name}", Family.QUALITY, said) for name, said in fallen.items()]


def _operations(running: Running, policy: Policy) -> list[Alarm]:
    slow = running.slow(policy.operations)
    return [Alarm("operations:p99", Family.OPERATIONS, slow)] if slow else []
