"""Whether the given labels say what the reports say: the project's labeler reads every report that came with labels.

Agreement is Cohen's kappa (1960, Educ Psychol Meas 20:37): 1 is perfect, 0 is what labels of other patients' reports
would reach. A set does not say which convention its labels follow, so both are tried, and the one that fits better over
all observations counts.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.findings import OBSERVATIONS
from model.labeler import Convention, label_report
from model.workers import Loss, map_in_order
from pipelines.validation.policy import Chance

Labelled = tuple[str, Mapping[str, int | None]]
"""A report, and the labels that came with it."""

CONVENTIONS = tuple(Convention)
STUDIES_A_PROCESS = 4096  # fewer are read sooner than a process starts


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the comparison gave, an entry an observation.

    Args:
        convention: the one that fits better; None where nothing could be compared.
        overall: kappa over all observations, each weighing as much as chance leaves to gain; None where not measured.
        overall_at_most: what it may be at most, at the policy's z.
        by_observation: kappa, None where the set does not label the observation or has too few positives.
        read: studies in whose report the labeler reads the observation.
    """

    convention: Convention | None
    overall: float | None
    overall_at_most: float | None
    by_observation: tuple[float | None, ...]
    read: tuple[int, ...]


def counted(chunks: Iterable[Sequence[Labelled]], n_studies: int) -> NDArray[np.int64]:
    """Studies by convention, observation, given and read: int64 (2, 14, 2, 2), index 1 for positive.

    Uncertain counts as not positive, on both sides. Processes share the chunks of a set that is large enough for it,
    and few chunks are in memory; `n_studies` says how large.
    """
    total = np.zeros((len(CONVENTIONS), len(OBSERVATIONS), 2, 2), np.int64)
    processes = min(os.cpu_count() or 1, n_studies // STUDIES_A_PROCESS)
    for counts in map_in_order(_count, chunks, _lost, processes):
        total += np.array(counts)
    return total


def _lost(chunk: Sequence[Labelled], why: Loss) -> list[Any]:
    raise RuntimeError(f"the labeler's process was lost over {len(chunk)} reports: {why}")


def _count(chunk: Sequence[Labelled]) -> list[Any]:
    counts = np.zeros((len(CONVENTIONS), len(OBSERVATIONS), 2, 2), np.int64)
    for report, given in chunk:
        for index, convention in enumerate(CONVENTIONS):
            read = label_report(report, convention)
            for number, name in enumerate(OBSERVATIONS):
                counts[index, number, int(given.get(name) == 1), int(read.get(name) == 1)] += 1
    nested: list[Any] = counts.tolist()
    return nested


def agreement(counts: NDArray[np.int64], labelled: Sequence[bool], chance: Chance) -> Agreement:
    """Kappa from the counts of `counted`.

    Args:
        labelled: which observations the set labels at all; the others do not count.
        chance: how many positives an observation needs, given or read, and all of them together; and the z of
            `overall_at_most`, whose standard error takes the labels of a study as independent.
    """
    if not counts.sum():
        return Agreement(None, None, None, (None,) * len(OBSERVATIONS), (0,) * len(OBSERVATIONS))
    fits = [_Fit.of(table, np.array(labelled)) for table in counts]
    best = max(range(len(fits)), key=lambda index: fits[index].overall)
    fit = fits[best]
    measured = fit.used & (fit.positives >= chance.positives)
    enough = fit.positives[fit.used].sum() >= chance.positives
    return Agreement(
        CONVENTIONS[best],
        fit.overall if enough else None,
        min(fit.overall + chance.z * fit.error, 1.0) if enough else None,
        tuple(float(kappa) if m else None for kappa, m in zip(fit.kappa, measured, strict=True)),
        tuple(int(n) for n in counts[best, :, :, 1].sum(1)),
    )


@dataclass(frozen=True, slots=True)
class _Fit:
    """How one convention fits: an entry an observation, and all that are used together.

    `positives` is the larger of the given and the read ones.
    """

    used: NDArray[np.bool_]
    positives: NDArray[np.int64]
    kappa: NDArray[np.float64]
    overall: float
    error: float

    @classmethod
    def of(cls, counts: NDArray[np.int64], labelled: NDArray[np.bool_]) -> "_Fit":
        """From the counts (14, 2, 2) of one convention."""
        studies = counts.sum((1, 2))
        given, read = counts[:, 1].sum(1) / studies, counts[:, :, 1].sum(1) / studies
        observed = (counts[:, 0, 0] + counts[:, 1, 1]) / studies
        expected = given * read + (1 - given) * (1 - read)
        used = labelled & (expected < 1)
        gained, possible = observed - expected, np.where(used, 1 - expected, 1.0)
        whole = possible[used].sum() or 1.0
        return cls(
            used,
            np.maximum(counts[:, 1].sum(1), counts[:, :, 1].sum(1)),
            gained / possible,
            float(gained[used].sum() / whole),
            float(np.sqrt((observed * (1 - observed) / studies)[used].sum()) / whole),
        )
