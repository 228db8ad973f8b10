"""What can be had without looking at the image, or without understanding it: the floor under every figure of a model.

The best constant report and the report of the nearest training image (for words and findings), the mean training mask
of the same statement (for regions), and the model's own drafts handed to other patients (images shuffled among
studies).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.metrics import Figure
from pipelines.constant_reports import best_constants, constant_figures
from pipelines.evaluation_set import EvaluationSet, all_reports
from pipelines.grounding_scores import prefixed
from pipelines.mean_masks import Statement, TrainingRegions
from pipelines.nearest import NearestImages, Thumbnail
from pipelines.progress import track
from pipelines.written_reports import LabelledReports, WrittenReport, report_figures


@dataclass(frozen=True, slots=True)
class Learned:
    """What the training split teaches who never learns to read an image.

    Attributes:
        constants: each figure of words and findings with its best constant report.
        nearest: for each study that is graded, the report of the training image most like its own.
        means: the mean mask of each positive statement, (size, size), sum 1.
        agreement: per observation, how well the mean masks agree with the single ones.
        sizes: the terciles of the regions, as shares of the image.
    """

    constants: dict[str, str]
    nearest: list[WrittenReport]
    means: Mapping[Statement, NDArray[np.float32]]
    agreement: dict[str, float]
    sizes: tuple[float, float]


def learn(training: EvaluationSet, thumbnails: Sequence[Thumbnail]) -> Learned:
    """Go through the training split, once.

    Args:
        thumbnails: of the studies that are graded.
    """
    nearest, regions = NearestImages(thumbnails), TrainingRegions()
    for index in track(range(len(training)), "training split"):
        study = training[index]
        nearest.see(study.model_input.image)
        regions.see(study)
    return Learned(
        constants=best_constants([report.text for report in all_reports(training)]),
        nearest=[training.report(index) for index in nearest.found()],
        means=regions.means(),
        agreement=regions.agreement(),
        sizes=regions.terciles(),
    )


def report_baselines(learned: Learned, references: LabelledReports) -> list[Figure]:
    """`constant.NAME` and `nearest.NAME`."""
    constant = constant_figures(references.texts, references.labels, learned.constants)
    nearest = report_figures(references, LabelledReports(learned.nearest))
    return [*prefixed("constant", constant), *prefixed("nearest", nearest)]


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
