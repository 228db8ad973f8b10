"""INT8 against fp32 on the processor: its speed at BART-base size, and what a trained model loses by it.

The loss is the parity stage's, where one has run in the working folder.
"""

import json
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.drafting import SIZES, WORDS
from benchmarks.models import built, exported, noise
from benchmarks.timing import Row, ratio, timed
from model.artefact import VARIANTS, graph_file
from model.engine import Engine
from pipelines.agreement import LOSSES, MOST_LOSS

SIZE, ROUNDS = "BART-base, 29 memory tokens", 5
PARITY = Path("metrics") / "parity.json"


def measure(threads: int) -> dict[str, Any]:
    settings, _, _ = SIZES[SIZE]
    with tempfile.TemporaryDirectory() as name:
        folder = exported(built(settings, WORDS), Path(name), variants=True)
        whole, in_8_bits = (Engine(folder, variant=variant, threads=threads) for variant in ("fp32", "int8"))
        images = noise(1, settings["size"])
        seconds = timed({"fp32": lambda: whole.draft(images), "int8": lambda: in_8_bits.draft(images)}, ROUNDS)
        mebibytes = {v: (folder / graph_file("decoder_step", v)).stat().st_size / 2**20 for v in VARIANTS}
    parity = json.loads(PARITY.read_text()) if PARITY.is_file() else {}
    return {
        "fp32_to_int8": ratio(seconds["fp32"], seconds["int8"]),
        "int8_seconds": median(seconds["int8"]),
        "decoder_step_mib": mebibytes,
        "losses": {name: parity[key] for name in LOSSES if (key := f"int8.{name}_loss") in parity},
    }


def rows(found: dict[str, Any]) -> list[Row]:
    times, losses = found["fp32_to_int8"], found["losses"]
    lost = ", ".join(f"{name} {loss:+.4f}" for name, loss in losses.items())
    return [
        Row("drafting, INT8 against fp32, BART-base size", "> 1x", f"{times:.2f}x", times > 1),
        Row(
            "INT8 at demo size, loss",
            f"<= {MOST_LOSS}",
            lost or f"no {PARITY} here",
            max(losses.values()) <= MOST_LOSS if losses else None,
        ),
    ]
