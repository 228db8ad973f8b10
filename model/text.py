"""Radiology prose into sentences, by rules alone. `model.sections` splits a report before."""

import re

BLANK_LINE = re.compile(r"\n[ \t]*\n")

# An abbreviation that the next word belongs to; its full stop never ends a sentence.
_TITLES = frozenset(
    {"dr", "drs", "mr", "mrs", "ms", "prof", "st", "vs", "e.g", "i.e", "cf", "approx", "fig", "figs", "ca"}
)
# One that can end a sentence, and does so before a capital; in a text without capitals, unless one of these goes on.
_ENDABLE = frozenset({"a.m", "p.m", "etc", "m.d", "hrs", "hr", "min"})
_GOES_ON = frozenset({"on", "at", "in", "of", "by", "to", "via", "from", "with", "and", "or", "___"})

# A mark ends a word, or stands between two sentences that were typed without a blank: "effusion.The heart".
_STOP = re.compile(r"(?<![.!?])(?P<mark>[.!?]++)(?P<close>[\"')\]]*)(?=\s|$|(?<=[A-Za-z]{3}\.)[A-Z][a-z])")
_LIST_MARK = re.compile(r"(?:\(?\d{1,2} ?[.)]|[-*•])\s+(?=\S)")
_LIST_BREAK = re.compile(r"\n[ \t]*(?=(?:\d{1,2}[.)]|[-*•])[ \t]+\S)")


def sentences(text: str) -> list[str]:
    """The sentences of a section, in order, each with single blanks and its own punctuation.

    Line breaks are blanks, blank lines and list items end a sentence, list marks ("2. ", "- ") are dropped. A full stop
    within a number, after a title or an abbreviation, or in "..." before a small letter ends none; one set apart by
    blanks ends one, as in reports cut into tokens. "___", which stands for what de-identification took out, is a word.
    A text without any capital is read as if each of its words could begin a sentence.

    >>> sentences("1. A 2.5 cm nodule, as seen by Dr. ___ at 9:30 a.m. on ___.\\n2. No effusion.")
    ['A 2.5 cm nodule, as seen by Dr. ___ at 9:30 a.m. on ___.', 'No effusion.']
    """
    capitals = any(character.isupper() for character in text)
    return [
        sentence
        for paragraph in BLANK_LINE.split(text.replace("\r\n", "\n"))
        for item in items(paragraph)
        for sentence in _sentences_of(item, capitals)
    ]


def items(paragraph: str) -> list[str]:
    """A paragraph, or the items of the list that it is, each on one line."""
    return [item for part in _LIST_BREAK.split(paragraph) if (item := " ".join(part.split()))]


def _sentences_of(line: str, capitals: bool) -> list[str]:
    found = []
    start = _after_list_mark(line, 0)
    for stop in _STOP.finditer(line):
        if stop.start() >= start and _ends(line, start, stop, capitals):
            found.append(line[start : stop.end()])
            start = _after_list_mark(line, stop.end())
    found.append(line[start:])
    return [sentence.strip() for sentence in found if any(c.isalnum() or c == "_" for c in sentence)]


def _after_list_mark(line: str, start: int) -> int:
    """Where the next sentence begins: past blanks and a list mark."""
    start += len(line[start:]) - len(line[start:].lstrip())
    mark = _LIST_MARK.match(line, start)
    return mark.end() if mark else start


def _ends(line: str, start: int, stop: re.Match[str], capitals: bool) -> bool:
    """True where this mark ends the sentence that began at `start`; `capitals` tells whether the text has any."""
    before, after = line[start : stop.start()], line[stop.end() :].lstrip()
    if not after:
        return True
    if not before.strip():
        return False
    word = re.split(r"[\s(]", before[-20:].rstrip())[-1].lower()  # no abbreviation is longer
    if before[-1].isspace():  # "? pneumonia" goes on, "clear . no effusion" ends, "2 . 5 cm" is a number
        return stop["mark"] == "." and word not in _TITLES and not (word.isdigit() and after[0].isdigit())
    opens = not after[0].islower() or not capitals
    if stop["mark"] != ".":
        return opens and (capitals or "." not in stop["mark"])
    if word in _ENDABLE:
        return opens and (capitals or after.split()[0] not in _GOES_ON)
    initial = len(word) == 1 and word.isalpha() and _follows_title(before)
    return word not in _TITLES and not initial


def _follows_title(before: str) -> bool:
    """True where the last word stands after a title: "Dr. J" of "Dr. J. Smith"."""
    words = before.lower().split()
    return len(words) > 1 and words[-2].rstrip(".") in _TITLES
