"""Which drafted reports a validation report shows: chosen by rule, so that nobody picks the flattering ones."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from model.errors import BadInput
from model.findings import Certainty

TYPICAL = 3

Stated = frozenset[tuple[str, str | None]]


class Kind(StrEnum):
    """Why a draft is shown."""

    FINDINGS = "several findings, all of them drafted"
    NORMAL = "no finding, none drafted"
    ERRORS = "the most errors"
    TYPICAL = "typical"


@dataclass(frozen=True, slots=True)
class Drafted:
    """What choosing needs of one study: the positive findings (observation, side) of reference and draft."""

    study_id: str
    true: Stated
    said: Stated
    bleu_4: float

    @property
    def errors(self) -> int:
        return len(self.true ^ self.said)


def stated(sentences: Sequence[dict[str, Any]]) -> Stated:
    """Positive findings of drafts.jsonl's sentences; "No Finding" is none."""
    positive = (Certainty.DEFINITE, Certainty.LIKELY)
    findings = (f for s in sentences for f in s["findings"] if f["certainty"] in positive)
    return frozenset((f["observation"], f["side"]) for f in findings if f["observation"] != "No Finding")


def read_drafts(path: Path) -> Iterator[dict[str, Any]]:
    """The drafted studies, one at a time.

    Raises:
        BadInput: no such file.
    """
    if not path.is_file():
        raise BadInput(f"drafts {path}", "the report shows what the model drafted", "run `radassist evaluate` first")
    with path.open() as lines:
        yield from (json.loads(line) for line in lines)


def report_text(report: Mapping[str, Any]) -> str:
    """Findings, then impression, as one string, of drafts.jsonl's reference or draft."""
    return " ".join(report[section] for section in ("findings", "impression") if report[section])


def summary(line: dict[str, Any]) -> Drafted:
    return Drafted(
        study_id=line["study_id"],
        true=stated(line["reference"]["sentences"]),
        said=stated(line["draft"]["sentences"]),
        bleu_4=line["figures"].get("bleu_4") or 0.0,
    )


def choose(drafts: Sequence[Drafted]) -> tuple[tuple[Kind, Drafted], ...]:
    """The drafts to show, each once.

    First the study with the most findings among those drafted without an error, then a normal one drafted as normal,
    then the one with the most errors; then typical ones, at the quartiles of BLEU-4. A kind that no study fits is left
    out and a typical one more is shown. Ties go to the lower study id.
    """
    ordered = sorted(drafts, key=lambda d: d.study_id)
    flawless = [d for d in ordered if d.true and not d.errors]
    normal = [d for d in ordered if not d.true and not d.said]
    wrong = [d for d in ordered if d.errors]
    chosen: list[tuple[Kind, Drafted]] = []
    if flawless:
        chosen.append((Kind.FINDINGS, max(flawless, key=lambda d: len(d.true))))
    if normal:
        chosen.append((Kind.NORMAL, normal[0]))
    if wrong:
        chosen.append((Kind.ERRORS, max(wrong, key=lambda d: d.errors)))
    shown = {d.study_id for _, d in chosen}
    rest = sorted((d for d in ordered if d.study_id not in shown), key=lambda d: (d.bleu_4, d.study_id))
    wanted = min(len(rest), len(Kind) - 1 + TYPICAL - len(chosen))
    typical = [rest[(2 * i + 1) * len(rest) // (2 * wanted)] for i in range(wanted)]
    return (*chosen, *((Kind.TYPICAL, d) for d in typical))
