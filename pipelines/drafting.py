"""A model's drafts of the studies that it is graded on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from model.artefact import Artefact
from model.calibration import Calibration
from model.grounding import DraftedTokens, Grounder
from model.report import GroundedReport
from model.tokenizer import PAD_ID, ReportTokenizer
from pipelines.evaluation_set import EvaluationSet, EvaluationStudy
from pipelines.models import drafter, model_inputs, reporter_on_device
from pipelines.progress import track

if TYPE_CHECKING:
    from model.reporter import Reporter

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
    reporter, _ = reporter_on_device(artefact)
    ground = Grounder.of(artefact, calibration)
    for first in track(range(0, len(studies), BATCH), "drafts"):
        batch = [studies[index] for index in range(first, min(first + BATCH, len(studies)))]
        for study, (prompt, tokens) in zip(batch, draft_batch(reporter, ground.tokenizer, batch), strict=True):
            report = ground(study.study_id, study.model_input, tokens)
            length = np.flatnonzero(tokens.ids != PAD_ID)[-1] + 1
            yield study, Draft(report, tokens.ids[:length], tokens.log_probability[:length], prompt)


def draft_batch(
    reporter: "Reporter", tokenizer: ReportTokenizer, studies: Sequence[EvaluationStudy]
) -> Iterator[tuple[NDArray[np.int64], DraftedTokens]]:
    """Of each study the prompt (prompt_tokens,) that was read, and the draft."""
    images, prompts = model_inputs(reporter, tokenizer, studies)
    device = next(reporter.parameters()).device
    drafted = drafter(reporter)(images.to(device), prompts.to(device))
    arrays = (array.cpu().numpy() for array in (drafted.ids, drafted.attention, drafted.log_probability))
    for prompt, *tokens in zip(prompts.numpy(), *arrays, strict=True):
        yield prompt, DraftedTokens(*tokens)
