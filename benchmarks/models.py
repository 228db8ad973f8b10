"""Models to time. Weights are random, so that drafts run to the limit on words and every peer has as much to do."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch  # noqa: TID253
from numpy.typing import NDArray
from safetensors.torch import save_file

from model.artefact import seal
from model.calibration import FILE as CALIBRATION
from model.calibration import UNFITTED, write_calibration
from model.configurations import build_reporter
from model.engine import Engine
from model.graphs import export_graphs
from model.pixels import PixelParams
from model.reporter import Reporter
from model.tokenizer import EOS_ID, ReportTokenizer
from model.variants import export_variants
from pipelines.params import load_presets

PRESETS = load_presets(Path(__file__).parents[1] / "params.yaml").presets
DEMO: dict[str, Any] = {**PRESETS["demo"].model.model_dump(), "size": PRESETS["demo"].pixels.size, "vocab_size": 1024}
SWIN = {
    "name": "swin_tiny_patch4_window7_224",
    "embed_dim": 16,
    "depths": [1, 1],
    "num_heads": [2, 2],
    "window_size": 4,
}
BART_BASE: dict[str, Any] = {
    "architecture": "swin_bart",
    "grounding_loss": "none",
    "entropy": "unsupervised",
    "regional": "off",
    "encoder": SWIN,
    "decoder": {"width": 768, "heads": 12, "layers": 6, "dropout": 0.0, "tied": True},
    "vocab_size": 30522,
}
"""The decoder of BART-base over the vocabulary of `swin_bart`, behind an encoder that costs next to nothing."""


def built(settings: dict[str, Any], words: int) -> Reporter:
    """A reporter that never ends a report of itself."""
    torch.manual_seed(0)
    model = build_reporter({**settings, "max_tokens": words}).eval()
    with torch.no_grad():
        for weight in model.decoder.parameters():
            if len(weight) == model.config["vocab_size"]:
                weight[EOS_ID] = 0.0  # of thousands of words, some is likelier than one at 0
    return model


def noise(studies: int, size: int) -> NDArray[np.uint8]:
    """Images (studies, size, size)."""
    return np.random.default_rng(0).integers(0, 255, (studies, size, size), dtype=np.uint8)


def encode(engine: Engine, images: NDArray[np.uint8]) -> None:
    """The first part of a draft alone."""
    with engine.limits.clock(len(images)) as clock:
        engine.encode(images, clock)


def exported(model: Reporter, folder: Path, *, variants: bool = False) -> Path:
    """The folder with the model as `radassist export` writes it, its variants too where they are wanted."""
    save_file({name: weight.contiguous() for name, weight in model.state_dict().items()}, folder / "model.safetensors")
    ReportTokenizer.train(["The heart is enlarged."], 300).save(folder / "tokenizer.json")
    write_calibration(UNFITTED, folder / CALIBRATION)
    pixels = asdict(PixelParams(size=model.config["size"]))
    (folder / "config.json").write_text(json.dumps({**model.config, "grid": model.grid, "pixels": pixels}))
    export_graphs(model, folder)
    if variants:
        export_variants(folder)
    seal(folder, {})
    return folder
