"""The memory of a process that drafts a thousand studies, in batches of changing size."""

import tempfile
from itertools import cycle
from pathlib import Path
from typing import Any

import psutil

from benchmarks.models import DEMO, built, exported, noise
from benchmarks.timing import Row
from model.engine import Engine

STUDIES, SETTLED = 1000, 200
WORDS = 64
MOST_GROWTH = 16.0
"""MiB from the two hundredth study to the last."""


def measure(threads: int) -> dict[str, Any]:
    """Resident MiB after every hundred studies."""
    process = psutil.Process()
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(exported(built(DEMO, WORDS), Path(folder)), threads=threads)
        size, done, resident = engine.artefact.pixels.size, 0, {}
        for batch in cycle((4, 1, 3, 2)):
            engine.draft(noise(batch, size))
            done += batch
            if done % 100 == 0:
                resident[str(done)] = process.memory_info().rss / 2**20
            if done >= STUDIES:
                break
    return {"resident_mib": resident, "growth_mib": resident[str(STUDIES)] - resident[str(SETTLED)]}


def rows(found: dict[str, Any]) -> list[Row]:
    growth = found["growth_mib"]
    return [
        Row("memory over 1,000 studies", f"grows <= {MOST_GROWTH:g} MiB", f"{growth:+.1f} MiB", growth <= MOST_GROWTH)
    ]
