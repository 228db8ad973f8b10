"""How a rollout's evidence grew: its readings at many times, and both models' plain figures side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd
from sqlalchemy import Connection, select

from records.tables import predictions
from release.evidence import Arrivals, Evidence, Reading, studied
from release.router import Arm
from release.state import State
from release.store import Rollout

POINTS = 60
MEASURES = ("misses", "faults", "edit_rate")


@dataclass(frozen=True, slots=True)
class Course:
    """The readings of one part of a rollout, shadow or traffic, at `hours` after its beginning.

    `changes` are the hours at which the share of traffic changed, and the share from there on.
    """

    name: str
    hours: tuple[float, ...]
    readings: dict[str, tuple[Reading, ...]]
    changes: tuple[tuple[float, float], ...]


def courses(rollout: Rollout, told: Sequence[State], shadow: Arrivals, canary: Arrivals, now: datetime) -> list[Course]:
    """Shadow and traffic, as far as the rollout got.

    Args:
        told: its states in their order. shadow, canary: its studies, see `pipelines.arrivals`.
    """
    end = rollout.state.since if rollout.state.phase.is_final else now
    with_traffic = [state for state in told if state.weight > 0 and not state.phase.is_final]
    found = []
    for name, part, begun, until in (
        ("shadow", shadow, told[0].since, with_traffic[0].since if with_traffic else end),
        ("traffic", canary, with_traffic[0].since if with_traffic else end, end),
    ):
        span = (until - begun) / timedelta(hours=1)
        if not len(part.arrived) or span <= 0:
            continue
        times = [begun + timedelta(hours=span * point / POINTS) for point in range(POINTS + 1)]
        known = [studied(Evidence(at, ""), part, begun, rollout.policy) for at in times]
        readings = {measure: tuple(getattr(one, measure) for one in known) for measure in MEASURES}
        hours = tuple((at - begun) / timedelta(hours=1) for at in times)
        found.append(Course(name, hours, readings, _changes(with_traffic, begun) if name == "traffic" else ()))
    return found


def beside(outcomes: pd.DataFrame, drafted: pd.DataFrame, state: State) -> pd.DataFrame:
    """Each model's figures in shadow and in traffic, without an interval: what the decisions do not go by.

    Columns: `stage`, `model`, `studies` (routed to it), `signed`, `missed` and `false_alarms` (share of the signed),
    `edit_rate`, `grounded` (share of the sentences), `alike` (in shadow: share of the studies of which both models find
    the same), `errors` (share of the studies that it did not draft), `seconds_p50`, `seconds_p99`, `reading_seconds`
    (median, of the draft that was read).

    Args:
        outcomes: see `records.windows.of_rollout`. drafted: see `drafted`.
    """
    rows = outcomes.merge(drafted, on="prediction")
    in_shadow = rows["shadowed"]
    parts = (
        ("shadow", state.champion, in_shadow),
        ("shadow", state.candidate, in_shadow),
        ("traffic", state.champion, ~in_shadow & (rows["arm"] == Arm.CHAMPION)),
        ("traffic", state.candidate, ~in_shadow & (rows["arm"] == Arm.CANDIDATE)),
    )
    alike = {"shadow": _alike(rows[in_shadow & rows["error"].isna()]), "traffic": float("nan")}
    return pd.DataFrame(
        [
            {"stage": stage, "model": model, "alike": alike[stage], **_plain(rows[routed], model)}
            for stage, model, routed in parts
            if routed.any()
        ]
    )


def drafted(connection: Connection, rollout: str) -> pd.DataFrame:
    """Of each prediction under a rollout: its `sentences`, how many of them are `grounded`, and what is `stated`."""
    p = predictions.c
    rows = connection.execute(select(p.prediction, p.sentences, p.findings).where(p.rollout == rollout))
    found = [
        (
            row.prediction,
            len(row.sentences),
            sum(sentence["verdict"] == "grounded" for sentence in row.sentences),
            frozenset(name for name, label in row.findings.items() if label == 1),
        )
        for row in rows
    ]
    return pd.DataFrame(found, columns=["prediction", "sentences", "grounded", "stated"])


def _alike(answers: pd.DataFrame) -> float:
    """Of the studies that two models drafted, the share of which they state the same."""
    by_study = answers.groupby("study")["stated"].agg(["size", "nunique"])
    return float((by_study.loc[by_study["size"] == 2, "nunique"] == 1).mean())


def _plain(routed: pd.DataFrame, model: str | None) -> dict[str, float]:
    """Of the answers to the studies that were routed to a model: its own, whoever stepped in."""
    rows, studies = routed[routed["model"] == model], routed["study"].nunique()
    compared = rows[rows["missed"].notna()]
    read = rows.loc[rows["shown"].fillna(0).astype(bool), "reading_seconds"].astype(float)
    return {
        "studies": studies,
        "signed": len(compared),
        "missed": float((compared["missed"].astype(float) > 0).mean()),
        "false_alarms": float((compared["false_alarms"].astype(float) > 0).mean()),
        "edit_rate": float(compared["edit_rate"].astype(float).mean()),
        "grounded": float(rows["grounded"].sum() / max(rows["sentences"].sum(), 1)),
        "errors": 1 - float(rows["error"].isna().sum()) / studies,
        "seconds_p50": float(rows["seconds"].quantile(0.5)),
        "seconds_p99": float(rows["seconds"].quantile(0.99)),
        "reading_seconds": float(read.median()),
    }


def _changes(states: Sequence[State], begun: datetime) -> tuple[tuple[float, float], ...]:
    steps = {state.step: state for state in reversed(states)}  # the first state of each step
    return tuple(((s.since - begun) / timedelta(hours=1), s.weight) for s in reversed(list(steps.values())))
