"""Studies that a replay resamples: each with its reference and the draft that a model once made of it."""

import hashlib
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from model.errors import BadInput
from model.findings import Certainty
from model.labeler import label_sentence
from pipelines.reviewed import stated
from pipelines.written_reports import WrittenReport
from records.predictions import Sentence

MEASURED = ("null_mass", "score", "verdict", "withheld")


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
    drafted = line["draft"]["sentences"]
    shown = [sentence for sentence in drafted if not sentence["withheld"]]
    draft = Draft(_text(shown), tuple(map(_measured, drafted)), line["draft"]["confidence"])
    return Case(line["study_id"], _text(line["reference"]["sentences"]), draft)


def _text(sentences: Iterable[dict[str, Any]]) -> WrittenReport:
    said: dict[str, list[str]] = {"findings": [], "impression": []}
    for sentence in sentences:
        said[sentence["section"]].append(sentence["text"])
    return WrittenReport(tuple(said["findings"]), tuple(said["impression"]))


def _measured(sentence: dict[str, Any]) -> Sentence:
    certainties = {finding["certainty"] for finding in sentence["findings"]}
    kind = "normal" if not certainties else "denial" if certainties == {Certainty.NEGATED} else "finding"
    measured = {name: sentence[name] for name in MEASURED}
    return Sentence.model_validate({"kind": kind, "entropy": _entropy(sentence["map"])} | measured)


def _entropy(rows: list[list[float]] | None) -> float:
    """Of the map over the patches, as a share of the largest that there is; 1 where there is no map."""
    patches = [value for row in rows or () for value in row]
    total = sum(patches)
    if not total:
        return 1.0
    return min(1.0, -sum(p / total * math.log(p / total) for p in patches if p) / math.log(len(patches)))
