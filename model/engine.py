"""The inference engine: greedy drafts on ONNX Runtime, with the words and maps of the trained model and no torch."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from model.artefact import Artefact, open_artefact
from model.calibration import read_calibration
from model.errors import BadInput
from model.grounding import DraftedTokens, ground
from model.pixels import ModelInput
from model.prompt import prompt_batch
from model.report import GroundedReport
from model.tokenizer import BOS_ID, EOS_ID, PAD_ID


def session(path: Path, provider: str) -> ort.InferenceSession:
    """Open a graph on one provider and make sure that it is the one that runs.

    ONNX Runtime falls back to the CPU without an error when a provider is missing.

    Raises:
        BadInput: the provider that was asked for is not the one in use.
    """
    opened = ort.InferenceSession(path, providers=[provider])
    if opened.get_providers()[0] != provider:
        raise BadInput(
            f"provider {provider}",
            f"this machine runs {path.name} on {opened.get_providers()[0]}",
            "install the driver and libraries of that provider, or ask for CPUExecutionProvider",
        )
    return opened


class Engine:
    """An exported model, ready to draft.

    Args:
        folder: the output of `radassist export`.
        provider: an ONNX Runtime execution provider; asserted.
        variant: of `model.artefact.VARIANTS`.
    """

    def __init__(self, folder: Path, provider: str = "CPUExecutionProvider", variant: str = "fp32") -> None:
        self.artefact: Artefact = open_artefact(folder)
        config = self.artefact.config
        self.tokenizer = self.artefact.tokenizer
        self.grid = self.artefact.grid
        self.max_tokens: int = config["max_tokens"]
        self.prompt_tokens: int = config.get("prompt_tokens", 0)
        decoder = config["decoder"]
        self._cache_shape = (decoder["layers"], decoder["heads"], decoder["width"] // decoder["heads"])
        self._encoder, self._step = (session(graph, provider) for graph in self.artefact.graphs(variant))
        self._cache_type = np.float16 if variant == "fp16" else np.float32

    def draft(self, images: NDArray[np.uint8], prompts: Sequence[str] = ()) -> list[DraftedTokens]:
        """Greedy drafts of a batch.

        Args:
            images: uint8 (B, size, size), as `model.pixels` makes them.
            prompts: what is known of each study, as `model.prompt.prompt_text` says it; a model without room for
                prompts reads none.

        Raises:
            BadInput: the model reads prompts, and their number is not that of the images.
        """
        batch = len(images)
        told = self._told(prompts, batch)
        layers, heads, width = self._cache_shape
        cross_key, cross_value = self._encoder.run(None, {"image": images[:, None].astype(np.float32) / 255})
        key = value = np.zeros((layers, batch, heads, 0, width), self._cache_type)
        begin = np.full((batch, 1), BOS_ID, np.int64)
        last = np.concatenate([told, begin], axis=1)
        ended = np.zeros((batch, 1), bool)
        ids, rows, scores = [begin], [], [np.zeros((batch, 1), np.float32)]
        for _ in range(self.max_tokens - 1):
            logits, attention, key, value = self._step.run(
                None,
                {"ids": last, "cross_key": cross_key, "cross_value": cross_value, "past_key": key, "past_value": value},
            )
            rows.append(attention[:, -1:])
            last = logits[:, -1].argmax(-1)[:, None]
            likely = np.take_along_axis(log_softmax(logits[:, -1]), last, 1)
            last, likely = np.where(ended, PAD_ID, last), np.where(ended, np.float32(0), likely)
            ended |= last == EOS_ID
            ids.append(last)
            scores.append(likely)
            if ended.all():
                break
        joined = (np.concatenate(parts, axis=1) for parts in (ids, rows, scores))
        return [DraftedTokens(*study) for study in zip(*joined, strict=True)]

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

    def report(self, studies: Sequence[tuple[str, ModelInput]], prompts: Sequence[str] = ()) -> list[GroundedReport]:
        """Grounded reports of (study id, model input) pairs, in one batch; `prompts` as for `draft`.

        Raises:
            BadInput: the model was exported without a calibration; the prompts are not one a study.
        """
        calibration = read_calibration(self.artefact.folder)
        drafts = self.draft(np.stack([model_input.image for _, model_input in studies]), prompts)
        return [
            ground(
                study_id,
                draft,
                self.tokenizer,
                self.grid,
                model_input.geometry,
                calibration=calibration,
                model_version=self.artefact.version,
                input_sha256=model_input.sha256,
            )
            for (study_id, model_input), draft in zip(studies, drafts, strict=True)
        ]


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Over the last axis."""
    shifted = logits - logits.max(-1, keepdims=True)
    result: NDArray[np.float32] = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return result
