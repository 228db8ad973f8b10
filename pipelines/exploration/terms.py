"""Which words the reports use: runs of one and two, no function word within, none across punctuation.

A term is *medical* where it is, as a whole, a phrase that the labeler's lexicon has for an abnormality, a device or a
part of the body. Terms of which the lexicon knows no part are kept apart, by tf-idf: what it might lack.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import TypeVar

import pandas as pd

from model.labeler.lexicon import Phrases, lexicon
from pipelines.exploration.disclosure import LEAST

N = TypeVar("N", int, float)

MEDICAL_TERMS, OTHER_TERMS = 50, 30
WITHIN = 0.9  # a word that stands in one longer term this often is shown by that term alone

_FUNCTION_WORDS = """
    a about above after again all also am an and any are as at be because been before being below between both but by
    can cannot could did do does doing due during each either else few for from further had has have having he her here
    hers him his how however i if in into is it its itself just may me might more most must my near no nor not now of
    off on once one only onto or other our out over own per rather same shall she should since so some such than that
    the their them then there therefore these they this those through thus to too towards two under until up upon us
    very via was we well were what when where whether which while who whom whose why will with within without would yet
    you your
"""
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())
ADJECTIVES_OF_PLACE = frozenset({"upper", "middle", "mid", "lower"})  # "left upper" lacks its lobe
_WORD = r"[a-z][a-z0-9']*(?:-[a-z0-9']+)*"
_RUN = re.compile(rf"{_WORD}(?: {_WORD})*")
_BLANK = re.compile(r"x{3,}")  # what de-identification left, beside "___"


class TermCounts:
    """Counts of every term: the reports that have it, its occurrences, and the first reports of patients that do."""

    def __init__(self) -> None:
        self.n_reports = 0
        self.reports: Counter[str] = Counter()
        self.occurrences: Counter[str] = Counter()
        self.first_reports: Counter[str] = Counter()

    def add(self, sentences: Iterable[str], *, first_of_patient: bool) -> None:
        """Count one report."""
        found = Counter(term for sentence in sentences for term in terms_of(sentence))
        self.n_reports += 1
        self.occurrences.update(found)
        self.reports.update(found.keys())
        if first_of_patient:
            self.first_reports.update(found.keys())


@lru_cache(maxsize=1 << 16)  # reports repeat their sentences
def terms_of(sentence: str) -> tuple[str, ...]:
    """The terms of a sentence.

    >>> terms_of("No pleural effusion, heart size is normal.")
    ('pleural', 'effusion', 'pleural effusion', 'heart', 'size', 'heart size', 'normal')
    """
    return tuple(
        term
        for run in _content_runs(sentence.lower())
        for term in (*run, *(f"{one} {two}" for one, two in pairwise(run)))
    )


def _content_runs(sentence: str) -> Iterator[list[str]]:
    """Neighbouring words that are no function word, single letter or blank."""
    for match in _RUN.finditer(sentence):
        run: list[str] = []
        for word in match.group().split(" "):
            if len(word) > 1 and word not in FUNCTION_WORDS and not _BLANK.fullmatch(word):
                run.append(word)
            elif run:
                yield run
                run = []
        if run:
            yield run


def concept(term: str) -> tuple[str, str] | None:
    """What a medical term stands for, as ("finding", its class) or ("anatomy", the part); None for any other term.

    >>> concept("focal consolidation"), concept("heart size"), concept("normal size")
    (('finding', 'Consolidation'), ('anatomy', 'heart'), None)
    """
    words = lexicon()

    def whole(phrases: Phrases) -> list[str]:
        return [match.tag for match in phrases.find(term) if (match.start, match.end) == (0, len(term))]

    mentioned = {name: whole(phrases) for name, phrases in words.mentions.items()}
    for name, kinds in mentioned.items():
        if set(kinds) & {"findings", "hints", "additions"}:
            return "finding", name
    part = next((match.tag for match in words.anatomy.find(term)), None)
    named = whole(words.anatomy) or any("structures" in kinds for kinds in mentioned.values())
    if part is None or not named or term.split(" ")[-1] in ADJECTIVES_OF_PLACE:
        return None
    return "anatomy", part


def unknown_to_lexicon(term: str) -> bool:
    """True where none of the lexicon's lists (findings, anatomy, places, cues, predicates) has any part of the term."""
    words = lexicon()
    lists = (*words.mentions.values(), words.anatomy, words.sides_and_zones, words.cues, words.predicates)
    return not any(True for phrases in lists for _ in phrases.find(term))


def medical_terms(counts: TermCounts, most: int = MEDICAL_TERMS) -> pd.DataFrame:
    """The medical terms that most reports have: `term`, `kind`, `concept`, `reports`, `share` of all reports.

    A word gives way to a pair that is nearly always around it ("effusion" to "pleural effusion").
    """
    absorbed = _absorbed(counts.reports)
    rows: list[tuple[str, str, str, int, float]] = []
    for term, reports in _by_count(counts.reports):
        if reports < LEAST or len(rows) == most:
            break
        if term not in absorbed and (found := concept(term)):
            rows.append((term, *found, reports, reports / counts.n_reports))
    return pd.DataFrame(rows, columns=["term", "kind", "concept", "reports", "share"])


def other_terms(counts: TermCounts, most: int = OTHER_TERMS) -> pd.DataFrame:
    """The terms of highest tf-idf of which the lexicon knows no part: `term`, `reports`, `share`, `tf_idf`.

    tf-idf is the number of occurrences times ln(reports / reports with the term): Salton and Buckley 1988, Inf Process
    Manag 24:513. A term is left out unless the first reports of LEAST patients have it: it may be a name.
    """
    absorbed = _absorbed(counts.reports)
    weight = {
        term: counts.occurrences[term] * math.log(counts.n_reports / counts.reports[term])
        for term, patients in counts.first_reports.items()
        if patients >= LEAST and term not in absorbed
    }
    rows: list[tuple[str, int, float, float]] = []
    for term, tf_idf in _by_count(weight):
        if tf_idf == 0 or len(rows) == most:
            break
        if unknown_to_lexicon(term):
            rows.append((term, counts.reports[term], counts.reports[term] / counts.n_reports, tf_idf))
    return pd.DataFrame(rows, columns=["term", "reports", "share", "tf_idf"])


def _absorbed(reports: Mapping[str, int]) -> frozenset[str]:
    """The words of which WITHIN or more of the reports have them in one and the same pair."""
    pairs = ((word, count) for pair, count in reports.items() if " " in pair for word in pair.split(" "))
    return frozenset(word for word, count in pairs if count >= WITHIN * reports[word])


def _by_count(counts: Mapping[str, N]) -> list[tuple[str, N]]:
    """Highest first; equals in alphabetical order."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
