"""Beam search with the rules of transformers' `generate`, one study at a time: the batch changes no study's words.

Of the likeliest continuations, twice as many as beams, those that end are finished reports if they are among the first
half, and the best of the others run on. A finished report's score is its log-probability over a power of its length.
The search ends once as many reports as beams are finished (`early_stopping`), or once no running one can still better
the worst of them.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from model.engine.cache import StepGraph, Values, Writing, repeated
from model.engine.limits import Clock
from model.tokenizer import BOS_ID, EOS_ID, PAD_ID

NEVER = np.float32(-1e9)
"""The score of what is not to be chosen."""


@dataclass(frozen=True, slots=True)
class BeamRules:
    """As `model.generation.generate` takes them."""

    beams: int
    length_penalty: float = 1.0
    early_stopping: bool = True


@dataclass(slots=True)
class BeamSearch:
    """One study's search.

    Args:
        rules: of the search. most: tokens of a report, its start among them.

    Attributes:
        running: (beams, T), the texts under way. scores: (beams,), the log-probability of each.
        finished: score and ids of the reports that ended, best first, as many as beams at most.
    """

    rules: BeamRules
    most: int
    running: NDArray[np.int64] = field(init=False)
    scores: NDArray[np.float32] = field(init=False)
    finished: list[tuple[np.float32, NDArray[np.int64]]] = field(init=False, default_factory=list)
    done: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        beams = self.rules.beams
        self.running = np.full((beams, 1), BOS_ID)
        self.scores = np.full(beams, NEVER, np.float32)
        self.scores[0] = 0  # all begin alike: one speaks for them

    @property
    def best(self) -> NDArray[np.int64]:
        """The ids of the best report, start and end included."""
        return self.finished[0][1]

    def advance(self, log_probability: NDArray[np.float32]) -> NDArray[np.intp]:
        """Go on by a word, of which (beams, V) is the log-probability after each running text.

        Returns:
            (beams,): which running text each of the new ones continues.
        """
        beams, vocabulary = log_probability.shape
        reached = (self.scores[:, None] + log_probability).ravel()
        top = np.argpartition(-reached, 2 * beams - 1)[: 2 * beams]
        top = top[np.argsort(-reached[top], kind="stable")]
        parent, word, score = top // vocabulary, top % vocabulary, reached[top]
        texts = np.concatenate([self.running[parent], word[:, None]], axis=1)
        written = texts.shape[1] - 1
        ends = (word == EOS_ID) | (texts.shape[1] >= self.most)
        share = np.float32(written**self.rules.length_penalty)
        self.finished += [(score[i] / share, texts[i]) for i in range(beams) if ends[i]]
        self.finished = sorted(self.finished, key=lambda report: -report[0])[:beams]
        on = np.argsort(-(score + ends * NEVER), kind="stable")[:beams]
        self.running, self.scores = texts[on], score[on]
        full = len(self.finished) == beams
        hopeless = full and not self.scores[0] / share > self.finished[-1][0]
        self.done = bool(ends.all() or hopeless or (full and self.rules.early_stopping))
        continued: NDArray[np.intp] = parent[on]
        return continued


def searched(
    step: StepGraph, seen: Values, told: NDArray[np.int64], most: int, rules: BeamRules, clock: Clock
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
    """Texts after prompts (B, P), each of `most` tokens at most: the best of the search, then one pass over each for
    its maps. Arguments and what it returns as for `model.engine.greedy.greedy`."""
    studies, beams = len(told), rules.beams
    searches = [BeamSearch(rules, most) for _ in range(studies)]
    writing = Writing(step, repeated(step, seen, beams), studies * beams, clock)
    new = np.concatenate([np.repeat(told, beams, axis=0), np.full((studies * beams, 1), BOS_ID)], axis=1)
    while not all(search.done for search in searches):
        likely = log_softmax(writing(new)[0][:, -1]).reshape(studies, beams, -1)
        rows = np.arange(studies * beams).reshape(studies, beams)
        for index, search in enumerate(searches):
            if not search.done:
                rows[index] = index * beams + search.advance(likely[index])
        writing.keep(rows.ravel())
        new = np.concatenate([search.running[:, -1:] for search in searches])
    ids = np.full((studies, max(len(search.best) for search in searches)), PAD_ID)
    for row, search in zip(ids, searches, strict=True):
        row[: len(search.best)] = search.best
    return ids, *shown(Writing(step, seen, studies, clock), told, ids)


def shown(
    writing: Writing, told: NDArray[np.int64], ids: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Attention (B, T - 1, N + 1) and log-probabilities (B, T) of texts (B, T) that are known, in one pass."""
    logits, attention = writing(np.concatenate([told, ids], axis=1))
    written = slice(told.shape[1], -1)
    likely = np.take_along_axis(log_softmax(logits[:, written]), ids[:, 1:, None], 2)[..., 0]
    likely = np.where(ids[:, 1:] == PAD_ID, np.float32(0), likely)
    return attention[:, written], np.pad(likely, ((0, 0), (1, 0)))


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Over the last axis."""
    shifted = logits - logits.max(-1, keepdims=True)
    result: NDArray[np.float32] = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return result
