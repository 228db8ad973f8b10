"""Radiology prose: a report into its sections, a section into its sentences. Rules alone.

Headers as in MIMIC-CXR and its kin: "FINAL REPORT", wet reads above it, "Findings:" or "FINDINGS AND IMPRESSION:".
"""

import re
from collections.abc import Iterable

BODY = "body"
"""The name of the text that stands under no header."""

# What a header is called, and the section that it opens.
HEADERS: dict[str, str] = {
    "findings": "findings",
    "finding": "findings",
    "report": "findings",
    "impression": "impression",
    "impressions": "impression",
    "conclusion": "impression",
    "conclusions": "impression",
    "opinion": "impression",
    "findings and impression": "findings",
    "findings/impression": "findings",
    "impression and findings": "findings",
    "indication": "indication",
    "indications": "indication",
    "clinical indication": "indication",
    "history": "indication",
    "clinical history": "indication",
    "clinical information": "indication",
    "reason for exam": "indication",
    "reason for examination": "indication",
    "reason for the exam": "indication",
    "reason for this examination": "indication",
    "technique": "technique",
    "procedure": "technique",
    "comparison": "comparison",
    "comparisons": "comparison",
    "comparison exam": "comparison",
    "comparison studies": "comparison",
    "examination": "examination",
    "exam": "examination",
    "study": "examination",
    "type of examination": "examination",
    "wet read": "wet read",
    "notification": "notification",
    "recommendation": "recommendation",
    "recommendations": "recommendation",
    "recommendation(s)": "recommendation",
    "addendum": "addendum",
}
# Sections of one paragraph: a further paragraph under them is the report's own text, left without a header.
SHORT = frozenset({"examination", "indication", "technique", "comparison"})

# In a header that names no section, these say that it titles the report's own text: "PORTABLE AP CHEST:".
_VIEWS = frozenset(
    [
        "chest",
        "cxr",
        "view",
        "views",
        "radiograph",
        "radiographs",
        "film",
        "films",
        "frontal",
        "lateral",
        "portable",
        "pa",
        "ap",
    ]
)


def _names(names: Iterable[str]) -> str:
    longest_first = sorted(names, key=len, reverse=True)
    return "|".join(r"[ \t]+".join(map(re.escape, name.split())) for name in longest_first)


_FINAL = re.compile(r"\bFINAL REPORT\b[ \t]*:?")
_HEADER = re.compile(
    rf"^[ \t]*(?P<known>(?i:{_names(HEADERS)}))[ \t]*:"  # a known name at the start of a line, in any case
    rf"|^[ \t]*(?P<alone>{_names(map(str.upper, HEADERS))})[ \t]*$"  # alone on its line, in capitals
    rf"|(?<=[.\s])(?P<within>{_names(map(str.upper, HEADERS))}):"  # within a line, in capitals
    r"|^[ \t]*(?P<other>[A-Z][A-Z0-9 ()/,&-]{3,60}):(?=\s|$)",  # any other name in capitals
    re.MULTILINE,
)
_RULE = re.compile(r"^[ \t]*_{8,}[ \t]*$", re.MULTILINE)
_BLANK_LINE = re.compile(r"\n[ \t]*\n")


def sections(report: str) -> dict[str, str]:
    """The report's sections by name: findings, impression, indication, technique, comparison, examination ...

    White space is squeezed, but list items keep a line and paragraphs a blank line between them, so that `sentences`
    can tell them apart; an empty section is left out. Of a report with a wet read or an addendum the part from "FINAL
    REPORT" on counts, where there is one. Text under no header, under a title in capitals that names the view, and
    further paragraphs under a header of one-paragraph matters (technique, comparison ...), stand under "body". A header
    that occurs twice has its texts joined. "Findings and impression" counts as findings.

    >>> sections("FINDINGS: The heart is\\n normal.\\nIMPRESSION: No acute disease.")
    {'findings': 'The heart is normal.', 'impression': 'No acute disease.'}
    """
    found: dict[str, list[str]] = {}
    for name, text in _split(_RULE.sub("\n\n", _final(report.replace("\r\n", "\n")))):
        paragraphs = [items for part in _BLANK_LINE.split(text) if (items := "\n".join(_items(part)))]
        if name == BODY and paragraphs and paragraphs[0].isupper():  # "AP CHEST, ___"
            name = "examination"
        own = 1 if name in SHORT else len(paragraphs)
        for place, part in ((name, paragraphs[:own]), (BODY, paragraphs[own:])):
            if part:
                found.setdefault(place, []).extend(part)
    return {name: "\n\n".join(parts) for name, parts in found.items()}


