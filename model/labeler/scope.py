"""What a sentence says of the observations it names.

The method is ConText's (Harkema et al. 2009, J Biomed Inform 42:839): a cue changes the mentions between itself and the
next barrier, forward or back. Chapman's NegEx (2001) is its root; the grades are the project's own.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from model.findings import Certainty
from model.labeler.lexicon import Match, lexicon
from model.labeler.mentions import Kind, Mention, mentions
from model.labeler.spelling import Respelling, respelled
from model.labeler.structures import predicates_of

UNASSERTED, NEGATED = "unasserted", "negated"
# A kind of hedge: the grade it leaves, and whether CheXpert's labeler calls it uncertain.
_HEDGES = {
    "possible": (Certainty.POSSIBLE, True),
    "suggestive": (Certainty.POSSIBLE, False),
    "probable": (Certainty.LIKELY, True),
    "likely": (Certainty.LIKELY, False),
}
_PREDICATES = {
    "abnormal": (Certainty.DEFINITE, False),
    "borderline": (Certainty.LIKELY, True),
    "undecided": (Certainty.POSSIBLE, True),
    "normal": (Certainty.NEGATED, False),
}
_FALLING = (Certainty.DEFINITE, Certainty.LIKELY, Certainty.POSSIBLE)
_COMMA = re.compile(r"\s*,\s*(?:\w+\s+){0,3}")
_OR = re.compile(r"\s*,?\s*(?:/|(?:and/or|or|versus|vs)\b\.?)\s*(?:\w+[\s-]+){0,3}")
_LONGEST_GAP = 80  # characters


@dataclass(frozen=True, slots=True)
class Statement:
    """A mention with its certainty; None where the sentence does not assert it of this image (a history, a question).

    `uncertain`: CheXpert's labeler, whose line runs elsewhere, calls what is not denied here uncertain. `words` are the
    stretches that decided: the mention's own, a structure's predicate, the cues.
    """

    mention: Mention
    certainty: Certainty | None
    uncertain: bool
    words: tuple[tuple[int, int], ...]


@lru_cache(maxsize=1 << 14)  # reports repeat their sentences
def statements(sentence: str) -> tuple[Statement, ...]:
    """What a lower-case sentence states, from left to right. A structure of which nothing is said states nothing."""
    meant = respelled(sentence)
    found = mentions(meant.text)
    if not found:
        return ()
    cues = [cue for cue in lexicon().cues.find(meant.text) if cue.tag != "ignored"]
    barriers = list(lexicon().barriers.find(meant.text))
    predicates = predicates_of(meant.text, found, barriers)
    stated = []
    for mention in found:
        if mention.kind is Kind.STRUCTURE:
            if predicate := predicates.get(mention):
                stated.append(_graded(mention, predicate, _PREDICATES[predicate.tag], cues, barriers))
        elif mention.kind is Kind.HINT:
            stated.append(_graded(mention, mention, (Certainty.POSSIBLE, True), cues, barriers))
        else:
            stated.append(_graded(mention, mention, (Certainty.DEFINITE, False), cues, barriers))
    weighed = _alternatives_weighed(meant.text, stated)
    return tuple(_as_written(statement, meant) for statement in weighed) if meant.changes else weighed


def _as_written(statement: Statement, meant: Respelling) -> Statement:
    mention = statement.mention
    return replace(
        statement,
        mention=replace(mention, start=meant.written(mention.start), end=meant.written(mention.end)),
        words=tuple((meant.written(start), meant.written(end)) for start, end in statement.words),
    )


def _graded(
    mention: Mention,
    anchor: Mention | Match,
    start: tuple[Certainty, bool],
    cues: Sequence[Match],
    barriers: Sequence[Match],
) -> Statement:
    """The statement of a mention whose deciding word is `anchor`: itself, or a structure's predicate."""
    reaching = [cue for cue in cues if _reaches(cue, anchor, barriers)]
    kinds = {cue.tag.split()[0] for cue in reaching}
    hedges = [start, *(_HEDGES[kind] for kind in kinds if kind in _HEDGES)]
    certainty: Certainty | None
    if start[0] is Certainty.NEGATED or NEGATED in kinds:
        certainty = Certainty.NEGATED
    elif UNASSERTED in kinds:
        certainty = None
    else:
        certainty = max((grade for grade, _ in hedges), key=_FALLING.index)
    spans = dict.fromkeys((word.start, word.end) for word in (mention, anchor, *reaching))
    return Statement(mention, certainty, any(uncertain for _, uncertain in hedges), tuple(spans))


def _reaches(cue: Match, anchor: Mention | Match, barriers: Sequence[Match]) -> bool:
    kind, direction = cue.tag.split()
    if direction == "before":
        low, high = cue.end, anchor.start
    else:
        low, high = anchor.end, cue.start
    if low > high:
        return False
    return not any(
        low <= barrier.start < high and (barrier.tag != "hedge_barriers" or kind != NEGATED) for barrier in barriers
    )


def _alternatives_weighed(sentence: str, stated: Sequence[Statement]) -> tuple[Statement, ...]:
    """Of "A or B" and "A versus B" neither is more than likely, unless both name one observation."""
    weighed = list(stated)
    series: set[int] = set()  # statements of a list "A, B, or C", from its end
    for right in reversed(range(len(weighed))):
        for left in reversed(range(right)):
            a, b = stated[left].mention, stated[right].mention
            if a.name == b.name or not 0 <= b.start - a.end <= _LONGEST_GAP or not _neighbours(a, b, stated):
                continue
            joined = _OR.fullmatch(sentence, a.end, b.start)
            listed = right in series and _COMMA.fullmatch(sentence, a.end, b.start)
            if joined or listed:
                if listed or sentence[a.end : b.start].lstrip().startswith(","):
                    series.add(left)
                for index in (left, right):
                    definite = weighed[index].certainty is Certainty.DEFINITE
                    certainty = Certainty.LIKELY if definite else weighed[index].certainty
                    weighed[index] = replace(weighed[index], certainty=certainty, uncertain=True)
    return tuple(weighed)


def _neighbours(a: Mention, b: Mention, stated: Sequence[Statement]) -> bool:
    return not any(a.end <= s.mention.start and s.mention.end <= b.start for s in stated)
