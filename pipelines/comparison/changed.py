"""The studies that two models treat differently: how far each moved, and what came right or went wrong in it."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model.findings import OBSERVATIONS
from pipelines.statistics import Statistics

MEASURES = ("findings_example_f1", "miou", "rouge_l_f1")
"""What a study's change is read off: what is said, where it points, how it is worded. Each is 0 to 1."""


def changed_studies(a: Statistics, b: Statistics) -> pd.DataFrame:
    """One row a study that changed, the most changed first.

    Args:
        a, b: over the same studies, in the same order.

    Returns:
        `study_id`; `change`, the mean absolute difference of MEASURES, and `gain`, the mean of b - a; `righted` and
        `broken`, the observations that b alone, and that a alone, has as the reference; each measure as `NAME.a`,
        `NAME.b`. A measure that has nothing to be scored by is NaN and counts as no difference; a study without a
        finding on either side counts as one that is right in its findings.
    """
    each = {side: measures(statistics) for side, statistics in (("a", a), ("b", b))}
    moved = np.stack([known(name, each["b"][name]) - known(name, each["a"][name]) for name in MEASURES])
    moved = np.where(np.isfinite(moved), moved, 0.0)
    wrong_a, wrong_b = wrong_observations(a), wrong_observations(b)
    table = pd.DataFrame(
        {
            "study_id": a.study_ids,
            "change": np.abs(moved).mean(axis=0),
            "gain": moved.mean(axis=0),
            "righted": named(wrong_a & ~wrong_b),
            "broken": named(wrong_b & ~wrong_a),
            **{f"{name}.{side}": each[side][name] for name in MEASURES for side in each},
        }
    )
    return table[table.change > 0].sort_values(["change", "study_id"], ascending=[False, True], ignore_index=True)


def measures(statistics: Statistics) -> dict[str, NDArray[np.float64]]:
    return {name: statistics.figures[name].of_each() for name in MEASURES}


def known(name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isnan(values), 1.0, values) if name == "findings_example_f1" else values


def wrong_observations(statistics: Statistics) -> NDArray[np.bool_]:
    """Which observations a draft has otherwise than its reference, bool (studies, 14)."""
    counts = statistics.figures["findings_micro_f1"].statistics.reshape(-1, len(OBSERVATIONS), 3)
    wrong: NDArray[np.bool_] = counts[..., 1:].sum(axis=-1) > 0
    return wrong


def named(marks: NDArray[np.bool_]) -> list[str]:
    return [", ".join(name for name, mark in zip(OBSERVATIONS, row, strict=True) if mark) for row in marks]


def other_references(a: Statistics, b: Statistics) -> int:
    """How many of the same studies have another reference: other positive observations, or another number of words."""
    counts_a, counts_b = (s.figures["findings_micro_f1"].statistics.reshape(-1, len(OBSERVATIONS), 3) for s in (a, b))
    positive_a, positive_b = (counts[..., 0] + counts[..., 2] for counts in (counts_a, counts_b))
    words_a, words_b = (s.figures["bleu_4"].statistics[:, -1] for s in (a, b))
    return int(((positive_a != positive_b).any(axis=1) | (words_a != words_b)).sum())
