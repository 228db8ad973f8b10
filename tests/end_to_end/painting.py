"""Phantom studies as they might also have been: a finding painted in or taken away; the film mirrored, turned, cut."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from model.findings import Side
from model.pixels import ModelInput, PixelParams, to_model_input
from model.report import GroundedReport
from pipelines.sources.phantom.abnormalities import DEPICTED, Abnormality
from pipelines.sources.phantom.dicom import encode
from pipelines.sources.phantom.plan import StudyPlan
from pipelines.sources.phantom.radiograph import radiograph

Image = NDArray[np.uint8]
Said = set[tuple[str, Side | None]]


def film(plan: StudyPlan, abnormalities: Sequence[Abnormality], params: PixelParams) -> ModelInput:
    """The study's frontal image with other abnormalities than its own, as the model sees it; all else is alike."""
    rows, columns = plan.shape(params.size)
    ordered = tuple(sorted(abnormalities, key=lambda a: DEPICTED.index(a.observation)))
    drawn = radiograph(plan.patient.body, plan.pose, plan.shots[0].exposure, ordered, plan.key, rows, columns)
    return to_model_input(encode(plan, plan.shots[0], drawn.image), params)


def without(plan: StudyPlan, observation: str) -> list[Abnormality]:
    return [abnormality for abnormality in plan.abnormalities if abnormality.observation != observation]


def changed(seen: ModelInput, change: Callable[[Image], Image]) -> ModelInput:
    return replace(seen, image=np.ascontiguousarray(change(seen.image)))


def mirrored(image: Image) -> Image:
    return image[:, ::-1]


def brighter(image: Image) -> Image:
    return cv2.convertScaleAbs(image, alpha=1.0, beta=15)


def turned(image: Image) -> Image:
    """By three degrees."""
    side = image.shape[0]
    turn = cv2.getRotationMatrix2D(((side - 1) / 2, (side - 1) / 2), 3.0, 1.0)
    return cv2.warpAffine(image, turn, (side, side))


def cropped(image: Image) -> Image:
    """By three hundredths of its side all round, and enlarged to its size again."""
    side = image.shape[0]
    cut = round(0.03 * side)
    return cv2.resize(image[cut : side - cut, cut : side - cut], (side, side), interpolation=cv2.INTER_LINEAR)


def said(report: GroundedReport) -> Said:
    """The findings that a report states, each with its side."""
    return {(f.observation, f.side) for s in report.surfaced for f in s.findings if f.positive} - {("No Finding", None)}


def side_of_map(report: GroundedReport, observation: str) -> Side:
    """The side of the patient, which is the other one of the film, on which the sentences about a finding rest."""
    about = [s.map for s in report.surfaced if any(f.observation == observation and f.positive for f in s.findings)]
    left, right = np.array_split(sum(about), 2, axis=1)
    return Side.RIGHT if left.sum() > right.sum() else Side.LEFT
