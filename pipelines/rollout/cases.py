"""Studies that a replay resamples: each with its reference and the draft that a model once made of it."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from model.errors import BadInput
from model.labeler import label_sentence
from model.report import GroundedReport
from model.study import Section
from monitoring.features import sentence_numbers
from pipelines.evaluation_set import written
from pipelines.reviewed import stated
from pipelines.written_reports import WrittenReport, surfaced_report
from records.predictions import Sentence


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft as it is shown, and what is kept of it beside its text."""

    text: WrittenReport
    sentences: tuple[Sentence, ...] = ()
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """A study of the test split."""

    id: str
    reference: WrittenReport
    draft: Draft


def read_cases(path: Path) -> list[Case]:
    """The studies of an evaluation's `drafts.jsonl`. Withheld sentences are shown to nobody.

    Raises:
        BadInput: no such file, or no study in it.
    """
    if not path.is_file():
        raise BadInput(f"drafts {path}", "a replay resamples what a model drafted", "run `radassist evaluate` first")
    with path.open() as lines:
        cases = [_case(json.loads(line)) for line in lines]
    if not cases:
        raise BadInput(f"drafts {path}", "there is no study in it", "evaluate on a test split with studies")
    return cases


def weakened(cases: Iterable[Case], share: float, name: str) -> list[Draft]:
    """The drafts of a model that, in a `share` of the studies, leaves out a finding which this one drafts.

    The studies are drawn by the hash of `name` and their id, so that two models of different names err apart.
    """
    return [replace(c.draft, text=_without_one(c.draft.text)) if _lot(name, c.id) < share else c.draft for c in cases]


def _without_one(text: WrittenReport) -> WrittenReport:
    """Without all sentences on the first positive observation in the alphabet; the same where there is none."""
    positive = sorted(observation for observation, _ in stated(text))

    def kept(sentences: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(s for s in sentences if positive[0] not in {f.observation for f in label_sentence(s)})

    return WrittenReport(kept(text.findings), kept(text.impression)) if positive else text


def _lot(name: str, study: str) -> float:
    return int.from_bytes(hashlib.sha256(f"{name}:{study}".encode()).digest()[:8]) / 2**64


def _case(line: dict[str, Any]) -> Case:
    report = GroundedReport.from_json(line["draft"])
    measured = tuple(Sentence.model_validate(sentence_numbers(sentence)) for sentence in report.sentences)
    reference = written((said["text"], Section(said["section"])) for said in line["reference"]["sentences"])
    return Case(line["study_id"], reference, Draft(surfaced_report(report), measured, report.confidence))
