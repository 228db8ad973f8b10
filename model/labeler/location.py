"""Where a sentence places its findings, and which parts of the body it names."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from model.findings import Side, Zone
from model.labeler.lexicon import lexicon

Place = tuple[Side | None, Zone | None]
NOWHERE: tuple[Place, ...] = ((None, None),)

_ADJECTIVES = re.compile(
    r"(?:[\s-]+(?!in\b|at\b|on\b|of\b|within\b|over\b|with\b|and\b|or\b|is\b|are\b|has\b|may\b|represent|reflect)\w+)*[\s-]*"
)
# What stands between a finding and one that shares its place: "with adjacent ...", "which may represent ...", "or ...".
_SHARED = re.compile(
    r"[\s,]*(?:"
    r"(?:(?:with|and|an?|some|the|mild|minimal|small)\s+)*"
    r"(?:adjacent|associated|overlying|underlying|subjacent|compressive|superimposed)\b"
    r"|(?:(?:which|that|this|is|are|and)\s+)*(?:most\s+|very\s+|more\s+)?"
    r"(?:may|might|could|likely|probabl[ey]|possibl[ey]|(?:consistent|compatible)(?:[\s-]+with)?|suggest\w*|suspicious|"
    r"concerning|worrisome|represent\w*|reflect\w*|favou?r\w*|due)\b"
    r"|(?:or|and/or|versus|vs\.?|/)(?!\w)"
    r")(?:[\s-]+(?!and\b|with\b)\w+){0,4}[\s-]*"
)
_CLAUSE_END = re.compile(
    r"[;:]|\.(?=\s)|\b(?:but|however|although|though|while|whereas|without|except)\b|,\s*(?:no|there (?:is|are) no)\b"
)


@dataclass(frozen=True, slots=True)
class _Words:
    """One run of location words, such as "right upper and left lower lobes"."""

    start: int
    end: int
    places: tuple[Place, ...]


def places_of(sentence: str, spans: Sequence[tuple[int, int]]) -> list[tuple[Place, ...]]:
    """Side and zone of each finding of a lower-case sentence; a finding in two places has two.

    `spans` are the findings' [start, end), from left to right. Words right before a finding are its own ("left pleural
    effusion"), then those behind it ("opacity in the right base"), then those of the finding before it that it explains
    or stands beside ("effusion with adjacent atelectasis"), then those that open the clause ("at the left base is").
    """
    runs = _runs(sentence)
    if not runs:
        return [NOWHERE for _ in spans]
    placed: dict[int, _Words] = {}
    owned: set[_Words] = set()
    for index, (start, end) in enumerate(spans):
        before = [
            run
            for run in runs
            if (run.start < end and run.end > start)
            or (run.end <= start and not _taken(run, start, spans) and _ADJECTIVES.fullmatch(sentence, run.end, start))
        ]
        if before:
            placed[index] = before[-1]
            owned.add(before[-1])
    for index, (start, end) in enumerate(spans):
        if index in placed:
            continue
        clause_start = max((m.end() for m in _CLAUSE_END.finditer(sentence, 0, start)), default=0)
        clause_end = next((m.start() for m in _CLAUSE_END.finditer(sentence, end)), len(sentence))
        behind = [run for run in runs if end <= run.start < clause_end and run not in owned]
        opening = [
            run
            for run in runs
            if clause_start <= run.start and run.end <= start and run not in owned and not _behind_another(run, spans)
        ]
        if behind:
            placed[index] = behind[0]
        elif index - 1 in placed and _shares(sentence, spans[index - 1], placed[index - 1], start):
            placed[index] = placed[index - 1]
        elif opening:
            placed[index] = opening[-1]
    return [placed[index].places if index in placed else NOWHERE for index in range(len(spans))]


def _shares(sentence: str, neighbour: tuple[int, int], place: _Words, start: int) -> bool:
    """A finding at `start` shares the place of the finding before it."""
    gap = max(neighbour[1], place.end) if place.end <= start else neighbour[1]
    return bool(_SHARED.fullmatch(sentence, gap, start))


def _taken(run: _Words, start: int, spans: Sequence[tuple[int, int]]) -> bool:
    """Another finding stands between the run and `start`."""
    return any(run.end <= other < start for other, _ in spans)


def _behind_another(run: _Words, spans: Sequence[tuple[int, int]]) -> bool:
    """A finding stands before the run, so that the run does not open the clause."""
    return any(end <= run.start for _, end in spans)


def _runs(sentence: str) -> list[_Words]:
    words = lexicon()
    found = [match for match in words.sides_and_zones.find(sentence) if match.tag != "exclusions"]
    runs: list[list[int]] = []
    for index, match in enumerate(found):
        if runs and words.joints.fullmatch(sentence, found[index - 1].end, match.start):
            runs[-1].append(index)
        else:
            runs.append([index])
    return [
        _Words(found[run[0]].start, found[run[-1]].end, _places([found[index].tag for index in run])) for run in runs
    ]


def _places(tags: Sequence[str]) -> tuple[Place, ...]:
    """Places of one run of "side/zone" tags: a side belongs to the zones that follow it up to the next side."""
    groups: list[tuple[set[Side], list[Zone]]] = []
    for tag in tags:
        side, _, zone = tag.partition("/")
        starts_anew = side and groups and groups[-1][0] and groups[-1][1]
        if not groups or starts_anew:
            groups.append((set(), []))
        if side:
            groups[-1][0].add(Side(side))
        if zone and Zone(zone) not in groups[-1][1]:
            groups[-1][1].append(Zone(zone))
    places: list[Place] = []
    for sides, zones in groups:
        side_of_group = next(iter(sides)) if len(sides) == 1 else Side.BILATERAL if sides else None
        places.extend((side_of_group, zone) for zone in zones)
        if not zones:
            places.append((side_of_group, None))
    return tuple(dict.fromkeys(places))


def anatomy_of(text: str) -> tuple[str, ...]:
    """The parts of the body that a sentence names, from a short controlled list, in the order of the sentence.

    >>> anatomy_of("The heart is enlarged; no effusion in the right lung.")
    ('heart', 'right lung')
    """
    return tuple(dict.fromkeys(match.tag for match in lexicon().anatomy.find(text.lower())))
