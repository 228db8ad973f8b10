"""Which statements are shown as pictures: drawn by lot, so that nobody picks the flattering ones, nor the worst."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum

from model.findings import OBSERVATIONS
from pipelines.error_analysis.statements import Outcome, Quadrant, Statement

EACH = 6
"""Pictures of a kind, each of another observation."""


class Kind(StrEnum):
    """Why a statement is shown."""

    FOUND = "found"
    ASTRAY = "astray"
    MISSED = "missed"
    INVENTED = "invented"


def kind_of(statement: Statement) -> Kind:
    if statement.outcome is Outcome.FOUND:
        return Kind.FOUND if statement.right else Kind.ASTRAY
    return Kind.MISSED if statement.outcome is Outcome.MISSED else Kind.INVENTED


def choose(statements: Sequence[Statement], study_ids: Sequence[str]) -> list[tuple[Kind, Statement]]:
    """The statements to show, by kind, the commonest observation of the kind first.

    Of each kind EACH observations are shown, those with the most statements of it; of each the statement whose study
    comes first by the hash of its id. A study is shown once: errors choose before what is right.
    """
    lot = sorted(statements, key=lambda s: hashlib.sha256(f"errors:{study_ids[s.study]}".encode()).digest())
    chosen: dict[Kind, list[Statement]] = {}
    shown: set[int] = set()
    for kind in (Kind.ASTRAY, Kind.MISSED, Kind.INVENTED, Kind.FOUND):
        own = [statement for statement in lot if kind_of(statement) is kind]
        counts = Counter(statement.finding.observation for statement in own)
        chosen[kind] = []
        for observation in sorted(counts, key=lambda name: (-counts[name], OBSERVATIONS.index(name))):
            alike = (s for s in own if s.finding.observation == observation and s.study not in shown)
            if len(chosen[kind]) < EACH and (picked := next(alike, None)):
                chosen[kind].append(picked)
                shown.add(picked.study)
    return [(kind, statement) for kind in Kind for statement in chosen[kind]]


def caption(statement: Statement) -> str:
    """What the picture of a statement shows, in two sentences."""
    finding, look = statement.finding, statement.look
    name = f"{finding.side or ''} {finding.observation}".strip().lower()
    there = statement.quadrant is Quadrant.TEXT_WRONG
    if statement.outcome is Outcome.MISSED:
        return f"Missed {name}: {'another' if there else 'no other'} sentence of the draft looks at its region."
    if statement.outcome is Outcome.INVENTED:
        said = "has another sentence on that place" if there else "has nothing there that the draft leaves out"
        return f"Invented {name}: the reference {said}."
    if statement.right or look is None:
        return f"Found {name}."
    at = "all over" if look.diffuse else "at another extent" if look.peak else "elsewhere"
    return f"Found {name}, but the model looks {at}."
