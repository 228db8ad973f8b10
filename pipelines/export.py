"""Stage export: the trained model as graphs that need no torch, and for servers of others.

exported/            the model artefact: weights, tokenizer, calibration, the ONNX graphs in every variant
torchscript/         traces of the same two graphs
triton/VARIANT/      a model repository for NVIDIA's Triton
"""

import argparse
import shutil
import time
from pathlib import Path

from model.artefact import open_artefact, seal
from model.calibration import FILE as CALIBRATION
from pipelines.metrics import write_metrics
from pipelines.models import load_reporter

TRITON_VARIANTS = ("fp32", "fp16")
"""A Triton server has a graphics card."""


def export(trained: Path, calibration: Path, out: Path) -> dict[str, float]:
    """Write `out` with the files of `trained`, its calibration and the graphs; return sizes (MB) and seconds."""
    from model.graphs import export_graphs
    from model.variants import export_variants

    started = time.monotonic()
    artefact = open_artefact(trained)
    empty(out)
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        shutil.copy(trained / name, out / name)
    shutil.copy(calibration, out / CALIBRATION)
    export_graphs(load_reporter(artefact), out)
    export_variants(out)
    seal(out, artefact.provenance)
    sizes = {f"{path.stem.replace('.', '_')}_mb": path.stat().st_size / 1e6 for path in sorted(out.glob("*.onnx"))}
    return {**sizes, "seconds": time.monotonic() - started}


def export_for_others(trained: Path, exported: Path, torchscript: Path, triton: Path) -> dict[str, float]:
    """Write the traces and Triton's repositories; return how far the traces are from the model."""
    from model.torchscript import export_traces
    from model.triton import write_repository

    for folder in (torchscript, triton):
        empty(folder)
    artefact = open_artefact(exported)
    for variant in TRITON_VARIANTS:
        write_repository(artefact, variant, triton / variant)
    return {"torchscript_max_difference": export_traces(load_reporter(open_artefact(trained)), torchscript)}


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
    figures = export(args.model, args.calibration, args.out)
    write_metrics("export", figures | export_for_others(args.model, args.out, args.torchscript, args.triton))
    return 0
