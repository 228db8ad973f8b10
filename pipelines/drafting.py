"""A model's drafts of the studies that it is graded on."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.artefact import Artefact
from model.calibration import Calibration
from model.grounding import DraftedTokens, ground
from model.prompt import prompt_batch
from model.report import GroundedReport
from model.tokenizer import PAD_ID
from pipelines.evaluation_set import EvaluationSet
from pipelines.models import drafter, reporter_on_device
from pipelines.progress import track

BATCH = 32


@dataclass(frozen=True, slots=True)
class Draft:
    """A grounded report, the tokens (T,) that it was written in, without padding, and the log-probability of each;
    `prompt` (prompt_tokens,) was read before them."""

    report: GroundedReport
    ids: NDArray[np.int64]
    log_probability: NDArray[np.float32]
    prompt: NDArray[np.int64]


def draft_studies(artefact: Artefact, studies: EvaluationSet, calibration: Calibration) -> Iterator[Draft]:
    """Grounded reports, in the order of the studies."""
    import torch

    from pipelines.prepared import images_to_tensor

    reporter, device = reporter_on_device(artefact)
    draft, tokenizer = drafter(reporter), artefact.tokenizer
    for first in track(range(0, len(studies), BATCH), "drafts"):
        batch = [studies[index] for index in range(first, min(first + BATCH, len(studies)))]
        images = images_to_tensor(np.stack([study.model_input.image for study in batch]))
        prompts = prompt_batch(tokenizer, [study.prompt for study in batch], reporter.prompt_tokens)
        drafted = draft(images.to(device), torch.from_numpy(prompts).to(device))
        arrays = (array.cpu().numpy() for array in (drafted.ids, drafted.attention, drafted.log_probability))
        for study, prompt, *parts in zip(batch, prompts, *arrays, strict=True):
            tokens = DraftedTokens(*parts)
            report = ground(
                study.study_id,
                tokens,
                tokenizer,
                reporter.grid,
                study.model_input.geometry,
                calibration=calibration,
                model_version=artefact.version,
                input_sha256=study.model_input.sha256,
            )
            length = np.flatnonzero(tokens.ids != PAD_ID)[-1] + 1
            yield Draft(report, tokens.ids[:length], tokens.log_probability[:length], prompt)
