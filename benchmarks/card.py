"""`grounded_2048` on a graphics card: measured where there is one, else counted for an NVIDIA A10.

A count runs the model on tensors that have shapes and no bytes: the operations of reading an image, the bytes that each
word must fetch, and the largest sum of tensors alive. An A10 does 125 x 10^12 operations a second in float16, 31 in
float32, and reads 600 GB a second (NVIDIA, A10 data sheet); large multiplications reach a third of the first, and a
step of the decoder does not end before ONNX Runtime has launched its kernels, in 5 ms.
"""

import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch  # noqa: TID253
from torch._subclasses.fake_tensor import FakeTensorMode  # noqa: TID253
from torch.distributed._tools.mem_tracker import MemTracker  # noqa: TID253
from torch.utils.flop_counter import FlopCounterMode  # noqa: TID253

from benchmarks.day import p99
from benchmarks.models import PRESETS, built, exported, noise
from benchmarks.timing import Row, timed
from model.configurations import build_reporter
from model.engine import Engine, Provider

WORDS = 150
PRESET = PRESETS["grounded_2048"]
SETTINGS = {**PRESET.model.model_dump(), "size": PRESET.pixels.size, "vocab_size": 8192}
OPERATIONS = {torch.float32: 31.2e12, torch.float16: 125e12}
REACHED, BYTES_A_SECOND, LAUNCH = 1 / 3, 600e9, 0.005
SECONDS_BAR, GIB_BAR, P99_BAR = 2.0, 6.0, 10.0
AROUND = 0.5
"""Seconds of pixels, regions, pictures and FHIR for one study, on the processor."""
ROUNDS = 5


def measure(threads: int) -> dict[str, Any]:
    if torch.cuda.is_available():
        found = {"how": "measured", **measured(threads)}
    else:
        found = {"how": "counted", "fp32": counted(torch.float32), "fp16": counted(torch.float16)}
    fastest = min(got["seconds"] for got in found.values() if isinstance(got, dict))
    return {**found, "p99_seconds": p99(np.array([fastest]), AROUND)}


def counted(precision: torch.dtype) -> dict[str, float]:
    """Seconds and GiB of one study on an A10."""
    with torch.device("meta"):
        model = build_reporter({**SETTINGS, "max_tokens": WORDS}).eval().to(precision)
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():
        model.to_empty(device="cpu")
        image = torch.rand(1, 1, SETTINGS["size"], SETTINGS["size"]).to(precision)
        tracker, operations = MemTracker(), FlopCounterMode(display=False)
        tracker.track_external(model, image)
        with tracker, operations:
            keys, values = model.decoder.keys_values(model.read(image)[0])
        peak = tracker.get_tracker_snapshot("peak")[torch.device("cpu")]["Total"]
    read = sum(part.numel() for part in (*keys, *values, *model.decoder.parameters()))
    encode = operations.get_total_flops() / (OPERATIONS[precision] * REACHED)
    step = max(LAUNCH, read * precision.itemsize / BYTES_A_SECOND)
    return {
        "tera_operations": operations.get_total_flops() / 1e12,
        "bytes_a_word": read * precision.itemsize,
        "seconds": encode + WORDS * step,
        "peak_gib": peak / 2**30,
    }


def measured(threads: int) -> dict[str, dict[str, float]]:
    """By variant."""
    with tempfile.TemporaryDirectory() as folder:
        path = exported(built(SETTINGS, WORDS), Path(folder), variants=True)
        return {variant: drafted(path, variant, threads) for variant in ("fp32", "fp16")}


def drafted(path: Path, variant: str, threads: int) -> dict[str, float]:
    """Seconds of one study, and GiB that the card gave."""
    free, _ = torch.cuda.mem_get_info()
    engine = Engine(path, Provider.CUDA, variant, threads=threads)
    images = noise(1, SETTINGS["size"])
    seconds = timed({"draft": lambda: engine.draft(images)}, ROUNDS)
    left, _ = torch.cuda.mem_get_info()
    return {"seconds": median(seconds["draft"]), "peak_gib": (free - left) / 2**30}


def rows(found: dict[str, Any]) -> list[Row]:
    table = []
    for variant in ("fp32", "fp16"):
        if variant in found:
            got = found[variant]
            holds = got["seconds"] < SECONDS_BAR and got["peak_gib"] < GIB_BAR
            table.append(
                Row(
                    f"`grounded_2048`, 150 tokens, {variant}, {found['how']}",
                    f"< {SECONDS_BAR:g} s, < {GIB_BAR:g} GiB",
                    f"{got['seconds']:.2f} s, {got['peak_gib']:.1f} GiB",
                    holds,
                )
            )
    p99_seconds = found["p99_seconds"]
    name = f"a day of 100 studies an hour, `grounded_2048`, p99, {found['how']}"
    return [*table, Row(name, f"< {P99_BAR:g} s", f"{p99_seconds:.2f} s", p99_seconds < P99_BAR)]
