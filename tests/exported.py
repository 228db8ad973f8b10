"""Untrained reporters as `radassist export` writes a model."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from model.artefact import seal
from model.calibration import FILE as CALIBRATION
from model.calibration import UNFITTED, write_calibration
from model.configurations import build_reporter
from model.graphs import export_graphs
from model.pixels import PixelParams
from model.reporter import Reporter
from model.tokenizer import ReportTokenizer
from model.variants import export_variants

PROMPTS = ["60s female. Cough.", "", "20s male.", "Shortness of breath, fever, and a fall.", "80s male. Chest pain."]


def untrained(settings: dict[str, Any], tokenizer: ReportTokenizer) -> Reporter:
    torch.manual_seed(3)
    return build_reporter({**settings, "vocab_size": len(tokenizer)}).eval()


def sharpened(settings: dict[str, Any]) -> tuple[Reporter, ReportTokenizer]:
    """A reporter whose greedy words are no coin toss; it reads prompts."""
    tokenizer = ReportTokenizer.train(["The heart is enlarged.", "No pneumothorax.", *PROMPTS], 300)
    reporter = untrained({**settings, "max_tokens": 16, "prompt_tokens": 6}, tokenizer)
    head = next(p for p in reporter.decoder.parameters() if len(p) == len(tokenizer))
    with torch.no_grad():
        head.mul_(20)
    return reporter, tokenizer


def write_exported(
    folder: Path, reporter: Reporter, tokenizer: ReportTokenizer, pixels: PixelParams, *, variants: bool = False
) -> Path:
    """Write the model's folder, calibrated by no example."""
    save_file(reporter.state_dict(), folder / "model.safetensors")
    tokenizer.save(folder / "tokenizer.json")
    config = {**reporter.config, "grid": reporter.grid, "pixels": asdict(pixels)}
    (folder / "config.json").write_text(json.dumps(config))
    write_calibration(UNFITTED, folder / CALIBRATION)
    export_graphs(reporter, folder)
    if variants:
        export_variants(folder)
    seal(folder, {})
    return folder
