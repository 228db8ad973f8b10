"""Report text to token ids and back.

A byte-level BPE is learned from the reports and loses nothing: a drafted report decodes to text that the metrics can
hold against the reference as given. A published WordPiece brings embeddings that have read much, and no capitals: see
`model.wordpiece`. `<impression>` stands between the two sections.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from model.study import Section
from model.wordpiece import CONTINUES, prose, wordpiece

PAD, BOS, EOS, IMPRESSION = "<pad>", "<s>", "</s>", "<impression>"
PAD_ID, BOS_ID, EOS_ID, IMPRESSION_ID = 0, 1, 2, 3
SPECIAL = [PAD, BOS, EOS, IMPRESSION]
BYTE_LEVEL_BLANK = "Ġ"

Drafted = Sequence[tuple[Section, str]]
"""Sentences of a report in reading order, each with its section; findings stand before impression."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """`ids` with start and end; `sentence[t]` is the index of the sentence of token t, -1 for the special ones."""

    ids: list[int]
    sentence: list[int]


class ReportTokenizer:
    """The tokenizer of one model; it travels inside the artefact as tokenizer.json."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._is_wordpiece = isinstance(tokenizer.model, models.WordPiece)

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int) -> "ReportTokenizer":
        """Learn merges from the sentences of the training split."""
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        tokenizer.train_from_iterator(
            (" " + text for text in texts),
            trainers.BpeTrainer(
                vocab_size=vocab_size,
                special_tokens=SPECIAL,
                initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                show_progress=False,
            ),
        )
        return cls(tokenizer)

    @classmethod
    def published(cls, vocabulary: Path) -> "ReportTokenizer":
        """The WordPiece of an uncased BERT.

        Args:
            vocabulary: its vocab.txt, a token a line.

        Raises:
            BadInput: it lacks a special token.
        """
        return cls(wordpiece(vocabulary.read_text(encoding="utf-8").splitlines(), SPECIAL))

    @classmethod
    def load(cls, path: Path) -> "ReportTokenizer":
        return cls(Tokenizer.from_file(str(path)))

    def save(self, path: Path) -> None:
        self._tokenizer.save(str(path))

    def __len__(self) -> int:
        return self._tokenizer.get_vocab_size()

    def vocabulary(self) -> dict[str, int]:
        return self._tokenizer.get_vocab()

    def pieces(self, text: str) -> list[int]:
        """Token ids of words that stand after others, without start and end."""
        ids: list[int] = self._tokenizer.encode(" " + text).ids
        return ids

    def encode(self, sentences: Drafted, max_tokens: int) -> Encoded:
        """Token ids of a report, cut before the first sentence that does not fit in `max_tokens`."""
        ids, owner = [BOS_ID], [-1]
        in_impression = False
        for index, (section, text) in enumerate(sentences):
            piece = self.pieces(text)
            opens = section is Section.IMPRESSION and not in_impression
            if len(ids) + len(piece) + opens + 1 > max_tokens:
                break
            if opens:
                in_impression = True
                ids.append(IMPRESSION_ID)
                owner.append(-1)
            ids += piece
            owner += [index] * len(piece)
        return Encoded([*ids, EOS_ID], [*owner, -1])

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids between two special tokens."""
        return self.written(ids)[0]

    def written(self, ids: Sequence[int]) -> tuple[str, NDArray[np.int64]]:
        """Text of ids (T,) between two special tokens, and after each id how many of its characters are written (T,).

        A blank before the first word is left out.
        """
        names = [self._tokenizer.id_to_token(token) or "" for token in ids]
        if self._is_wordpiece:
            return prose(names)
        whole = self._tokenizer.decode(list(ids))
        bytes_of_characters = np.cumsum([len(character.encode()) for character in whole])
        bytes_of_tokens = np.cumsum([len(name) for name in names], dtype=int)  # its alphabet: a letter a byte
        text = whole.strip()
        ends = np.searchsorted(bytes_of_characters, bytes_of_tokens, side="right") - whole.find(text)
        return text, ends.clip(0, len(text))

    def piece(self, token: int) -> str:
        """What one token writes, a blank before it where it begins a word."""
        name = self._tokenizer.id_to_token(token) or ""
        if self._is_wordpiece:
            return name.removeprefix(CONTINUES) if name.startswith(CONTINUES) else f" {name}"
        return self._tokenizer.decode([token])

    def sections(self, ids: Sequence[int]) -> list[tuple[Section, int, int]]:
        """The drafted sections as (section, first, last + 1) over `ids`; start, end and padding left out."""
        spans: list[tuple[Section, int, int]] = []
        section, start = Section.FINDINGS, 0
        for position, token in enumerate([*ids, EOS_ID]):
            if token in (BOS_ID, PAD_ID):
                start = position + 1
            elif token in (EOS_ID, IMPRESSION_ID):
                if position > start:
                    spans.append((section, start, position))
                section, start = Section.IMPRESSION, position + 1
                if token == EOS_ID:
                    break
        return spans
