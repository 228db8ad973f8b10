"""How the cost of a draft grows with the image and with the report.

A Swin of the layout of `grounded_2048`, four stages to 32 px, windows of 8, a quarter as wide as Swin-T.
"""

import math
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.models import DEMO, built, exported, noise
from benchmarks.timing import Row, timed
from model.engine import Engine

SIZES, WORDS = (512, 1024, 2048), (50, 100, 150)
NARROW = {
    **DEMO,
    "encoder": {
        "name": "swin_tiny_patch4_window7_224",
        "embed_dim": 24,
        "depths": [2, 2, 6, 2],
        "num_heads": [1, 2, 4, 8],
        "window_size": 8,
    },
    "decoder": {"width": 256, "heads": 4, "layers": 4, "dropout": 0.0},
}
LINEAR = 1.15
"""A cost that grows with at most this power of its cause is close to linear."""
ROUNDS = 3


def measure(threads: int) -> dict[str, Any]:
    """Seconds of a draft by image size, at the middle length, and by words, at the middle size; the powers."""
    by_size, by_words = {}, {}
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            model = built({**NARROW, "size": size}, max(WORDS))
            engine = Engine(exported(model, Path(folder)), threads=threads)
            image = noise(1, size)

            def draft(words: int) -> None:
                engine.max_tokens = words  # noqa: B023
                engine.draft(image)  # noqa: B023

            wanted = WORDS if size == SIZES[1] else WORDS[1:2]
            seconds = timed({str(words): lambda words=words: draft(words) for words in wanted}, ROUNDS)
            by_size[str(size)] = median(seconds[str(WORDS[1])])
            if size == SIZES[1]:
                by_words = {words: median(times) for words, times in seconds.items()}
    return {
        "seconds_by_size": by_size,
        "seconds_by_words": by_words,
        "power_of_pixels": power({size**2: by_size[str(size)] for size in SIZES}),
        "power_of_words": power({words: by_words[str(words)] for words in WORDS}),
    }


def power(cost: dict[int, float]) -> float:
    """The power of its cause that a cost grows with, from the least to the most."""
    least, most = min(cost), max(cost)
    return math.log(cost[most] / cost[least]) / math.log(most / least)


def rows(found: dict[str, Any]) -> list[Row]:
    table = []
    for cause, name in (("size", "pixels"), ("words", "words")):
        curve, grows = found[f"seconds_by_{cause}"], found[f"power_of_{name}"]
        table.append(
            Row(
                f"seconds a draft at {', '.join(curve)} {'px' if cause == 'size' else 'tokens'}",
                f"{name} to the power <= {LINEAR}",
                f"{', '.join(f'{s:.2f}' for s in curve.values())}: power {grows:.2f}",
                grows <= LINEAR,
            )
        )
    return table