def _final(report: str) -> str:
    """What follows the last "FINAL REPORT" that anything follows."""
    parts = [part for part in _FINAL.split(report) if part.strip()]
    return parts[-1] if parts else ""


def _split(report: str) -> list[tuple[str, str]]:
    """(section, text) in order, the text before the first header under BODY."""
    headers = list(_HEADER.finditer(report))
    starts = [0, *(header.end() for header in headers)]
    ends = [*(header.start() for header in headers), len(report)]
    names = [BODY, *(_section(header) for header in headers)]
    return [(name, report[start:end]) for name, start, end in zip(names, starts, ends, strict=True)]


def _section(header: re.Match[str]) -> str:
    name = " ".join((header[header.lastgroup or 0]).lower().split())
    return HEADERS.get(name) or (BODY if _VIEWS.intersection(re.findall("[a-z]+", name)) else name)


# An abbreviation that the next word belongs to; its full stop never ends a sentence.
_TITLES = frozenset(
    {"dr", "drs", "mr", "mrs", "ms", "prof", "st", "vs", "e.g", "i.e", "cf", "approx", "fig", "figs", "ca"}
)
# One that can end a sentence, and does so before a capital.
_ENDABLE = frozenset({"a.m", "p.m", "etc", "m.d", "hrs", "hr", "min"})

_STOP = re.compile(r"(?P<mark>[.!?]+)(?P<close>[\"')\]]*)(?=\s|$)")
_LIST_MARK = re.compile(r"(?:\(?\d{1,2}[.)]|[-*•])\s+(?=\S)")
_LIST_BREAK = re.compile(r"\n[ \t]*(?=(?:\d{1,2}[.)]|[-*•])[ \t]+\S)")


def sentences(text: str) -> list[str]:
    """The sentences of a section, in order, each with single blanks and its own punctuation.

    Line breaks are blanks, blank lines and list items end a sentence, list marks ("2. ", "- ") are dropped. A full stop
    within a number, after a title or an abbreviation, or in "..." before a small letter ends none; "___", which stands
    for what de-identification took out, is a word.

    >>> sentences("1. A 2.5 cm nodule, as seen by Dr. ___ at 9:30 a.m. on ___.\\n2. No effusion.")
    ['A 2.5 cm nodule, as seen by Dr. ___ at 9:30 a.m. on ___.', 'No effusion.']
    """
    return [
        sentence
        for paragraph in _BLANK_LINE.split(text.replace("\r\n", "\n"))
        for item in _items(paragraph)
        for sentence in _sentences_of(item)
    ]


def _items(paragraph: str) -> list[str]:
    """A paragraph, or the items of the list that it is, each on one line."""
    return [item for part in _LIST_BREAK.split(paragraph) if (item := " ".join(part.split()))]


def _sentences_of(line: str) -> list[str]:
    found = []
    start = _after_list_mark(line, 0)
    for stop in _STOP.finditer(line):
        if stop.start() >= start and _ends(line, start, stop):
            found.append(line[start : stop.end()])
            start = _after_list_mark(line, stop.end())
    found.append(line[start:])
    return [sentence.strip() for sentence in found if any(c.isalnum() or c == "_" for c in sentence)]


def _after_list_mark(line: str, start: int) -> int:
    """Where the next sentence begins: past blanks and a list mark."""
    start += len(line[start:]) - len(line[start:].lstrip())
    mark = _LIST_MARK.match(line, start)
    return mark.end() if mark else start


def _ends(line: str, start: int, stop: re.Match[str]) -> bool:
    """True where this mark ends the sentence that began at `start`."""
    before, after = line[start : stop.start()], line[stop.end() :].lstrip()
    if not after:
        return True
    if not before or before[-1].isspace():  # "? pneumonia"
        return False
    capital = not after[0].islower()
    word = re.split(r"[\s(]", before)[-1].lower()
    if stop["mark"] != "." or word in _ENDABLE:
        return capital
    initial = len(word) == 1 and word.isalpha() and _follows_title(before)
    return word not in _TITLES and not initial


def _follows_title(before: str) -> bool:
    """True where the last word stands after a title: "Dr. J" of "Dr. J. Smith"."""
    words = before.lower().split()
    return len(words) > 1 and words[-2].rstrip(".") in _TITLES
