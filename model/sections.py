"""A radiology report into its sections, by rules alone.

The forms are those of MIMIC-CXR and its kin: "FINAL REPORT" with a wet read or an addendum above it, headers in
capitals at the start of a line or within one, in any case before a colon, misspelled, or none at all. What the headers
are called, and what counts where the findings have none, follows MIT-LCP/mimic-cxr (txt/section_parser.py), except that
findings and impression in one count as findings.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches

from model.text import BLANK_LINE, items

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
    "findings & impression": "findings",
    "findings/impression": "findings",
    "impression and findings": "findings",
    "indication": "indication",
    "indications": "indication",
    "clinical indication": "indication",
    "history": "indication",
    "clinical history": "indication",
    "patient history": "indication",
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
    "comparison film": "comparison",
    "comparison studies": "comparison",
    "reference exam": "comparison",
    "examination": "examination",
    "exam": "examination",
    "study": "examination",
    "type of examination": "examination",
    "notification": "notification",
    "recommendation": "recommendation",
    "recommendations": "recommendation",
    "recommendation(s)": "recommendation",
    "addendum": "addendum",
}
# A header in capitals that none of these is, but that names one of them ("IMPRESSION ON SUBSEQUENT STUDY") or that
# somebody meant to be one ("IMPRSSION"), opens the same section.
_MAIN = ("impression", "findings", "comparison", "indication", "history", "technique", "addendum")
_ALIKE = 0.85

# Sections of many paragraphs. Under another header a further paragraph is the report's own text, left without one.
_PROSE = frozenset({BODY, "findings", "impression", "wet read", "notification", "recommendation", "addendum"})

# Words that make a header in capitals a title of the report's own text: "PORTABLE AP CHEST:".
_VIEWS = frozenset(
    [
        *("chest", "cxr", "view", "views", "radiograph", "radiographs", "film", "films"),
        *("frontal", "lateral", "portable", "pa", "ap"),
    ]
)
# Words that make it a part of that text: "LINES AND TUBES:".
_ANATOMY = frozenset(
    [
        *("lung", "lungs", "pleura", "pleural", "pleurae", "heart", "cardiac", "cardiomediastinal", "mediastinum"),
        *("mediastinal", "hilum", "hila", "hilar", "bone", "bones", "osseous", "skeletal", "rib"),
        *("ribs", "tube", "tubes", "line", "lines", "catheter", "catheters", "device", "devices"),
        *("hardware", "diaphragm", "diaphragms", "abdomen", "airway", "airways", "trachea", "aorta", "vasculature"),
        *("vessels", "tissues"),
    ]
)


def _names(names: Iterable[str]) -> str:
    """A pattern of any of them, the longest first, with any blanks between their words."""
    words = (re.split(r"(/)| ", name) for name in sorted(names, key=len, reverse=True))
    return "|".join(r"[ \t]*".join(re.escape(word) for word in parts if word) for parts in words)


_ANY, _CAPITALS = f"(?i:{_names(HEADERS)})", _names(map(str.upper, HEADERS))
_HEADER = re.compile(
    rf"^[ \t]*(?P<known>{_ANY})[ \t]*:"  # a known name at the start of a line, in any case
    rf"|(?<=[.!?][ \n])[ \t]*(?P<after>{_ANY})[ \t]*:"  # and after a sentence
    rf"|(?<=[.\s])(?P<within>{_CAPITALS})[ \t]*:"  # within a line, in capitals
    rf"|^[ \t]*(?P<alone>{_CAPITALS})(?:[ \t]*$|[ \t]+[-–—](?=\s))"  # alone on its line, or before a dash, in capitals
    rf"|(?:\A|(?<=\n\n))[ \t]*(?P<titled>(?=[A-Z]){_ANY})$"  # a line for itself that begins a paragraph: "Findings"
    r"|^[ \t]*(?P<wet>WET READ\b|(?i:wet read)(?=[ \t]*:))(?:[ \t]+VERSION[ \t]*#?\d*)?[ \t]*:?"
    r"|^[ \t]*(?P<other>[A-Z][A-Z0-9 ()/,&_-]{3,60}):(?=\s|$)",  # any other name in capitals
    re.MULTILINE,
)
_FINAL = re.compile(r"\bFINAL REPORT\b[ \t]*:?")
_RULE = re.compile(r"\s*_{8,}")


def sections(report: str) -> dict[str, str]:
    """The report's sections by name: findings, impression, indication, technique, comparison, examination ...

    White space is squeezed, but list items keep a line and paragraphs a blank line between them, so that
    `model.text.sentences` can tell them apart; an empty section is left out. Of a report with a wet read or an addendum
    the part from "FINAL REPORT" on counts, where there is one; else all of it does. Text under no header, under a title
    in capitals that names the view, and further paragraphs under a header of one-paragraph matters (technique,
    comparison ...), stand under "body": MIMIC-CXR's last paragraph. Headers in capitals that name a part of the anatomy
    are words of the findings. A header that occurs twice has its texts joined.

    >>> sections("FINDINGS: The heart is\\n normal.\\nIMPRESSION: No acute disease.")
    {'findings': 'The heart is normal.', 'impression': 'No acute disease.'}
    """
    found: dict[str, list[str]] = {}
    stripped = [line.rstrip() for line in report.split("\n")]
    text = _final("\n".join("" if _RULE.fullmatch(line) else line for line in stripped))
    for index, (name, part) in enumerate(_split(text)):
        paragraphs = ["\n".join(lines) for paragraph in BLANK_LINE.split(part) if (lines := items(paragraph))]
        if index == 0 and paragraphs and paragraphs[0].isupper() and not text.isupper():  # "AP CHEST, ___"
            name = "examination"
        own = len(paragraphs) if name in _PROSE else 1
        for place, share in ((name, paragraphs[:own]), (BODY, paragraphs[own:])):
            if share:
                found.setdefault(place, []).extend(share)
    return {name: "\n\n".join(paragraphs) for name, paragraphs in found.items()}


def _final(report: str) -> str:
    """What follows the last "FINAL REPORT" that anything follows."""
    parts = [part for part in _FINAL.split(report) if part.strip()]
    return parts[-1] if parts else ""


def _split(report: str) -> list[tuple[str, str]]:
    """(section, text) in order, the text before the first header under BODY."""
    headers = list(_HEADER.finditer(report))
    ends = [*(header.start() for header in headers), len(report)]
    parts = [(BODY, report[: ends[0]])]
    for header, end in zip(headers, ends[1:], strict=True):
        name, start = _opened(header, parts[-1][0])
        parts.append((name, report[start:end]))
    return parts


def _opened(header: re.Match[str], current: str) -> tuple[str, int]:
    """The section that a header opens where `current` stood, and where its text begins."""
    name = re.sub(r"\s*/\s*", "/", " ".join(header[header.lastgroup or 0].lower().split()))
    words = set(re.findall("[a-z]+", name))
    if name in HEADERS:
        return HEADERS[name], header.end()
    if meant := [main for main in _MAIN if main in words] or get_close_matches(name, _MAIN, n=1, cutoff=_ALIKE):
        return HEADERS[meant[0]], header.end()
    if words & _VIEWS:
        return current if current == "findings" else BODY, header.end()
    if words & _ANATOMY:
        return current if current in ("findings", "impression") else BODY, header.start()
    return name, header.end()
