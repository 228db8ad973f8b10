"""What can be had without looking at the image: the floor that every figure of a model stands on.

The best constant report (for words and findings), the mean training mask of the same statement (for regions), and the
model's own drafts handed to other patients (images shuffled among studies).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.findings import Side
from model.labeler import label_report
from model.metrics import SIZE_BOUNDS, Figure, findings_figures, grounding_figures, text_figures
from model.metrics.findings import Labels
from model.text import sentences
from pipelines.evaluation_set import EvaluationSet
from pipelines.grounding_scores import StatementScore, score_statement

CANDIDATES = 25
"""Constant reports that are tried: the most frequent ones of the training split, and one that is composed."""
SENTENCES = 60
"""Sentences that it is composed of: at most so many of the most frequent ones."""
COMPARED = 200
"""Training studies that they are tried on."""

VARYING = 0.4
"""The place of an observation varies where the mean mask of its statements agrees less than this with the single masks
(mean IoU over thresholds .1 to .5, training split alone)."""

Statement = tuple[str, Side | None]


@dataclass(frozen=True, slots=True)
class ImageFree:
    """The constant reports and the mean masks, learned on the training split and scored on the studies.

    Attributes:
        constants: each figure of words and findings of its own best constant report.
        scores: every reference statement answered by its mean mask.
        varying: the observations whose place varies.
        described: the constant reports, and why a place counts as varying.
    """

    constants: dict[str, float]
    scores: list[StatementScore]
    varying: list[str]
    described: dict[str, Any]


def image_free(
    studies: EvaluationSet, references: Sequence[str], training: EvaluationSet, grid: tuple[int, int]
) -> ImageFree:
    """What a model would reach that never looked at an image."""
    constants = best_constants([training[index].text for index in range(len(training))])
    means = mean_masks(training)
    agreement = agreement_with_mean(training, means)
    moving = varying(agreement)
    return ImageFree(
        constants=constant_figures(references, constants),
        scores=mean_mask_scores(studies, means, grid),
        varying=moving,
        described={"constants": constants, "agreement_with_mean_mask": agreement, "varying": moving},
    )


def best_constants(reports: Sequence[str]) -> dict[str, str]:
    """Per figure of words and findings, the report that scores best when it is given for every study."""
    sample = list(reports)[:COMPARED]
    labels = [label_report(report) for report in sample]
    best: dict[str, tuple[float, str]] = {}
    frequent = [report for report, _ in Counter(reports).most_common(CANDIDATES)]
    for candidate in [*frequent, composed_report(sample, labels)]:
        figures: list[Figure] = [
            *text_figures(sample, [candidate] * len(sample)),
            *findings_figures(labels, [label_report(candidate)] * len(sample)),
        ]
        for figure in figures:
            value = float(np.nan_to_num(figure()))
            if figure.name not in best or value > best[figure.name][0]:
                best[figure.name] = (value, candidate)
    return {name: candidate for name, (_, candidate) in best.items()}


def composed_report(reports: Sequence[str], labels: Sequence[Labels]) -> str:
    """Frequent sentences, added one by one as long as the findings' micro-F1 of the constant report rises.

    Where reports vary, none of them is frequent, and this is the constant report to beat.
    """
    count = Counter(sentence for report in reports for sentence in sentences(report))
    frequent = [sentence for sentence, _ in count.most_common(SENTENCES)]
    chosen, reached = "", 0.0
    while True:
        longer = {f"{chosen} {sentence}".strip(): 0.0 for sentence in frequent}
        for candidate in longer:
            longer[candidate] = micro_f1(labels, candidate)
        best = max(longer, key=lambda candidate: longer[candidate])
        if longer[best] <= reached:
            return chosen or frequent[0]
        chosen, reached = best, longer[best]


def micro_f1(labels: Sequence[Labels], constant: str) -> float:
    """findings_micro_f1 of one report given for every study; 0 where it is not defined."""
    figures = findings_figures(labels, [label_report(constant)] * len(labels))
    return float(np.nan_to_num(next(f for f in figures if f.name == "findings_micro_f1")()))


def constant_figures(references: Sequence[str], constants: dict[str, str]) -> dict[str, float]:
    """Each figure of its own best constant report over the references."""
    labels = [label_report(report) for report in references]
    scored: dict[str, dict[str, float]] = {}
    for candidate in set(constants.values()):
        drafts = [candidate] * len(references)
        figures = [
            *text_figures(references, drafts),
            *findings_figures(labels, [label_report(candidate)] * len(labels)),
        ]
        scored[candidate] = {figure.name: figure() for figure in figures}
    return {name: scored[candidate][name] for name, candidate in constants.items()}


def mean_masks(training: EvaluationSet) -> dict[Statement, NDArray[np.float32]]:
    """Per positive statement (finding and side) the mean of its training masks, (size, size), scaled to sum 1 as
    attention does."""
    sums: dict[Statement, NDArray[np.float32]] = {}
    for index in range(len(training)):
        for sentence in training[index].sentences:
            for finding in sentence.findings:
                if finding.positive and sentence.mask is not None:
                    key = (finding.observation, finding.side)
                    sums[key] = sums.get(key, np.zeros(sentence.mask.shape, np.float32)) + sentence.mask
    return {key: total / total.sum() for key, total in sums.items()}


def mean_mask_scores(
    studies: EvaluationSet,
    means: dict[Statement, NDArray[np.float32]],
    grid: tuple[int, int],
    bounds: tuple[float, float] = SIZE_BOUNDS,
) -> list[StatementScore]:
    """Every reference statement answered by the mean training mask of its finding and side."""
    scores = []
    for index in range(len(studies)):
        for sentence in studies[index].sentences:
            for finding in (f for f in sentence.findings if f.positive):
                grid_map = means.get((finding.observation, finding.side))
                score = score_statement(index, sentence, finding, grid_map, grid, bounds)
                if score is not None:
                    scores.append(score)
    return scores


def agreement_with_mean(training: EvaluationSet, means: dict[Statement, NDArray[np.float32]]) -> dict[str, float]:
    """Per observation, the mean `miou` of the mean mask of each statement with the single masks that it is the mean of.

    At most COMPARED masks an observation, the first ones.
    """
    found: dict[str, list[float]] = {}
    for index in range(len(training)):
        for sentence in training[index].sentences:
            for finding in (f for f in sentence.findings if f.positive):
                seen = found.setdefault(finding.observation, [])
                grid_map = means.get((finding.observation, finding.side))
                if grid_map is not None and sentence.mask is not None and sentence.mask.any() and len(seen) < COMPARED:
                    seen.append(grounding_figures(grid_map, sentence.mask)["miou"])
    return {observation: float(np.mean(values)) for observation, values in sorted(found.items()) if values}


def varying(agreement: dict[str, float]) -> list[str]:
    """The observations whose place varies, see VARYING."""
    return [observation for observation, value in agreement.items() if value < VARYING]


def size_terciles(training: EvaluationSet) -> tuple[float, float]:
    """The shares of the image that part the regions of the training split's positive statements into equal thirds."""
    shares = [
        float(sentence.mask.mean())
        for index in range(len(training))
        for sentence in training[index].sentences
        if sentence.mask is not None and sentence.mask.any() and any(f.positive for f in sentence.findings)
    ]
    if not shares:
        return SIZE_BOUNDS
    low, high = np.quantile(shares, [1 / 3, 2 / 3])
    return float(low), float(high)


def shuffled(patients: Sequence[str], seed: int) -> NDArray[np.int64]:
    """A permutation that hands every study the image of another patient, where the patients allow it.

    Args:
        patients: patient id per study. seed: of the permutation.
    """
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(patients))
    for position in range(len(order)):
        if patients[order[position]] != patients[position]:
            continue
        for other in generator.permutation(len(order)):
            if patients[order[other]] != patients[position] and patients[order[position]] != patients[other]:
                order[[position, other]] = order[[other, position]]
                break
    return order
