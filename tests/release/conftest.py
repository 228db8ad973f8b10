"""A policy of round numbers, and a clock that starts at one time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from records.database import open_database
from release.phases import Phase
from release.policy import Guardrail, Policy, Primary, Stage, Step
from release.state import State, move
from release.store import apply, start

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)


def hours(n: float) -> timedelta:
    return timedelta(hours=n)


def step(weight: float, margin: float) -> Step:
    return Step(weight=weight, minimum_hours=48, maximum_hours=96, minimum_studies=100, misses_margin=margin)


GUARDRAIL = Guardrail(margin=0.01, shadow_stop_alpha=0.01, canary_stop_alpha=0.01, pass_alpha=0.05)
POLICY = Policy(
    alpha=0.05,
    misses=GUARDRAIL,
    faults=GUARDRAIL,
    edit_rate=Primary(margin=0.02, stop_alpha=0.01, pass_alpha=0.05),
    slow_seconds=60,
    label_lag_hours=12,
    maximum_unsigned=0.1,
    stale_hours=1,
    answer_hours=72,
    shadow=Stage(minimum_hours=24, maximum_hours=96, minimum_studies=1000, misses_margin=0.01),
    steps=(step(0.05, 0.1), step(0.5, 0.02), step(0.75, 0.01)),
    superseded_in=("shadowing",),  # type: ignore[arg-type]
)


def release_first(engine: Engine) -> None:
    """m1 is released, before any other."""
    first = State.begin("r0", "m1", None, POLICY, [], NOW)
    start(engine, first, POLICY, "00" * 32, NOW)
    apply(engine, move(first, NOW, "approved", by="Jane Doe", phase=Phase.PROMOTED, weight=1.0), NOW)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """Records in which m1 was released first."""
    engine = open_database(f"sqlite:///{tmp_path / 'records.db'}")
    release_first(engine)
    return engine
