"""The mean training mask of each statement: where a finding usually lies, for whom the image is never looked at."""

import zlib
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from model.findings import Finding, Side
from model.metrics import SIZE_BOUNDS, grounding_figures
from pipelines.evaluation_set import EvaluationSet, EvaluationStudy, ReferenceSentence
from pipelines.grounding_scores import StatementScore, score_statement

COMPARED = 200
"""Single masks of an observation that the mean is compared with: the first ones."""
VARYING = 0.4
"""The place of an observation varies where the mean mask of its statements agrees less than this with the single masks
(mean IoU over thresholds .1 to .5, training split alone)."""

Mask = NDArray[np.bool_]
Statement = tuple[str, Side | None]


def positive_statements(study: EvaluationStudy) -> Iterator[tuple[ReferenceSentence, Finding]]:
    """The positive statements of a reference, each with its sentence."""
    return ((sentence, finding) for sentence in study.sentences for finding in sentence.findings if finding.positive)


class TrainingRegions:
    """The regions of the training split's positive statements, seen one study after the other."""

    def __init__(self) -> None:
        self._sums: dict[Statement, NDArray[np.float32]] = {}
        self._shares: list[float] = []
        self._first: dict[str, list[tuple[Statement, bytes]]] = {}

    @classmethod
    def of(cls, training: EvaluationSet) -> "TrainingRegions":
        regions = cls()
        for index in range(len(training)):
            regions.see(training[index])
        return regions

    def see(self, study: EvaluationStudy) -> None:
        for sentence in study.sentences:
            if sentence.mask is not None and sentence.mask.any() and any(f.positive for f in sentence.findings):
                self._shares.append(float(sentence.mask.mean()))
        for sentence, finding in positive_statements(study):
            if sentence.mask is None or not sentence.mask.any():
                continue
            statement = (finding.observation, finding.side)
            total = self._sums.setdefault(statement, np.zeros(sentence.mask.shape, np.float32))
            total += sentence.mask
            kept = self._first.setdefault(finding.observation, [])
            if len(kept) < COMPARED:
                kept.append((statement, zlib.compress(np.packbits(sentence.mask).tobytes(), 1)))

    def means(self) -> dict[Statement, NDArray[np.float32]]:
        """Per positive statement (finding and side) the mean of its masks, (size, size), scaled to sum 1 as attention
        does."""
        return {statement: total / total.sum() for statement, total in self._sums.items()}

    def agreement(self) -> dict[str, float]:
        """Per observation, the mean `miou` of the mean mask of each statement with the single masks that it is the mean
        of."""
        means = self.means()
        return {
            observation: float(np.mean([self._miou(means[statement], packed) for statement, packed in kept]))
            for observation, kept in sorted(self._first.items())
        }

    def terciles(self) -> tuple[float, float]:
        """The shares of the image that part the regions into equal thirds; SIZE_BOUNDS where there is none."""
        if not self._shares:
            return SIZE_BOUNDS
        low, high = np.quantile(self._shares, [1 / 3, 2 / 3])
        return float(low), float(high)

    @staticmethod
    def _miou(mean: NDArray[np.float32], packed: bytes) -> float:
        bits = np.unpackbits(np.frombuffer(zlib.decompress(packed), np.uint8), count=mean.size)
        return grounding_figures(mean, bits.view(bool).reshape(mean.shape))["miou"]


def varying(agreement: dict[str, float]) -> list[str]:
    """The observations whose place varies, see VARYING."""
    return [observation for observation, value in agreement.items() if value < VARYING]


def score_mean_masks(
    index: int,
    study: EvaluationStudy,
    means: Mapping[Statement, NDArray[np.float32]],
    grid: tuple[int, int],
    bounds: tuple[float, float] = SIZE_BOUNDS,
) -> list[StatementScore]:
    """Every statement of a reference answered by the mean training mask of its finding and side."""
    scores = (
        score_statement(index, sentence, finding, means.get((finding.observation, finding.side)), grid, bounds)
        for sentence, finding in positive_statements(study)
    )
    return [score for score in scores if score is not None]
