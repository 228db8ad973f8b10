"""The word lists, read once and compiled to one regular expression each."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Match:
    """A stretch [start, end) of a sentence and the tag of the phrase that matched it."""

    tag: str
    start: int
    end: int


class Phrases:
    """Tagged phrases as one regular expression. Of two that start at one place the earlier one is found.

    A blank in a phrase stands for any run of white space or hyphens; a phrase matches at word boundaries, unless it
    starts with `[`, which marks punctuation.
    """

    def __init__(self, tagged: Mapping[str, Sequence[str]]) -> None:
        self._tags = tuple(tag for tag, phrases in tagged.items() if phrases)
        # An empty group behind each tag's phrases tells which tag matched, through Match.lastindex.
        self._pattern = re.compile("|".join(f"(?:{_alternatives(tagged[tag])})()" for tag in self._tags))

    def find(self, text: str) -> Iterator[Match]:
        """All matches that do not overlap, from left to right. `text` is lower case."""
        for match in self._pattern.finditer(text):
            yield Match(self._tags[(match.lastindex or 1) - 1], match.start(), match.end())


def _alternatives(phrases: Sequence[str]) -> str:
    words = "|".join(_expression(phrase) for phrase in phrases if not phrase.startswith("["))
    marks = [_expression(phrase) for phrase in phrases if phrase.startswith("[")]
    return "|".join([rf"\b(?:{words})\b", *marks] if words else marks)


def _expression(phrase: str) -> str:
    uncaptured = re.sub(r"(?<!\\)\((?!\?)", "(?:", phrase)
    return uncaptured.replace(" ", r"(?:[\s-]+)")


@dataclass(frozen=True, slots=True)
class Lexicon:
    """`mentions` by class, the 14 observations first; `paired` are the classes that have a side."""

    mentions: Mapping[str, Phrases]
    paired: frozenset[str]
    cues: Phrases
    barriers: Phrases
    predicates: Phrases
    sides_and_zones: Phrases
    joints: re.Pattern[str]
    anatomy: Phrases


@cache
def lexicon() -> Lexicon:
    """The project's lexicon."""
    observations, cues, locations = (_read(name) for name in ("observations", "cues", "locations"))
    classes = observations["observations"] | observations["others"]
    kinds = ("exclusions", "additions", "findings", "hints", "structures")
    tagged_cues = {"ignored": cues["ignored"]} | {
        f"{kind} {direction}": phrases
        for kind, directions in cues["cues"].items()
        for direction, phrases in directions.items()
    }
    # A word may name both a side and a zone ("bibasilar"): its tag is then "side zone".
    places: dict[str, list[str]] = {"exclusions": locations["exclusions"]}
    zone_of = {phrase: zone for zone, phrases in locations["zones"].items() for phrase in phrases}
    side_of = {phrase: side for side, phrases in locations["sides"].items() for phrase in phrases}
    for phrase in side_of | zone_of:
        tag = f"{side_of.get(phrase, '')}/{zone_of.get(phrase, '')}"
        places.setdefault(tag, []).append(phrase)
    return Lexicon(
        mentions={name: Phrases({kind: entry.get(kind, ()) for kind in kinds}) for name, entry in classes.items()},
        paired=frozenset(name for name, entry in classes.items() if entry.get("lateral", True)),
        cues=Phrases(tagged_cues),
        barriers=Phrases({kind: cues[kind] for kind in ("barriers", "clause_barriers", "hedge_barriers")}),
        predicates=Phrases(cues["predicates"]),
        sides_and_zones=Phrases(places),
        joints=re.compile(rf"(?:[\s,/&>-]|{_alternatives(locations['joints'])})*"),
        anatomy=Phrases(locations["anatomy"]),
    )


def _read(name: str) -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load((files(__package__) / f"{name}.yaml").read_text(encoding="utf-8"))
    return data
