"""The references read with teacher forcing: where the model looks when it is told what to write."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from model.artefact import Artefact
from model.tokenizer import PAD_ID
from pipelines.evaluation_set import EvaluationSet, EvaluationStudy
from pipelines.models import model_inputs, reporter_on_device
from pipelines.progress import track

BATCH = 32

SentenceMaps = list[NDArray[np.float32] | None]
"""One map a sentence of a reference, on the patch grid; None for a sentence that the longest report has no room for."""


def read_references(artefact: Artefact, studies: EvaluationSet) -> Iterator[tuple[EvaluationStudy, SentenceMaps]]:
    """Each study with the maps of its own sentences, in their order."""
    import torch

    from model.reporter import forced

    reporter, device = reporter_on_device(artefact)
    tokenizer, longest = artefact.tokenizer, artefact.config["max_tokens"]
    for first in track(range(0, len(studies), BATCH), "readings"):
        batch = [studies[index] for index in range(first, min(first + BATCH, len(studies)))]
        encoded = [tokenizer.encode([(s.section, s.text) for s in study.sentences], longest) for study in batch]
        ids = np.full((len(batch), max(len(one.ids) for one in encoded)), PAD_ID)
        for row, one in zip(ids, encoded, strict=True):
            row[: len(one.ids)] = one.ids
        images, prompts = model_inputs(reporter, tokenizer, batch)
        read = forced(reporter, images.to(device), torch.from_numpy(ids).to(device), prompts.to(device))
        attention = read.attention[..., :-1].cpu().numpy()
        for study, one, rows in zip(batch, encoded, attention, strict=True):
            yield study, maps_of(rows, np.array(one.sentence), len(study.sentences), reporter.grid)


def maps_of(
    attention: NDArray[np.float32], sentence: NDArray[np.int64], sentences: int, grid: tuple[int, int]
) -> SentenceMaps:
    """Mean attention over the tokens of each sentence.

    Args:
        attention: (T, N) or longer, head-mean; row t wrote token t + 1.
        sentence: (T,) index of the sentence of each token, -1 for the special ones.
    """
    wrote = [np.flatnonzero(sentence == index) - 1 for index in range(sentences)]
    return [attention[rows].mean(axis=0).reshape(grid) if len(rows) else None for rows in wrote]
