"""How much of a draft a reader changed before signing it: `edit_rate`, in words and by alignment.

The distance is Levenshtein's (1966) over words: the fewest words put in, taken out or put in another's place. Tokens
are what white space separates, as for BLEU.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from model.metrics.figures import Figure, mean_figure
from model.text import sentences


class Edit(StrEnum):
    """What became of a sentence between draft and signature."""

    KEPT = "kept"
    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class SentenceEdit:
    """One sentence of a draft, of the signed report, or of both.

    `drafted` and `signed` are indices, None where the sentence stands on the other side alone; `words` were changed.
    """

    edit: Edit
    drafted: int | None
    signed: int | None
    words: int


def word_edits(draft: str, signed: str) -> int:
    """The fewest words to put in, take out or replace that make the one text of the other, 0 or more; symmetric.

    Computed with bit vectors (Hyyrö 2003, after Myers 1999), one bit a word of the draft.
    """
    words = draft.split()
    if not words:
        return len(signed.split())
    positions: dict[str, int] = {}
    for index, word in enumerate(words):
        positions[word] = positions.get(word, 0) | 1 << index
    every, last = (1 << len(words)) - 1, 1 << (len(words) - 1)
    distance, higher, lower = len(words), every, 0  # where the column rises and falls by one
    for word in signed.split():
        equal = positions.get(word, 0)
        diagonal = ((equal & higher) + higher) ^ higher | equal | lower
        rising, falling = lower | ~(diagonal | higher) & every, higher & diagonal
        distance += bool(rising & last) - bool(falling & last)
        rising, falling = rising << 1 | 1, falling << 1
        higher, lower = (falling | ~(diagonal | rising)) & every, rising & diagonal & every
    return distance


def sentence_edits(draft: Sequence[str], signed: Sequence[str]) -> tuple[SentenceEdit, ...]:
    """Align the sentences of a draft with those signed, in their order, so that the fewest words change.

    Two sentences are one that changed only where some word of it still stands; else the one was removed and the other
    added. So was a sentence that moved past another.
    """
    gone, come = ([len(sentence.split()) for sentence in side] for side in (draft, signed))
    paired = np.array([[word_edits(one, other) for other in signed] for one in draft], float)
    paired = paired.reshape(len(draft), len(signed))
    paired[paired >= np.maximum.outer(gone, come)] = np.inf
    cost = np.zeros((len(draft) + 1, len(signed) + 1))
    cost[1:, 0], cost[0, 1:] = np.cumsum(gone), np.cumsum(come)
    for i, j in np.ndindex(paired.shape):
        apart = min(cost[i, j + 1] + gone[i], cost[i + 1, j] + come[j])
        cost[i + 1, j + 1] = min(apart, cost[i, j] + paired[i, j])
    edits: list[SentenceEdit] = []
    i, j = paired.shape
    while i or j:
        if i and j and cost[i, j] == cost[i - 1, j - 1] + paired[i - 1, j - 1]:
            i, j = i - 1, j - 1
            words = int(paired[i, j])
            edits.append(SentenceEdit(Edit.CHANGED if words else Edit.KEPT, i, j, words))
        elif j and cost[i, j] == cost[i, j - 1] + come[j - 1]:
            j -= 1
            edits.append(SentenceEdit(Edit.ADDED, None, j, come[j]))
        else:
            i -= 1
            edits.append(SentenceEdit(Edit.REMOVED, i, None, gone[i]))
    return tuple(reversed(edits))


def edit_figures(drafts: Sequence[str], signed: Sequence[str]) -> tuple[Figure, Figure]:
    """`edit_rate` and `edit_rate_sentences` of drafts and of what was signed, one of each a study.

    - `edit_rate`: words changed over words signed, both summed over the studies; above 1 where more was struck than
      was left.
    - `edit_rate_sentences`: sentences changed, added or removed over sentences signed.
    """
    aligned = [sentence_edits(sentences(draft), sentences(text)) for draft, text in zip(drafts, signed, strict=True)]
    return (
        mean_figure(
            "edit_rate",
            [word_edits(draft, text) for draft, text in zip(drafts, signed, strict=True)],
            [len(text.split()) for text in signed],
        ),
        mean_figure(
            "edit_rate_sentences",
            [sum(edit.edit is not Edit.KEPT for edit in edits) for edits in aligned],
            [sum(edit.signed is not None for edit in edits) for edits in aligned],
        ),
    )
