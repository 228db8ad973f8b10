"""What a rollout's evidence goes by, from the records: `release.evidence.Arrivals` of the studies that it routed."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from records.predictions import Role
from release.evidence import Arrivals
from release.router import Arm
from release.state import State

Floats = NDArray[np.float64]
EPOCH = pd.Timestamp(0, tz="UTC")


def arrivals(outcomes: pd.DataFrame, state: State, slow_seconds: float) -> tuple[Arrivals, Arrivals]:
    """The studies of a rollout in shadow, and those of its steps, from its `records.windows.of_rollout`.

    A draft that is missing is a fault: that of the candidate in shadow, or of the model to which the router sent the
    study, whether it said so or died without a word. So is one that came later than `slow_seconds`. A study that no
    model answered is in no rollout's records.
    """
    missed = outcomes["missed"].astype(float)
    rows = outcomes.assign(
        faulted=(outcomes["error"].notna() | (outcomes["seconds"] > slow_seconds)).astype(float),
        missed=np.where(missed.isna(), np.nan, (missed > 0).astype(float)),
    )
    live = rows[rows["role"] == Role.LIVE]
    sent_to = live["arm"].map({Arm.CANDIDATE: state.candidate, Arm.CHAMPION: state.champion})
    routed = _routed(live, live["model"] == sent_to)
    return _shadow(routed[routed["shadowed"]], rows[rows["role"] == Role.SHADOW]), _canary(routed[~routed["shadowed"]])


def _routed(live: pd.DataFrame, own: pd.Series) -> pd.DataFrame:
    """A row a study: its `own` answer, by the model to which it was sent, or that this one never gave any, where
    another stepped in."""
    silent = live[~own & ~live["study"].isin(live.loc[own, "study"])].drop_duplicates("study")
    nothing = silent.assign(missed=np.nan, edit_rate=np.nan, faulted=1.0)
    return pd.concat([live[own], nothing]).sort_index()


def _shadow(live: pd.DataFrame, shadow: pd.DataFrame) -> Arrivals:
    beside = shadow.set_index("study").reindex(live["study"])
    beside["faulted"] = beside["faulted"].fillna(1.0)  # it never answered
    missed, edit_rate, faulted = (
        np.column_stack([_floats(live[name]), _floats(beside[name])]) for name in ("missed", "edit_rate", "faulted")
    )
    nobody = np.zeros(len(live), bool)
    return Arrivals(
        _seconds(live["arrived_at"]),
        _seconds(live["signed_at"]),
        nobody,
        nobody.astype(float),
        missed,
        edit_rate,
        faulted,
    )


def _canary(live: pd.DataFrame) -> Arrivals:
    return Arrivals(
        _seconds(live["arrived_at"]),
        _seconds(live["signed_at"]),
        (live["arm"] == Arm.CANDIDATE).to_numpy(),
        *(_floats(live[name]) for name in ("weight", "missed", "edit_rate", "faulted")),
    )


def _floats(column: pd.Series) -> Floats:
    return column.to_numpy(np.float64, na_value=np.nan)


def _seconds(column: pd.Series) -> Floats:
    """Since the epoch; NaN where there is no time."""
    return _floats((column - EPOCH) / pd.Timedelta(seconds=1))
