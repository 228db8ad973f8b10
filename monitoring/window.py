"""A stream in disjoint windows: what belongs to it as of a time, and what a window holds of each feature."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model.errors import BadInput
from monitoring.columns import ARRIVED, CATEGORIES, DRAFTED, EMBEDDING, FAILED, FINDINGS, NUMBERS, STUDY
from monitoring.policy import Policy
from monitoring.projection import Projection

Numbers = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Window:
    """The features of `n` studies, each value where it is known: `numbers` float32, `findings` 0 or 1, `categories` the
    names. `problems` says of a feature that can not be judged why."""

    n: int
    numbers: Mapping[str, Numbers]
    categories: Mapping[str, NDArray[np.str_]]
    findings: Mapping[str, Numbers]
    problems: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Stream:
    """The studies that count, in the order in which they were drafted, and how many do not and why."""

    frame: pd.DataFrame
    repeated: int  # a study that was there before: the first draft counts
    skewed: int  # drafted before it arrived: one of the clocks is wrong


def drafted(frame: pd.DataFrame, as_of: datetime, policy: Policy) -> Stream:
    """What had been drafted as of a time; a study that failed was not. One that is drafted later joins at the end, and
    moves no window. One that is only entered later stands where it was drafted, and moves those after it.

    Raises:
        BadInput: a column that says which study it is, or when, is missing, or `as_of` has no zone.
    """
    if as_of.tzinfo is None:
        raise BadInput(f"as of {as_of}", "a time without a zone is no time", "give it as 2026-01-31T12:00:00Z")
    if missing := sorted({STUDY, ARRIVED, DRAFTED} - set(frame.columns)):
        raise BadInput(f"a stream without {', '.join(missing)}", "studies are told apart and put in order", "add it")
    tolerance = timedelta(minutes=policy.clock_skew_minutes)
    done = frame[frame[DRAFTED].notna() & (frame[DRAFTED] <= pd.Timestamp(as_of))]
    if FAILED in done:
        done = done[~done[FAILED].fillna(0).astype(bool)]
    skewed = done[ARRIVED] > done[DRAFTED] + tolerance
    right = done[~skewed].sort_values(DRAFTED, kind="stable")
    once = right.drop_duplicates(STUDY)
    return Stream(once, repeated=len(right) - len(once), skewed=int(skewed.sum()))


def windows(stream: Stream, size: int) -> Iterator[pd.DataFrame]:
    """Disjoint windows of `size` studies, oldest first; what does not fill the last one waits."""
    for start in range(0, len(stream.frame) - size + 1, size):
        yield stream.frame.iloc[start : start + size]


def read(frame: pd.DataFrame, projection: Projection | None, policy: Policy, usual: Mapping[str, float]) -> Window:
    """The features of a frame of studies.

    Args:
        usual: of a feature, the share of studies in which it is known; 1 where nothing is said. What is known of fewer,
            by more than `policy.maximum_missing`, is not read.
    """
    problems: dict[str, str] = {}
    numbers: dict[str, Numbers] = {}
    findings: dict[str, Numbers] = {}
    categories: dict[str, NDArray[np.str_]] = {}
    for name in (*(name for names in NUMBERS.values() for name in names), *FINDINGS):
        if (values := _numbers(frame, name, _enough(frame, name, usual, policy), problems)) is not None:
            (findings if name in FINDINGS else numbers)[name] = values
    for name in CATEGORIES:
        if name not in frame:
            problems[name] = "missing"
        elif (known := frame[name].dropna()).size >= _enough(frame, name, usual, policy):
            categories[name] = known.astype(str).to_numpy(dtype=str)
        else:
            problems[name] = f"known of {known.size} in {len(frame)} studies"
    if projection is not None:
        numbers |= _places(frame, projection, _enough(frame, EMBEDDING, usual, policy), problems)
    return Window(len(frame), numbers, categories, findings, problems)


def _numbers(frame: pd.DataFrame, name: str, enough: float, problems: dict[str, str]) -> Numbers | None:
    if name not in frame:
        problems[name] = "missing"
        return None
    column = frame[name]
    if not pd.api.types.is_numeric_dtype(column):
        problems[name] = "no number any more"
        return None
    values: Numbers = column.to_numpy(dtype=np.float32, na_value=np.nan)
    known: Numbers = values[np.isfinite(values)]
    if known.size < enough:
        problems[name] = f"known of {known.size} in {len(frame)} studies"
        return None
    return known


def _places(frame: pd.DataFrame, projection: Projection, enough: float, problems: dict[str, str]) -> dict[str, Numbers]:
    if EMBEDDING not in frame:
        problems[EMBEDDING] = "missing"
        return {}
    vectors = [vector for vector in frame[EMBEDDING] if vector is not None]
    if any(np.shape(vector) != projection.mean.shape for vector in vectors):
        problems[EMBEDDING] = f"not {projection.mean.size} numbers any more"
        return {}
    if len(vectors) < enough:
        problems[EMBEDDING] = f"known of {len(vectors)} in {len(frame)} studies"
        return {}
    placed = projection.numbers(np.stack(vectors).astype(np.float32))
    return {name: values[np.isfinite(values)] for name, values in placed.items()}


def _enough(frame: pd.DataFrame, name: str, usual: Mapping[str, float], policy: Policy) -> float:
    """At least one, so that an empty window is a problem and no figure."""
    return max(1.0, (usual.get(name, 1.0) - policy.maximum_missing) * len(frame))
