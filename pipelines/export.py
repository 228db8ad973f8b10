"""Stage export: the trained model as graphs that need no torch, and for servers of others.

exported/            the model artefact: weights, tokenizer, calibration, the ONNX graphs in every variant
torchscript/         traces of the same two graphs
triton/VARIANT/      a model repository for NVIDIA's Triton
"""

import argparse
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from model.artefact import Artefact, open_artefact, seal
from model.calibration import FILE as CALIBRATION
from pipelines.metrics import write_metrics
from pipelines.models import load_reporter

if TYPE_CHECKING:
    from model.reporter import Reporter

TRITON_VARIANTS = ("fp32", "fp16")
"""A Triton server has a graphics card."""


def export(trained: Artefact, reporter: "Reporter", calibration: Path, out: Path) -> dict[str, float]:
    """Write `out` with the files of `trained`, its calibration and the graphs of its reporter; return sizes (MB) and
    seconds."""
    from model.graphs import export_graphs
    from model.variants import export_variants

    started = time.monotonic()
    empty(out)
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        shutil.copy(trained.folder / name, out / name)
    shutil.copy(calibration, out / CALIBRATION)
    export_graphs(reporter, out)
    export_variants(out)
    seal(out, trained.provenance)
    sizes = {f"{path.stem.replace('.', '_')}_mb": path.stat().st_size / 1e6 for path in sorted(out.glob("*.onnx"))}
    return {**sizes, "seconds": time.monotonic() - started}


def export_for_others(reporter: "Reporter", exported: Artefact, torchscript: Path, triton: Path) -> dict[str, float]:
    """Write the traces and Triton's repositories; return how far the traces are from the model."""
    from model.torchscript import export_traces
    from model.triton import write_repository

    for folder in (torchscript, triton):
        empty(folder)
    for variant in TRITON_VARIANTS:
        write_repository(exported, variant, triton / variant)
    return {"torchscript_max_difference": export_traces(reporter, torchscript)}


def empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, default=Path("trained"), help="the trained model (default: trained)")
    parser.add_argument(
        "--calibration",
        type=Path,
        default=Path("evaluation") / CALIBRATION,
        help="what evaluate wrote (default: evaluation/calibration.json)",
    )
    parser.add_argument("--out", type=Path, default=Path("exported"), help="where to write (default: exported)")
    for name in ("torchscript", "triton"):
        parser.add_argument(f"--{name}", type=Path, default=Path(name), help=f"where its files go (default: {name})")


def main(args: argparse.Namespace) -> int:
    trained = open_artefact(args.model)
    reporter = load_reporter(trained)
    figures = export(trained, reporter, args.calibration, args.out)
    others = export_for_others(reporter, open_artefact(args.out), args.torchscript, args.triton)
    write_metrics("export", figures | others)
    return 0
