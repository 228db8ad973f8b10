"""A published BERT vocabulary, uncased, as the reports' own, and its pieces as prose.

The published tokens keep their order behind our special ones, so that the published embeddings load row for row. Such a
vocabulary knows neither capitals nor blanks: they are written again by rule. A sentence begins with a capital, a
vertebra is one (T8); a full stop stands behind its word, a hyphen, a slash and the point of a number between two.
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from model.errors import BadInput
from model.text import sentences

PUBLISHED_SPECIAL = ("[PAD]", "[CLS]", "[SEP]", "[MASK]")
"""BERT's tokens in the places of the reports' padding, start, end and impression."""
UNKNOWN = "[UNK]"
CONTINUES = "##"
"""Begins a piece that goes on with a word."""

# Blanks of pieces set apart that prose does not have.
_TIGHT = re.compile(
    r" (?=[.,;:?!%)\]}'])"  # before what closes
    r"|(?<=[(\[{#]) "  # after what opens
    r"| (?=[-/])|(?<=[-/]) "  # T8-T9, and/or
    r"|(?<=\d [.:]) (?=\d)"  # 1.5 cm, 9:30
    r"|(?<=\d ,) (?=\d{3}\b)"  # 1,000
    r"|(?<=\b[a-z] \.) (?=[a-z] \.)"  # a.m.
    r"|(?<=') (?=(?:s|t|d|m|re|ll|ve)\b)"  # patient's
    r"|(?<=_) (?=_)"  # ___, which de-identification left
)
_VERTEBRA = re.compile(r"\b[clst]\d{1,2}\b")


def published_rows(vocabulary: Sequence[str]) -> list[int]:
    """For each of our ids, the row of BERT's vocabulary: its special tokens where ours stand, the rest in its order.

    Raises:
        BadInput: it lacks a special token.
    """
    row_of = {token: row for row, token in enumerate(vocabulary)}
    for token in (*PUBLISHED_SPECIAL, UNKNOWN):
        if token not in row_of:
            raise BadInput(f"vocabulary without {token}", "a BERT's has one", "name a BERT with its own vocab.txt")
    special = [row_of[token] for token in PUBLISHED_SPECIAL]
    return special + [row for row in range(len(vocabulary)) if row not in special]


def wordpiece(vocabulary: Sequence[str], special: Sequence[str]) -> Tokenizer:
    """BERT's uncased tokenizer over a published vocabulary, `special` in the places of PUBLISHED_SPECIAL."""
    rest = [vocabulary[row] for row in published_rows(vocabulary)[len(special) :]]
    ids = {token: number for number, token in enumerate([*special, *rest])}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token=UNKNOWN, continuing_subword_prefix=CONTINUES))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


def prose(pieces: Sequence[str]) -> tuple[str, NDArray[np.int64]]:
    """The text that pieces write, and after each how many of its characters are written (pieces,).

    >>> prose(["no", "effusion", ".", "a", "1", ".", "5", "cm", "nod", "##ule", "at", "t8", "-", "t9", "."])[0]
    'No effusion. A 1.5 cm nodule at T8-T9.'
    """
    written = [piece.removeprefix(CONTINUES) if _goes_on(piece) else f" {piece}" for piece in pieces]
    apart = "".join(written)
    kept = np.ones(len(apart), bool)
    kept[:1] = not apart.startswith(" ")
    for blank in _TIGHT.finditer(apart):
        kept[blank.start()] = False
    text = "".join(character for character, stays in zip(apart, kept, strict=True) if stays)
    ends = np.cumsum([len(letters) for letters in written], dtype=int)
    return _with_capitals(text), np.append(0, np.cumsum(kept))[ends]


def _goes_on(piece: str) -> bool:
    return piece.startswith(CONTINUES) and piece != CONTINUES


def _with_capitals(text: str) -> str:
    """The text, as long as it was, with a capital where a sentence begins and in the name of a vertebra."""
    characters = list(_VERTEBRA.sub(lambda name: name[0].upper(), text))
    at = 0
    for sentence in sentences(text):
        at = text.index(sentence, at)
        if len(capital := text[at].upper()) == 1:
            characters[at] = capital
        at += len(sentence)
    return "".join(characters)
