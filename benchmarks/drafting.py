"""Drafting one study: the engine against transformers' `generate` with cache and attentions, same words, same threads.

At demo size the peer is `model.generation.generate`: transformers' search over the project's decoder, then one pass for
the maps. At BART-base size it is transformers' own BART on the same weights, which gives the attention of each step.
"""

import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch  # noqa: TID253
from torch import Tensor  # noqa: TID253
from transformers import BartForConditionalGeneration  # noqa: TID253
from transformers.modeling_outputs import BaseModelOutput  # noqa: TID253

from benchmarks.models import BART_BASE, DEMO, built, encode, exported, noise
from benchmarks.timing import Row, ratio, timed
from model.bart_decoder import BartDecoder
from model.engine import Engine
from model.generation import generate
from model.reporter import Reporter
from model.tokenizer import BOS_ID

WORDS = 64
SIZES: dict[str, tuple[dict[str, Any], int, float]] = {
    "demo": (DEMO, 15, 3.0),
    "BART-base, 29 memory tokens": ({**BART_BASE, "size": 64, "tokens": 29}, 5, 2.0),
    "BART-base, 4,096 memory tokens": ({**BART_BASE, "size": 512, "tokens": "grid"}, 5, 1.2),
}
"""Settings, rounds, and how many times faster than its peer the engine is to be."""
BATCH = 4
BATCH_BAR = 1.5


class TransformersBart:
    """The reporter's decoder within transformers' BART, called as its users call it."""

    def __init__(self, model: Reporter) -> None:
        decoder = model.decoder
        if not isinstance(decoder, BartDecoder):
            raise TypeError("this peer is a BART")
        config = decoder.body.config
        self.bart = BartForConditionalGeneration(config).eval()
        self.bart.model.decoder = decoder.body
        self.bart.lm_head.weight = decoder.body.get_input_embeddings().weight
        self.bart.generation_config.forced_eos_token_id = None
        self.model, self.null = model, decoder.null

    @torch.inference_mode()
    def __call__(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Images (B, 1, size, size) -> ids (B, T), attention (B, T - 1, tokens + 1)."""
        memory = self.model.read(image)[0]
        memory = torch.cat([memory, self.null.expand(len(memory), -1, -1)], dim=1)
        out = self.bart.generate(
            encoder_outputs=BaseModelOutput(last_hidden_state=memory),
            decoder_input_ids=torch.full((len(memory), 1), BOS_ID),
            max_length=self.model.positions,
            num_beams=1,
            do_sample=False,
            output_attentions=True,
            return_dict_in_generate=True,
        )
        looked = [layers[-1].softmax(-1).mean(1) for layers in out.cross_attentions]  # this decoder gives its logits
        return out.sequences, torch.cat(looked, dim=1)


def measure(threads: int) -> dict[str, Any]:
    torch.set_num_threads(threads)
    return {"words": WORDS, "sizes": {size: measured(size, threads) for size in SIZES}}


def measured(size: str, threads: int) -> dict[str, Any]:
    settings, rounds, _ = SIZES[size]
    model = built(settings, WORDS)
    peer = TransformersBart(model) if isinstance(model.decoder, BartDecoder) else Generated(model)
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(exported(model, Path(folder)), threads=threads)
        images = noise(BATCH, model.config["size"])
        tensor = torch.from_numpy(images)[:1, None].float() / 255
        same = np.array_equal(engine.draft(images[:1])[0].ids, peer(tensor)[0][0].numpy())
        seconds = timed(
            {
                "engine": lambda: engine.draft(images[:1]),
                "generate": lambda: peer(tensor),
                "batch": lambda: engine.draft(images),
                "encode": lambda: encode(engine, images[:1]),
            },
            rounds,
        )
    return {
        "same_words": same,
        "generate_to_engine": ratio(seconds["generate"], seconds["engine"]),
        "throughput_at_4_to_1": BATCH / ratio(seconds["batch"], seconds["engine"]),
        "encode_seconds": median(seconds["encode"]),
        "engine_seconds": median(seconds["engine"]),
        "generate_seconds": median(seconds["generate"]),
    }


class Generated:
    """`model.generation.generate`, greedily."""

    def __init__(self, model: Reporter) -> None:
        self.model = model

    def __call__(self, image: Tensor) -> tuple[Tensor, Tensor]:
        drafted = generate(self.model, image, beams=1)
        return drafted.ids, drafted.attention


def rows(found: dict[str, Any]) -> list[Row]:
    table = []
    for size, (_, _, bar) in SIZES.items():
        got = found["sizes"][size]
        times, same = got["generate_to_engine"], got["same_words"]
        table.append(
            Row(
                f"drafting, engine against `generate`, {size}",
                f">= {bar:g}x, same words",
                f"{times:.2f}x, {'the same' if same else 'OTHER'} words",
                same and times >= bar,
            )
        )
    batch = found["sizes"]["demo"]["throughput_at_4_to_1"]
    return [
        *table,
        Row("throughput at batch 4 against 1, demo", f">= {BATCH_BAR}x", f"{batch:.2f}x", batch >= BATCH_BAR),
    ]
