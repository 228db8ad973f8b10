"""The studies that a model is graded on, read one at a time: the prepared test split, or any source's studies."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from model.findings import Finding
from model.geometry import filled
from model.labeler import label_sentence
from model.pixels import Geometry, ModelInput, PixelParams, PixelsRefused, to_model_input
from model.prompt import prompt_text
from model.study import Section, Sentence, Study
from pipelines.prepared_studies import PreparedStudies
from pipelines.sources import Rejected, Source
from pipelines.written_reports import WrittenReport


@dataclass(frozen=True)
class ReferenceSentence:
    """A sentence of the signed report; `mask` is bool (size, size) at the model input's resolution."""

    text: str
    section: Section
    groundable: bool | None
    mask: NDArray[np.bool_] | None

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        return label_sentence(self.text)


@dataclass(frozen=True, slots=True)
class EvaluationStudy:
    """One study to be graded: what the model sees, the reference, and what the model is told before it writes."""

    study_id: str
    patient_id: str
    model_input: ModelInput
    sentences: tuple[ReferenceSentence, ...]
    prompt: str = ""

    def section(self, section: Section) -> str:
        return " ".join(s.text for s in self.sentences if s.section is section)


class EvaluationSet(Protocol):
    """Studies by index; `patient_id` and `report` read no picture."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> EvaluationStudy: ...
    def patient_id(self, index: int) -> str: ...
    def report(self, index: int) -> WrittenReport: ...


def all_reports(studies: EvaluationSet) -> list[WrittenReport]:
    """The signed reports of a set, in its order."""
    return [studies.report(index) for index in range(len(studies))]


def written(sentences: Iterable[tuple[str, Section]]) -> WrittenReport:
    """A report from its sentences, each with its section."""
    parted: dict[Section, list[str]] = {section: [] for section in Section}
    for text, section in sentences:
        parted[section].append(text)
    return WrittenReport(tuple(parted[Section.FINDINGS]), tuple(parted[Section.IMPRESSION]))


class PreparedEvaluation:
    """One split of `prepared/`."""

    def __init__(self, folder: Path, split: str) -> None:
        self._studies = PreparedStudies(folder, split)

    def __len__(self) -> int:
        return len(self._studies)

    def __getitem__(self, index: int) -> EvaluationStudy:
        row = self._studies.row(index)
        image, masks = self._studies.picture(row)
        columns = (row["sentence_text"], row["sentence_section"], row["sentence_groundable"], row["sentence_mask"])
        return EvaluationStudy(
            row["study_id"],
            row["patient_id"],
            ModelInput(image, Geometry(**row["geometry"]), row["input_sha256"], None, ()),
            tuple(
                ReferenceSentence(text, Section(section), groundable, masks[mask] if mask >= 0 else None)
                for text, section, groundable, mask in zip(*columns, strict=True)
            ),
            row["prompt"],
        )

    def patient_id(self, index: int) -> str:
        return self._studies.row(index, ["patient_id"])["patient_id"]

    def report(self, index: int) -> WrittenReport:
        row = self._studies.row(index, ["sentence_text", "sentence_section"])
        return written(zip(row["sentence_text"], map(Section, row["sentence_section"]), strict=True))


class SourceEvaluation:
    """The studies of a source that have a report and a readable image.

    `left_out` counts the others by reason.
    """

    def __init__(self, source: Source, pixels: PixelParams) -> None:
        self._pixels = pixels
        self._studies: list[Study] = []
        self.left_out: dict[str, int] = {}
        for study in source.studies():
            if isinstance(study, Rejected):
                self._leave_out(study.reason)
            elif not study.sentences:
                self._leave_out("no report")
            elif not study.images:
                self._leave_out("no image")
            else:
                try:
                    to_model_input(study.images[0].path, pixels)
                except PixelsRefused as refused:
                    self._leave_out(refused.reason.value)
                else:
                    self._studies.append(study)

    def _leave_out(self, reason: str) -> None:
        self.left_out[reason] = self.left_out.get(reason, 0) + 1

    def __len__(self) -> int:
        return len(self._studies)

    def __getitem__(self, index: int) -> EvaluationStudy:
        study = self._studies[index]
        model_input = to_model_input(study.images[0].path, self._pixels)
        ordered = sorted(study.sentences, key=lambda s: s.section is Section.IMPRESSION)
        return EvaluationStudy(
            study.study_id,
            study.patient_id,
            model_input,
            tuple(
                ReferenceSentence(s.text, s.section, s.groundable, input_mask(s, model_input.geometry)) for s in ordered
            ),
            prompt_text(study.age, study.sex, study.indication),
        )

    def patient_id(self, index: int) -> str:
        return self._studies[index].patient_id

    def report(self, index: int) -> WrittenReport:
        return written((sentence.text, sentence.section) for sentence in self._studies[index].sentences)


def input_mask(sentence: Sentence, geometry: Geometry) -> NDArray[np.bool_] | None:
    """A sentence's region at the model input's resolution."""
    region = sentence.mask
    if region is None and sentence.boxes:
        region = filled(sentence.boxes, geometry.original_width, geometry.original_height)
    return None if region is None else geometry.mask_to_input(region) >= 0.5
