"""Stage export: the trained model as ONNX graphs, in an artefact folder of its own."""

import argparse
import shutil
import time
from pathlib import Path

from model.artefact import open_artefact, seal
from model.calibration import FILE as CALIBRATION
from pipelines.metrics import write_metrics
from pipelines.models import load_reporter


def export(trained: Path, calibration: Path, out: Path) -> dict[str, float]:
    """Write `out` with the files of `trained`, its calibration and the graphs; return sizes (MB) and seconds."""
    from model.graphs import export_graphs

    started = time.monotonic()
    artefact = open_artefact(trained)
    reporter = load_reporter(artefact)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        shutil.copy(trained / name, out / name)
    shutil.copy(calibration, out / CALIBRATION)
    export_graphs(reporter, out)
    came_from = {k: v for k, v in artefact.manifest.items() if k not in ("files", "pixels_sha256")}
    seal(out, came_from)
    return {
        "encoder_mb": (out / "encoder.onnx").stat().st_size / 1e6,
        "decoder_step_mb": (out / "decoder_step.onnx").stat().st_size / 1e6,
        "seconds": time.monotonic() - started,
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, default=Path("trained"), help="the trained model (default: trained)")
    parser.add_argument(
        "--calibration",
        type=Path,
        default=Path("evaluation") / CALIBRATION,
        help="what evaluate wrote (default: evaluation/calibration.json)",
    )
    parser.add_argument("--out", type=Path, default=Path("exported"), help="where to write (default: exported)")


def main(args: argparse.Namespace) -> int:
    write_metrics("export", export(args.model, args.calibration, args.out))
    return 0
