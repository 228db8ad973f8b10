"""What a sentence and a report state, as findings and as the labels of a convention."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from model.findings import OBSERVATIONS, Certainty, Finding
from model.labeler.lexicon import lexicon
from model.labeler.location import NOWHERE, places_of
from model.labeler.mentions import Kind
from model.labeler.scope import Statement, statements
from model.text import sentences


class Convention(StrEnum):
    """How certainties become labels; both leave out what a report does not mention.

    CHEXPERT: 1 stated, 0 denied, -1 uncertain, aggregated as stanfordmlgroup/chexpert-labeler does (Irvin et al. 2019).
    ASSERTION: 1 where some sentence states it as likely or better, else 0.
    """

    CHEXPERT = "chexpert"
    ASSERTION = "assertion"


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why one sentence counts for one observation, or for an abnormality outside the 14.

    `certainty` None: named, but not asserted of this image. `words` decided: the observation's own first.
    """

    sentence: str
    observation: str
    certainty: Certainty | None
    words: tuple[str, ...]


def label_sentence(text: str) -> tuple[Finding, ...]:
    """The findings that one sentence states or denies, from left to right, with certainty, side and zone.

    >>> label_sentence("Small left pleural effusion without pneumothorax.")[0].side
    <Side.LEFT: 'left'>
    """
    lower = text.lower()
    stated = [s for s in statements(lower) if s.certainty is not None]
    places = places_of(lower, [(s.mention.start, s.mention.end) for s in stated])
    paired = lexicon().paired
    return tuple(
        dict.fromkeys(
            Finding(statement.mention.name, statement.certainty, side, zone)
            for statement, where in zip(stated, places, strict=True)
            if statement.mention.name in OBSERVATIONS and statement.certainty is not None
            for side, zone in (where if statement.mention.name in paired else NOWHERE)
        )
    )


def label_report(text: str, convention: Convention = Convention.CHEXPERT) -> dict[str, int]:
    """Observation -> label, in the order of OBSERVATIONS; absent = not mentioned; a blank report has no label.

    "No Finding" is 1 where nothing but support devices is stated or uncertain, abnormalities outside the 14
    observations included; else it is absent, as in the original.
    """
    if not text.strip():
        return {}
    seen: dict[str, set[int]] = {}
    for _, statement in _statements(text):
        label = _label(statement, convention)
        if label is not None:
            seen.setdefault(statement.mention.name, set()).add(label)
    if convention is Convention.CHEXPERT and seen.get("Heart Failure", set()) & {1, -1}:
        seen.setdefault("Cardiomegaly", set()).add(-1)
    labels = {name: _aggregated(labels) for name, labels in seen.items()}
    free = not any(label for name, label in labels.items() if name != "Support Devices")
    labels |= {"No Finding": 1} if free else {}
    return {name: labels[name] for name in OBSERVATIONS if name in labels}


def _label(statement: Statement, convention: Convention) -> int | None:
    passed_over = convention is Convention.CHEXPERT and statement.mention.kind is Kind.ADDITION
    if statement.certainty is None or passed_over:
        return None
    if statement.certainty is Certainty.NEGATED:
        return 0
    if convention is Convention.ASSERTION:
        return int(statement.certainty in (Certainty.DEFINITE, Certainty.LIKELY))
    return -1 if statement.uncertain else 1


def _aggregated(labels: set[int]) -> int:
    """One label of several: the original's `aggregate.py`, which puts 0 and -1 together above a 1 as well."""
    if {0, -1} <= labels:
        return -1
    return 1 if 1 in labels else min(labels)


def explain(text: str) -> tuple[Explanation, ...]:
    """Which words of a report gave which label, in the order of the report."""
    return tuple(
        Explanation(
            sentence,
            statement.mention.name,
            statement.certainty,
            tuple(sentence[start:end] for start, end in statement.words),
        )
        for sentence, statement in _statements(text)
    )


def _statements(text: str) -> Iterator[tuple[str, Statement]]:
    for sentence in sentences(text):
        for statement in statements(sentence.lower()):
            yield sentence, statement
