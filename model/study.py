"""A study as every source hands it on. What a source does not know is None, never invented."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.geometry import Box


class Section(StrEnum):
    """The two sections of a report that are drafted."""

    FINDINGS = "findings"
    IMPRESSION = "impression"


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a report and the region it rests on.

    `mask` is bool (H, W) in the first image's original pixels; `boxes` are in the same pixels. Both None: nobody
    annotated the sentence. `groundable` is False for a sentence known to point nowhere ("Frontal view of the chest."),
    True for one known to have a region, None where nobody said.
    """

    text: str
    section: Section
    mask: NDArray[np.bool_] | None = None
    boxes: tuple[Box, ...] | None = None
    groundable: bool | None = None


@dataclass(frozen=True, slots=True)
class StudyImage:
    """One image of a study: a DICOM, PNG or JPEG file, and its view (PA, AP, LATERAL, LL ...) where known."""

    path: Path
    view: str | None = None


@dataclass(frozen=True, slots=True)
class Study:
    """One radiographic study with its report.

    `labels` are the observations of CheXpert, 1 positive, 0 negative, -1 uncertain; an observation that is not
    mentioned is absent. `age` in years. `split` is train, validate or test where the data set itself fixes it.
    """

    study_id: str
    patient_id: str
    images: tuple[StudyImage, ...]
    sentences: tuple[Sentence, ...] = ()
    findings: str | None = None
    impression: str | None = None
    indication: str | None = None
    technique: str | None = None
    comparison: str | None = None
    labels: dict[str, int] | None = None
    age: int | None = None
    sex: str | None = None
    race_ethnicity: str | None = None
    site: str | None = None
    device: str | None = None
    modality: str | None = None
    split: str | None = None
    notes: dict[str, str] = field(default_factory=dict)
