"""Evidently's HTML report of the last window, for those who want it: the same tests, drawn by others.

What alarms is decided without it (`monitoring.judge`): Evidently knows neither floors nor other windows. Each number is
named with the method `ks`: left alone, Evidently takes the Wasserstein distance for more than 1,000 studies.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from model.errors import BadInput
from monitoring.policy import Policy
from monitoring.reference import Reference
from monitoring.window import Window


def write_evidently(window: Window, reference: Reference, policy: Policy, path: Path) -> None:
    """
    Raises:
        BadInput: the window and the reference have no number in common.
    """
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift

    numbers = sorted(reference.numbers.keys() & window.numbers.keys())
    if not numbers:
        raise BadInput(f"--evidently {path}", "no whole window has a number of the reference", "give a later time")
    definition = DataDefinition(numerical_columns=numbers)
    now, before = (
        Dataset.from_pandas(frame_of({name: of[name] for name in numbers}), definition)
        for of in (window.numbers, reference.numbers)
    )
    report = Report([ValueDrift(column=name, method="ks", threshold=policy.distances.alpha) for name in numbers])
    path.parent.mkdir(parents=True, exist_ok=True)
    report.run(now, before).save_html(str(path))


def frame_of(numbers: Mapping[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]) -> pd.DataFrame:
    """Columns of different lengths; what is shorter ends in NaN, which Evidently leaves out."""
    return pd.DataFrame({name: pd.Series(values) for name, values in numbers.items()})
