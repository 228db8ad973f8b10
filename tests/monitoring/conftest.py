"""A small stream of an invented hospital, as a data frame: what the records will hand to the monitors."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from monitoring.invented import QUIET, Drift, stream
from monitoring.policy import Policy
from monitoring.projection import AXES, NAMES
from monitoring.reference import Reference
from monitoring.snapshot import Snapshot
from monitoring.window import Window
from pipelines.strict import read_yaml

SHIPPED = Path(__file__).parents[2] / "policy" / "drift.yaml"
POLICY = read_yaml(SHIPPED, Policy, "policy")
BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
MINUTES = 10  # between two studies


def after(studies: float) -> datetime:
    """The time at which so many studies had been drafted."""
    return BEGAN + timedelta(minutes=MINUTES * studies)


def keys(found: Snapshot) -> set[str]:
    """Of all that alarms."""
    return {alarm.key for alarm in found.alarms}


def frame_of(window: Window, first: int = 0) -> pd.DataFrame:
    """A window's studies as rows, numbered from `first`, each drafted five seconds after it arrived."""
    columns: Mapping[str, object] = {**window.numbers, **window.categories, **window.findings}
    places = np.stack([window.numbers[name] for name in NAMES[:AXES]], axis=1)
    numbers = range(first, first + window.n)
    frame = pd.DataFrame({name: values for name, values in columns.items() if name not in NAMES})
    frame["embedding"] = list(np.hstack([places, window.numbers[NAMES[-1]][:, None]]))
    frame["study"] = [f"study-{number}" for number in numbers]
    frame["patient"] = [f"patient-{number // 2}" for number in numbers]
    frame["drafted_at"] = pd.to_datetime([after(number + 0.5) for number in numbers], utc=True)
    frame["arrived_at"] = frame["drafted_at"] - pd.Timedelta(seconds=5)
    frame["seconds"] = 5.0
    return frame


def studies(*drifts: Drift, seed: int = 1, size: int = POLICY.window_studies) -> pd.DataFrame:
    """One window of studies for each drift, one after the other."""
    parts = [frame_of(next(stream(size, drift, seed + i)), i * size) for i, drift in enumerate(drifts)]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="session")
def training() -> pd.DataFrame:
    return studies(QUIET, seed=100, size=20_000)


@pytest.fixture(scope="session")
def reference(training: pd.DataFrame) -> Reference:
    return Reference.of(training, POLICY)
