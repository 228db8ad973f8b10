"""Report text to token ids and back, without loss.

A byte-level BPE keeps capitals, punctuation and any character, so that a drafted report decodes to text that the
metrics can hold against the reference as given. `<impression>` stands between the two sections.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from model.study import Section

PAD, BOS, EOS, IMPRESSION = "<pad>", "<s>", "</s>", "<impression>"
PAD_ID, BOS_ID, EOS_ID, IMPRESSION_ID = 0, 1, 2, 3

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
                special_tokens=[PAD, BOS, EOS, IMPRESSION],
                initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                show_progress=False,
            ),
        )
        return cls(tokenizer)

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
        return self._tokenizer.decode(list(ids), skip_special_tokens=True).strip()

    def byte_length(self, token: int) -> int:
        """UTF-8 bytes that a token stands for; 0 for a special one."""
        if token <= IMPRESSION_ID:
            return 0
        return len(self._tokenizer.id_to_token(token) or "")

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
