"""Drafting one study: the engine against torch, on one machine, in one run, with as many threads.

Peers on the same weights, which write the same number of words and give the attention of each:

- `generate`: transformers' greedy search with its cache, then one pass for the maps (`model.generation`);
- `loop`: the project's own greedy loop in torch, which keeps the maps as it goes (`Reporter.draft`).

Weights are random, so that drafts run to the limit on words and every peer has as much to do. Rounds alternate between
the peers; a figure is the median of the rounds' ratios, and the seconds stand beside it for orientation.

    python -m benchmarks.drafting

writes drafting.json and drafting.md beside this file. It takes some minutes and 4 GiB.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch  # noqa: TID253
from safetensors.torch import save_file

from model.artefact import seal
from model.configurations import build_reporter
from model.engine import Engine
from model.generation import generate
from model.graphs import export_graphs
from model.pixels import PixelParams
from model.reporter import Reporter
from model.tokenizer import EOS_ID, ReportTokenizer
from pipelines.machine import hardware
from pipelines.params import load_presets

HERE = Path(__file__).parent
DEMO = load_presets(HERE.parent / "params.yaml").presets["demo"]
DEMO_MODEL: dict[str, Any] = {**DEMO.model.model_dump(), "size": DEMO.pixels.size}
BART = {"width": 768, "heads": 12, "layers": 6, "dropout": 0.0}
STEM = {"stem_channels": [8, 8, 16], "stem_blocks": [0, 0, 0], "depths": [1], "num_heads": [1], "window_size": 8}
SIZES: dict[str, dict[str, Any]] = {
    "demo": DEMO_MODEL,
    "BART-base, 29 tokens": {**DEMO_MODEL, "decoder": BART, "encoder": STEM, "tokens": 29},
    "BART-base, 4,096 tokens": {**DEMO_MODEL, "decoder": BART, "encoder": STEM, "size": 512},
}
VOCABULARY = {"demo": 1024}
WORDS, ROUNDS = 64, 7


def built(size: str) -> Reporter:
    """A reporter that never ends a report of itself."""
    torch.manual_seed(0)
    settings = SIZES[size]
    model = build_reporter({**settings, "max_tokens": WORDS, "vocab_size": VOCABULARY.get(size, 30522)}).eval()
    with torch.no_grad():
        for weight in model.decoder.parameters():
            if len(weight) == model.config["vocab_size"]:
                weight[EOS_ID] = 0.0  # of thousands of words, some is likelier than one at 0
    return model


def exported(model: Reporter, folder: Path) -> Engine:
    save_file(model.state_dict(), folder / "model.safetensors")
    ReportTokenizer.train(["The heart is enlarged."], 300).save(folder / "tokenizer.json")
    pixels = asdict(PixelParams(size=model.config["size"]))
    (folder / "config.json").write_text(json.dumps({**model.config, "grid": model.grid, "pixels": pixels}))
    export_graphs(model, folder)
    seal(folder, {})
    return Engine(folder)


def timed(peers: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each peer in each round, the peers in turn, after one round that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in peers}
    for turn in range(rounds + 1):
        for name, work in peers.items():
            began = perf_counter()
            work()
            if turn:
                seconds[name].append(perf_counter() - began)
    return seconds


def ratio(of: list[float], to: list[float]) -> float:
    """Median over the rounds of how many times longer the one takes than the other."""
    return median(a / b for a, b in zip(of, to, strict=True))


def measured(size: str, rounds: int) -> dict[str, Any]:
    model = built(size)
    with tempfile.TemporaryDirectory() as folder:
        engine = exported(model, Path(folder))
        side = model.config["size"]
        images = np.random.default_rng(0).integers(0, 255, (4, side, side), dtype=np.uint8)
        tensor = torch.from_numpy(images)[:1, None].float() / 255
        words = len(engine.draft(images[:1])[0].ids)
        seconds = timed(
            {
                "engine": lambda: engine.draft(images[:1]),
                "loop": lambda: model.draft(tensor),
                "generate": lambda: generate(model, tensor, beams=1),
                "engine, batch of 4": lambda: engine.draft(images),
            },
            rounds,
        )
    return {
        "size": size,
        "words": words,
        "generate_to_engine": ratio(seconds["generate"], seconds["engine"]),
        "loop_to_engine": ratio(seconds["loop"], seconds["engine"]),
        "throughput_at_4_to_1": 4 / ratio(seconds["engine, batch of 4"], seconds["engine"]),
        "engine_seconds": median(seconds["engine"]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    threads = int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1))
    torch.set_num_threads(threads)
    rows = []
    for size in SIZES:
        rows.append(measured(size, rounds))
        print(json.dumps(rows[-1]))
    found = {"machine": hardware(), "threads": threads, "rounds": rounds, "rows": rows}
    (HERE / "drafting.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
