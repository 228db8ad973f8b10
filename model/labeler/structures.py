"""What a sentence says of a part of the body: "the heart is mildly enlarged", "normal heart and mediastinum"."""

import re
from collections.abc import Sequence

from model.labeler.lexicon import Match, lexicon
from model.labeler.mentions import Kind, Mention

_ADJECTIVES = re.compile(r"(?:[\s-]+\w+){0,2}[\s-]*")
_ATTACHED = re.compile(r"(?:[\s-]+(?:sized|appearing))?[\s-]*")


def predicates_of(sentence: str, found: Sequence[Mention], barriers: Sequence[Match]) -> dict[Mention, Match]:
    """The predicate of each structure among the mentions `found`; a structure without one is left out.

    It is the one right before the structure, else the nearest behind it, else the nearest before it, within its clause.
    "Stable" gives way to one that tells more. An adjective of a finding ("large effusion") is none.
    """
    structures = [mention for mention in found if mention.kind is Kind.STRUCTURE]
    if not structures:
        return {}
    findings = [mention for mention in found if mention.kind is not Kind.STRUCTURE]
    free = [
        predicate
        for predicate in lexicon().predicates.find(sentence)
        if not any(_describes(sentence, predicate, finding) for finding in findings)
    ]
    walls = [0, *(barrier.start for barrier in barriers if barrier.tag == "barriers"), len(sentence)]
    attached = {structure: predicate for structure in structures if (predicate := _attached(sentence, structure, free))}
    chosen: dict[Mention, Match] = {}
    for structure in structures:
        low = max(wall for wall in walls if wall <= structure.start)
        high = min(wall for wall in walls if wall >= structure.end)
        behind = [p for p in free if structure.end <= p.start < high and p not in attached.values()]
        before = [p for p in free if low <= p.start and p.end <= structure.start]
        own = [attached[structure]] if structure in attached else []
        ranked = [*own, *behind, *reversed(before)]
        telling = [p for p in ranked if p.tag != "undecided"]
        if ranked:
            chosen[structure] = (telling or ranked)[0]
    return chosen


def _describes(sentence: str, predicate: Match, finding: Mention) -> bool:
    """The predicate stands within a finding's words or right before them."""
    if predicate.start >= finding.end:
        return False
    return finding.start < predicate.end or bool(_ADJECTIVES.fullmatch(sentence, predicate.end, finding.start))


def _attached(sentence: str, structure: Mention, predicates: Sequence[Match]) -> Match | None:
    nearest = [p for p in predicates if p.end <= structure.start]
    return nearest[-1] if nearest and _ATTACHED.fullmatch(sentence, nearest[-1].end, structure.start) else None
