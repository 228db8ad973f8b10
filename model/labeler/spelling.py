"""Misspelled names of findings, read as what was meant: "plueral effusion", "nopneumothorax"."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import ascii_lowercase

import yaml

_VOWELS = "aeiou"
_LONG_WORD = re.compile(r"[a-z]{6,}")


@dataclass(frozen=True, slots=True)
class Respelling:
    """A text with its misspellings mended. `changes`: [start, end) of what was put in, and of what had been written."""

    text: str
    changes: tuple[tuple[int, int, int, int], ...] = ()

    def written(self, position: int) -> int:
        """Where a position of `text` stands in what was written."""
        shift = 0
        for start, end, written_start, written_end in self.changes:
            if position < start:
                break
            if position < end:
                return min(written_start + position - start, written_end)
            shift = written_end - end
        return position + shift


def respelled(text: str) -> Respelling:
    """A lower-case text as it was meant."""
    variants = _variants()
    pieces: list[str] = []
    changes: list[tuple[int, int, int, int]] = []
    done = length = 0
    for word in _LONG_WORD.finditer(text):
        meant = variants.get(word[0])
        if meant is None:
            continue
        pieces += [text[done : word.start()], meant]
        start = length + word.start() - done
        done, length = word.end(), start + len(meant)
        same = _alike(word[0], meant)
        after = _alike(word[0][same:][::-1], meant[same:][::-1])
        changes.append((start + same, length - after, word.start() + same, done - after))
    return Respelling("".join([*pieces, text[done:]]), tuple(changes)) if changes else Respelling(text)


def _alike(a: str, b: str) -> int:
    """How many letters two words have in common before they part."""
    return next((index for index, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


@cache
def _variants() -> dict[str, str]:
    """What is written -> what is meant."""
    terms: list[str] = yaml.safe_load((files(__package__) / "spelling.yaml").read_text(encoding="utf-8"))
    meant = {variant: term for term in terms for variant in _misspelled(term)}
    meant |= {f"no{term}": f"no {term}" for term in terms}
    return {variant: term for variant, term in meant.items() if variant not in terms}


def _misspelled(term: str) -> Iterator[str]:
    for i in range(1, len(term) - 1):
        yield term[:i] + term[i + 1 :]
        if i < len(term) - 2:
            yield term[:i] + term[i + 1] + term[i] + term[i + 2 :]
        if term[i] in _VOWELS:
            yield from (term[:i] + vowel + term[i + 1 :] for vowel in _VOWELS)
    for i in range(1, len(term)):
        yield from (term[:i] + letter + term[i:] for letter in ascii_lowercase)
