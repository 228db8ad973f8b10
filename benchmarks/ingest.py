"""Ingest of many small studies: rate, memory, and whether both grow in step with the number of studies.

Phantom sets of n and 4 n studies are ingested, each in a process of its own; the step between them is projected to
250,000 studies. Pixels of 64 x 64 leave the cost of a study as such; larger ones add their decoding, which the
benchmark of `model.pixels` measures.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

TIMES = 4
GOAL = 250_000
SEED = 3

ONE = """
import json, resource, sys, time
from pathlib import Path
from pipelines.ingest import ingest
from pipelines.sources import open_source

if __name__ == "__main__":
    start = time.monotonic()
    figures = ingest(open_source("mimic_cxr", Path(sys.argv[1])), "mimic_cxr", Path(sys.argv[2]))
    seconds = time.monotonic() - start
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    main, workers = (use.ru_utime + use.ru_stime for use in used)
    print(json.dumps({
        "studies": figures.n_studies, "seconds": seconds, "main_cpu": main, "cpu": main + workers,
        "main_mb": used[0].ru_maxrss / 1024, "worker_mb": used[1].ru_maxrss / 1024,
    }))
"""


def measure(root: Path, data: Path) -> dict[str, float]:
    """Studies; seconds by the clock, of CPU of the main process and of all; peak MB of it and of the largest worker."""
    script = data.with_suffix(".py")
    script.write_text(ONE)
    command = [sys.executable, str(script), str(root), str(data)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def summary(small: dict[str, float], large: dict[str, float]) -> dict[str, float]:
    """Rate of the larger set; CPU a study over the smaller set's (1: linear); time and memory at GOAL studies."""
    more = large["studies"] - small["studies"]
    seconds = (large["seconds"] - small["seconds"]) / more
    megabytes = (large["main_mb"] - small["main_mb"]) / more
    beyond = GOAL - large["studies"]
    return {
        "studies": large["studies"],
        "studies_per_second": round(large["studies"] / large["seconds"], 1),
        "cpu_ms_a_study": round(1000 * large["cpu"] / large["studies"], 1),
        "main_cpu_ms_a_study": round(1000 * large["main_cpu"] / large["studies"], 1),
        "linearity": round(large["cpu"] / large["studies"] / (small["cpu"] / small["studies"]), 3),
        "peak_mb": round(large["main_mb"]),
        "worker_peak_mb": round(large["worker_mb"]),
        "mb_per_10000": round(megabytes * 10_000, 1),
        "projected_minutes_250000": round((large["seconds"] + beyond * seconds) / 60, 1),
        "projected_mb_250000": round(large["main_mb"] + beyond * megabytes),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=2500, help="n: sets of n and 4 n studies (default 2500)")
    studies = parser.parse_args().studies
    with tempfile.TemporaryDirectory() as folder:
        measured = []
        for n in (studies, TIMES * studies):
            root = Path(folder) / f"phantom_{n}"
            phantom = ["phantom", "--out", str(root), "--studies", str(n), "--seed", str(SEED), "--size", "64"]
            subprocess.run([sys.executable, "-m", "pipelines.cli", *phantom], check=True, stdout=sys.stderr)
            measured.append(measure(root, Path(folder) / f"data_{n}"))
    print(json.dumps(summary(*measured), indent=1))


if __name__ == "__main__":
    main()
