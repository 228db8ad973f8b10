"""The tokenizer as the reports use it: its size, its commonest and longest tokens, how it cuts the findings' words."""

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from sys import maxsize

import pandas as pd

from model.study import Section
from model.tokenizer import ReportTokenizer
from pipelines.exploration.disclosure import LEAST
from pipelines.manifest import SentenceRow

OPENS_A_WORD = "␣"
SPECIAL_TOKENS = 2  # the start and the end of a report
EXAMPLES = ("cardiomegaly", "pneumothorax", "atelectasis", "consolidation", "pleural effusion")


class TokenCounts:
    """Counts of every token over the reports.

    `unfaithful` counts the sentences that do not come back as they were: a character that the vocabulary lacks.
    """

    def __init__(self, tokenizer: ReportTokenizer) -> None:
        self.tokenizer = tokenizer
        self.occurrences: Counter[int] = Counter()
        self.first_reports: Counter[int] = Counter()
        self.n_words = self.n_sentences = self.unfaithful = 0
        self._read = lru_cache(maxsize=1 << 16)(self._pieces)  # reports repeat their sentences

    def add(self, sentences: Iterable[SentenceRow], *, first_of_patient: bool) -> int:
        """Count one report's sentences; return its tokens, the special ones included."""
        ids: list[int] = []
        has_impression = False
        for sentence in sentences:
            pieces, faithful = self._read(sentence["text"])
            ids += pieces
            has_impression |= sentence["section"] == Section.IMPRESSION
            self.n_words += len(sentence["text"].split())
            self.n_sentences += 1
            self.unfaithful += not faithful
        self.occurrences.update(ids)
        if first_of_patient:
            self.first_reports.update(set(ids))
        return len(ids) + SPECIAL_TOKENS + has_impression

    def _pieces(self, text: str) -> tuple[tuple[int, ...], bool]:
        """A sentence's tokens, and whether they give it back, capitals aside."""
        ids = pieces(self.tokenizer, text)
        return tuple(ids), self.tokenizer.decode(ids).lower() == text.strip().lower()

    @property
    def tokens_per_word(self) -> float:
        return self.occurrences.total() / self.n_words

    @property
    def unknown_share(self) -> float:
        """The share of sentences that the vocabulary cannot write."""
        return self.unfaithful / self.n_sentences


def pieces(tokenizer: ReportTokenizer, text: str) -> list[int]:
    """The tokens of one sentence, without the special ones."""
    return tokenizer.encode([(Section.FINDINGS, text)], maxsize).ids[1:-1]


def used_tokens(counts: TokenCounts) -> pd.DataFrame:
    """The tokens in use, commonest first: `token`, `occurrences`, `share` of all occurrences.

    A token is left out unless the first reports of LEAST patients have it: a long one may be a name.
    """
    total = counts.occurrences.total()
    rows = [
        (spelled(counts.tokenizer, token), occurrences, occurrences / total)
        for token, occurrences in sorted(counts.occurrences.items(), key=lambda item: (-item[1], item[0]))
        if counts.first_reports[token] >= LEAST
    ]
    return pd.DataFrame(rows, columns=["token", "occurrences", "share"])


def spelled(tokenizer: ReportTokenizer, token: int) -> str:
    """A token as a person reads it; one that begins with a blank has OPENS_A_WORD in its place."""
    written = tokenizer.piece(token)
    return (OPENS_A_WORD if written.startswith(" ") else "") + written.strip()


def cuts(tokenizer: ReportTokenizer) -> list[tuple[str, list[str]]]:
    """EXAMPLES, each with the pieces that it is written in."""
    return [(word, [spelled(tokenizer, i) for i in pieces(tokenizer, word)]) for word in EXAMPLES]
