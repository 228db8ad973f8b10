"""What is kept of each draft for the monitors: numbers of its picture, of its words, and of each sentence.

Who drafts enters them beside the prediction (`records.predictions`), and the reference is made of the same ones.
"""

import hashlib
import math
import re
from collections.abc import Set as AbstractSet
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from model.findings import OBSERVATIONS, Certainty
from model.grounding import entropy
from model.pixels import Geometry
from model.report import GroundedReport, GroundedSentence

_LAPLACE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)  # blind to edges, straight ones and corners

Kind = Literal["finding", "denial", "normal"]


def image_numbers(image: NDArray[np.uint8], geometry: Geometry) -> dict[str, float]:
    """Of what the model sees of a picture, the padding left out; grey values from 0 to 1.

    `exposure` is the grey value that half of the picture is darker than; `sharpness` the variance of the Laplacian,
    `noise` the standard deviation of the grain (Immerkaer 1996, CVIU 64:300); `saturation` the share of black and
    white.

    Args:
        image: uint8 (size, size), as `model.pixels` makes it.
    """
    top, left = geometry.pad_top, geometry.pad_left
    inside = image[top : top + geometry.scaled_height, left : left + geometry.scaled_width]
    grey = inside.astype(np.float32) / 255
    low, half, high = np.percentile(grey, [1, 50, 99])
    grain = np.abs(cv2.filter2D(grey, -1, _LAPLACE)[1:-1, 1:-1])
    return {
        "intensity_mean": float(grey.mean()),
        "intensity_sd": float(grey.std()),
        "intensity_p01": float(low),
        "intensity_p99": float(high),
        "aspect_ratio": geometry.original_width / geometry.original_height,
        "sharpness": float(cv2.Laplacian(grey, cv2.CV_32F).var()),
        "noise": math.sqrt(math.pi / 2) * float(grain.mean()) / 6 if grain.size else 0.0,
        "exposure": float(half),
        "saturation": float(((inside == 0) | (inside == 255)).mean()),
    }


def word_numbers(report: GroundedReport, templates: AbstractSet[str]) -> dict[str, float]:
    """Of what a reader is shown of a report; empty where it has no word. `templates` are fingerprints."""
    words = re.findall(r"\w+", report.text.lower())
    if not words:
        return {}
    sentences = [" ".join(sentence.text.lower().split()) for sentence in report.surfaced]
    return {
        "words": float(len(words)),
        "distinct": len(set(words)) / len(words),
        "repeated": 1 - len(set(sentences)) / len(sentences),
        "template": float(fingerprint(report.text) in templates),
    }


def fingerprint(text: str) -> str:
    """By which a report is known again, whatever its capitals and blanks: 64 hexadecimal digits."""
    return hashlib.sha256(" ".join(text.lower().split()).encode()).hexdigest()


def kind(sentence: GroundedSentence) -> Kind:
    """A sentence that states a finding, perhaps a possible one, is none that only denies others."""
    stated = [finding for finding in sentence.findings if finding.observation != OBSERVATIONS[0]]
    if any(finding.certainty is not Certainty.NEGATED for finding in stated):
        return "finding"
    return "denial" if stated else "normal"


def sentence_numbers(sentence: GroundedSentence) -> dict[str, str | float | bool]:
    """The fields of `records.predictions.Sentence`; attention that is nowhere counts as even."""
    spread = entropy(sentence.map, sentence.null_mass)
    return {
        "kind": kind(sentence),
        "entropy": min(1.0, spread) if math.isfinite(spread) else 1.0,
        "null_mass": min(1.0, max(0.0, sentence.null_mass)),
        "score": sentence.score,
        "verdict": sentence.verdict.value,
        "withheld": sentence.withheld,
    }
