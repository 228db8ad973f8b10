"""Greedy search: the likeliest word each time."""

import numpy as np
from numpy.typing import NDArray

from model.engine.cache import Writing
from model.tokenizer import BOS_ID, EOS_ID, PAD_ID


def greedy(
    writing: Writing, told: NDArray[np.int64], most: int
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
    """Texts after prompts (B, P), each of `most` tokens at most, as `model.reporter.Drafted` has them.

    Returns:
        ids (B, T); attention (B, T - 1, N + 1); log-probabilities (B, T).
    """
    last = np.full((len(told), 1), BOS_ID)
    ended = np.zeros((len(told), 1), bool)
    ids, rows, scores = [last], [], [np.zeros((len(told), 1), np.float32)]
    new = np.concatenate([told, last], axis=1)
    while len(ids) < most and not ended.all():
        logits, attention = writing(new)
        best = logits[:, -1].argmax(-1)[:, None]
        likely = -np.log(np.exp(logits[:, -1] - np.take_along_axis(logits[:, -1], best, 1)).sum(-1, keepdims=True))
        new = np.where(ended, PAD_ID, best)
        ids.append(new)
        rows.append(attention[:, -1:])
        scores.append(np.where(ended, np.float32(0), likely))
        ended |= new == EOS_ID
    joined = (np.concatenate(parts, axis=1) for parts in (ids, rows, scores))
    return tuple(joined)  # type: ignore[return-value]
