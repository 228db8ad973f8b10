"""An exported model, ready to draft: the image is read once, then each word costs one small step."""

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.artefact import Artefact, open_artefact
from model.calibration import Calibration, read_calibration
from model.engine.beams import BeamRules, searched, shown
from model.engine.cache import StepGraph, Values, Writing
from model.engine.greedy import greedy
from model.engine.limits import Clock, Limits, TooLong
from model.engine.provider import Provider, session, threads_for
from model.errors import BadInput
from model.grounding import DraftedTokens, Grounder
from model.pixels import ModelInput
from model.prompt import prompt_batch
from model.report import GroundedReport
from model.tokenizer import EOS_ID, ReportTokenizer

SETTING_UP = 3600.0
"""Seconds. TensorRT builds its engines for minutes at the first start."""

SHORTEST = 2
"""Tokens of a draft that says nothing: its start and its end."""

Studies = Sequence[tuple[str, ModelInput]]
"""Study id and what the model is shown of it."""


class Engine:
    """An exported model, ready to draft as its configuration says, greedily or with beams.

    On a graphics card it has drafted once when it is made, so that no study waits for what is set up then.

    Args:
        model: the output of `radassist export`: its folder, or what was opened.
        provider: what runs the graphs; asserted.
        variant: of `model.artefact.VARIANTS`.
        limits: of each study.
        threads: of the CPU, at most; a small graph on a small image gets one.

    Raises:
        BadInput: the folder is no model or has changed; the model lacks the variant; the provider is not there.
    """

    def __init__(
        self,
        model: Path | Artefact,
        provider: Provider = Provider.CPU,
        variant: str = "fp32",
        limits: Limits | None = None,
        threads: int = os.cpu_count() or 1,
    ) -> None:
        self.artefact = model if isinstance(model, Artefact) else open_artefact(model)
        config = self.artefact.config
        self.tokenizer: ReportTokenizer = self.artefact.tokenizer
        self.grid = self.artefact.grid
        self.limits = limits or Limits()
        self.max_tokens: int = config["max_tokens"]
        self.prompt_tokens: int = config.get("prompt_tokens", 0)
        self.rules = BeamRules(**config.get("draft", {"beams": 1}))
        self._device = provider.device
        encoder, step = self.artefact.graphs(variant)
        self._encoder = session(encoder, provider.chain(), threads_for(encoder, threads, config["size"]))
        self._step = StepGraph(session(step, provider.chain(), threads_for(step, threads)), self._device)
        if provider is not Provider.CPU:
            self._warm_up()

    @cached_property
    def calibration(self) -> Calibration:
        """What its scores are worth.

        Raises:
            BadInput: the model was exported without a calibration.
        """
        return read_calibration(self.artefact.folder)

    def draft(self, images: NDArray[np.uint8], prompts: Sequence[str] = ()) -> list[DraftedTokens]:
        """Drafts of a batch.

        Args:
            images: uint8 (B, size, size), as `model.pixels` makes them.
            prompts: what is known of each study, as `model.prompt.prompt_text` says it; a model without room for
                prompts reads none.

        Raises:
            BadInput: the model reads prompts, and their number is not that of the images.
            LimitPassed: a study of the batch costs more than it may.
        """
        with self.limits.clock(len(images)) as clock:
            return self.write(self.encode(images, clock), prompts, len(images), clock)

    def encode(self, images: NDArray[np.uint8], clock: Clock) -> Values:
        """What the decoder reads of images (B, size, size), on the device, by name."""
        positions = self.prompt_tokens + self.max_tokens
        self.limits.hold(self._step.held(len(images) * self.rules.beams, positions), len(images))
        binding = self._encoder.io_binding()
        binding.bind_cpu_input("image", images[:, None].astype(np.float32) / 255)
        names = [output.name for output in self._encoder.get_outputs()]
        for name in names:
            binding.bind_output(name, self._device)
        clock.run(self._encoder, binding)
        return dict(zip(names, binding.get_outputs(), strict=True))

    def write(self, seen: Values, prompts: Sequence[str], studies: int, clock: Clock) -> list[DraftedTokens]:
        """Drafts of what `encode` gave of so many studies."""
        told = self._told(prompts, studies)
        most = self.max_tokens if self.limits.tokens is None else min(self.limits.tokens, self.max_tokens)
        if most < SHORTEST:
            raise TooLong(f"a draft has {SHORTEST} tokens at least: {most} may be written")
        if self.rules.beams == 1:
            drafted = greedy(Writing(self._step, seen, studies, clock), told, most)
        else:
            drafted = searched(self._step, seen, told, most, self.rules, clock)
        if most < self.max_tokens and not (drafted[0] == EOS_ID).any(1).all():
            raise TooLong(f"a draft has not ended after {most} tokens")
        return [DraftedTokens(*study) for study in zip(*drafted, strict=True)]

    def reread(self, image: NDArray[np.uint8], prompt: str, ids: NDArray[np.int64]) -> DraftedTokens:
        """What the words (T,) of a study look at, and how likely each is, all read at once and without a cache."""
        with self.limits.clock(1) as clock:
            seen = self.encode(image[None], clock)
            attention, likely = shown(Writing(self._step, seen, 1, clock), self._told([prompt], 1), ids[None])
        return DraftedTokens(ids, attention[0], likely[0])

    def report(self, studies: Studies, prompts: Sequence[str] = ()) -> list[GroundedReport]:
        """Grounded reports, in one batch; `prompts` and errors as for `draft`.

        Raises:
            BadInput: the model was exported without a calibration.
        """
        drafts = self.draft(np.stack([model_input.image for _, model_input in studies]), prompts)
        return self.ground(studies, drafts)

    def ground(self, studies: Studies, drafts: Sequence[DraftedTokens]) -> list[GroundedReport]:
        """What each drafted sentence rests on."""
        ground = Grounder(self.tokenizer, self.grid, self.calibration, self.artefact.version)
        return [ground(*study, draft) for study, draft in zip(studies, drafts, strict=True)]

    def _told(self, prompts: Sequence[str], batch: int) -> NDArray[np.int64]:
        """The prompts as tokens, (B, prompt_tokens)."""
        if self.prompt_tokens == 0:
            return np.zeros((batch, 0), np.int64)
        if len(prompts) != batch:
            raise BadInput(
                f"{len(prompts)} prompts for {batch} images",
                f"this model reads a prompt of {self.prompt_tokens} tokens before each study",
                "give model.prompt.prompt_text of each, empty where nothing is known",
            )
        return prompt_batch(self.tokenizer, prompts, self.prompt_tokens)

    def _warm_up(self) -> None:
        """Read a black image and write a word of it, whatever time it takes."""
        size = self.artefact.config["size"]
        with Clock(SETTING_UP) as clock:
            seen = self.encode(np.zeros((1, size, size), np.uint8), clock)
            greedy(Writing(self._step, seen, 1, clock), self._told([""], 1), 3)
