"""Which studies share a batch, in which order, and which of them this process sees."""

import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.augmentation import View, draw_view
from pipelines.params import Train

if TYPE_CHECKING:
    import torch
    from torch.utils.data import DataLoader

    from pipelines.prepared import PreparedSet

SORTED_TOGETHER = 16
"""Batches among which studies are sorted by the length of their report: few enough for batches to stay random."""

MOST_READERS = 4
"""Each reads some 15 studies of 2048 x 2048 a second, and holds two batches."""


def epoch_batches(studies: "PreparedSet", params: Train, epoch: int) -> list[list[int]]:
    """The batches of a training epoch in an order that (seed, epoch) fixes; dropout is seeded with it.

    Reports of like length share a batch, so that little of it is padding.
    """
    import torch

    seed = epoch_seed(params, epoch)
    torch.manual_seed(seed)
    return batches_of_like_length(studies.lengths(), params.batch_size, np.random.default_rng(seed))


def epoch_views(params: Train, size: int, epoch: int) -> Callable[[int], View] | None:
    """How a training epoch sees its studies, of `size` px: the same for the same seed, wherever it was interrupted."""
    return partial(draw_view, params.augment, size, epoch_seed(params, epoch)) if params.augment else None


def epoch_seed(params: Train, epoch: int) -> int:
    return params.seed * 1_000_003 + epoch


def batches_in_order(count: int, size: int) -> list[list[int]]:
    return [list(range(at, min(at + size, count))) for at in range(0, count, size)]


def batches_of_like_length(lengths: NDArray[np.int64], size: int, order: np.random.Generator) -> list[list[int]]:
    """Every study once, in random batches of `size`: within each SORTED_TOGETHER batches' worth, sorted by length."""
    shuffled, reach = order.permutation(len(lengths)), SORTED_TOGETHER * size
    rows = [row for at in range(0, len(lengths), reach) for row in sorted(shuffled[at : at + reach], key=lengths.take)]
    batches = [[int(row) for row in rows[at : at + size]] for at in range(0, len(rows), size)]
    return [batches[index] for index in order.permutation(len(batches))]


def readers_for(device: "torch.device", processes: int) -> int:
    """How many processes read ahead for each that trains: none on the CPU, where the model needs every core."""
    return 0 if device.type == "cpu" else min(MOST_READERS, (os.cpu_count() or 1) // processes)


def loader(
    studies: "PreparedSet", batches: list[list[int]], process: int = 0, processes: int = 1, readers: int = 0
) -> "DataLoader[Any]":
    """Read this process's share of each batch: every `processes`-th of its studies.

    `readers` processes read ahead, or this one when it is asked; the batches are the same.
    """
    from torch.utils.data import DataLoader

    from pipelines.prepared import collate

    own = [rows[process::processes] for rows in batches]
    return DataLoader(studies, batch_sampler=own, collate_fn=collate, num_workers=readers)
