"""A trained model back from its artefact folder."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from model.artefact import Artefact
from model.prompt import prompt_batch
from model.tokenizer import ReportTokenizer
from pipelines.evaluation_set import EvaluationStudy

if TYPE_CHECKING:
    from torch import Tensor, device

    from model.reporter import Drafted, Reporter


def load_reporter(artefact: Artefact) -> "Reporter":
    """Build the reporter that `config.json` describes and load its weights, ready to draft."""
    from safetensors.torch import load_file

    from model.configurations import build_reporter

    reporter = build_reporter(artefact.config)
    reporter.load_state_dict(load_file(artefact.folder / "model.safetensors"))
    return reporter.eval()


def reporter_on_device(artefact: Artefact) -> "tuple[Reporter, device]":
    """The reporter on the graphics card where there is one, and where its inputs belong."""
    import torch

    place = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return load_reporter(artefact).to(place), place


def drafter(reporter: "Reporter") -> "Callable[[Tensor, Tensor], Drafted]":
    """How it drafts images (B, 1, size, size) and prompts (B, prompt_tokens): as its configuration says, greedily or by
    beam search."""
    settings = reporter.config["draft"]
    if settings["beams"] == 1:
        return reporter.draft
    from model.generation import generate

    return partial(generate, reporter, **settings)


def model_inputs(
    reporter: "Reporter", tokenizer: ReportTokenizer, studies: Sequence[EvaluationStudy]
) -> "tuple[Tensor, Tensor]":
    """What it reads of studies: images (B, 1, size, size) and prompts (B, prompt_tokens)."""
    import torch

    from pipelines.prepared import images_to_tensor

    images = images_to_tensor(np.stack([study.model_input.image for study in studies]))
    prompts = prompt_batch(tokenizer, [study.prompt for study in studies], reporter.prompt_tokens)
    return images, torch.from_numpy(prompts)
