"""A model's drafts of the studies that it is graded on."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.artefact import Artefact
from model.calibration import Calibration
from model.grounding import DraftedTokens, ground
from model.report import GroundedReport
from model.tokenizer import PAD_ID
from pipelines.evaluation_set import EvaluationSet, EvaluationStudy
from pipelines.models import drafter, model_inputs, reporter_on_device
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


def draft_studies(
    artefact: Artefact, studies: EvaluationSet, calibration: Calibration
) -> Iterator[tuple[EvaluationStudy, Draft]]:
    """Each study with its grounded report, in their order."""
    reporter, device = reporter_on_device(artefact)
    draft, tokenizer = drafter(reporter), artefact.tokenizer
    for first in track(range(0, len(studies), BATCH), "drafts"):
        batch = [studies[index] for index in range(first, min(first + BATCH, len(studies)))]
        images, prompts = model_inputs(reporter, tokenizer, batch)
        drafted = draft(images.to(device), prompts.to(device))
        arrays = (array.cpu().numpy() for array in (drafted.ids, drafted.attention, drafted.log_probability))
        for study, prompt, *parts in zip(batch, prompts.numpy(), *arrays, strict=True):
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
            yield study, Draft(report, tokens.ids[:length], tokens.log_probability[:length], prompt)
