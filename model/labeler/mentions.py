"""Which observations a sentence names, before anything is said of them."""

from dataclasses import dataclass
from enum import StrEnum

from model.labeler.lexicon import lexicon


class Kind(StrEnum):
    """How a phrase stands for its observation."""

    ADDITION = "additions"
    FINDING = "findings"
    HINT = "hints"
    STRUCTURE = "structures"


@dataclass(frozen=True, slots=True)
class Mention:
    """The stretch [start, end) of a sentence that names a class: an observation or one of the lexicon's others."""

    name: str
    kind: Kind
    start: int
    end: int


def mentions(sentence: str) -> list[Mention]:
    """Every mention in a lower-case sentence, from left to right. Two classes may share words, one class never does."""
    found = [
        Mention(name, Kind(match.tag), match.start, match.end)
        for name, phrases in lexicon().mentions.items()
        for match in phrases.find(sentence)
        if match.tag != "exclusions"
    ]
    return sorted(found, key=lambda mention: (mention.start, mention.end))
