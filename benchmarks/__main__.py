"""`make bench`: every figure that the engine is held to, measured on this machine.

    python -m benchmarks [SECTION ...]

runs all sections, or those named, and writes results.json and RESULTS.md beside this file after each: a run that is
interrupted keeps what it has.
"""

import argparse
import importlib
import json
import os
from pathlib import Path
from time import monotonic
from typing import Any

from benchmarks.timing import Row
from pipelines.machine import hardware, library_versions

HERE = Path(__file__).parent
SECTIONS = {
    "pixels": "a DICOM file to the model's input",
    "drafting": "the engine against transformers' generate",
    "variants": "INT8 against fp32",
    "day": "the parts of a study, and a day of 100 an hour",
    "curves": "the cost of larger images and longer reports",
    "steady": "memory over a thousand studies",
    "card": "2048 px on a graphics card",
}


def page(results: dict[str, Any]) -> str:
    """RESULTS.md."""
    found = {name: results["sections"][name] for name in SECTIONS if name in results["sections"]}
    table = [row for name, figures in found.items() for row in section(name).rows(figures["found"])]
    lines = [f"| {row.figure} | {row.bar} | {row.measured} | {said(row)} |" for row in table]
    missed = [f"- {row.figure}: {row.measured}, the bar is {row.bar}." for row in table if row.met is False]
    machine = results["machine"]
    parts = found.get("drafting", {}).get("found", {}).get("sizes", {})
    apart = [
        f"| {size} | {got['encode_seconds']:.3f} | {got['engine_seconds'] - got['encode_seconds']:.3f} | "
        f"{got['generate_seconds']:.3f} |"
        for size, got in parts.items()
    ]
    return "\n".join(
        [
            "# What the engine costs",
            "",
            f"By `make bench` on {machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB. "
            "A ratio is the median over rounds in which the peers took turns; seconds stand beside for orientation. "
            "Models have random weights: every draft runs to its limit on words.",
            "",
            "| figure | bar | measured | holds |",
            "|---|---|---|---|",
            *lines,
            "",
            "## Missed",
            "",
            *(missed or ["Nothing."]),
            "",
            "## Apart",
            "",
            "Seconds of one study of 64 words.",
            "",
            "| size | engine, encoding | engine, generating | `generate`, both |",
            "|---|---|---|---|",
            *apart,
            "",
        ]
    )


def said(row: Row) -> str:
    return {True: "yes", False: "**no**", None: "-"}[row.met]


def section(name: str) -> Any:
    """Its module; some import torch, and only when their turn has come."""
    return importlib.import_module(f"benchmarks.{name}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)} (default: all)")
    wanted = parser.parse_args().sections or list(SECTIONS)
    if unknown := set(wanted) - set(SECTIONS):
        parser.error(f"{', '.join(sorted(unknown))}: sections are {', '.join(SECTIONS)}")
    kept = HERE / "results.json"
    threads = os.cpu_count() or 1
    before = json.loads(kept.read_text())["sections"] if kept.is_file() and wanted != list(SECTIONS) else {}
    results = {"machine": hardware(), "versions": library_versions(), "threads": threads, "sections": before}
    for name in wanted:
        print(f"{name}: {SECTIONS[name]} ...", flush=True)
        began = monotonic()
        found = section(name).measure(threads)
        results["sections"][name] = {"found": found, "took_seconds": round(monotonic() - began, 1)}
        kept.write_text(json.dumps(results, indent=1) + "\n")
        (HERE / "RESULTS.md").write_text(page(results))
        for row in section(name).rows(found):
            print(f"  {row.figure}: {row.measured} ({row.bar}: {said(row)})", flush=True)
    print(f"{HERE / 'RESULTS.md'} is written.")


if __name__ == "__main__":
    main()
