"""Show what the model sees of one file."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from model.errors import BadInput
from model.pixels import ConfinedPixels, PixelParams, PixelsRefused
from pipelines.params import load_params


def pixels(file: Path, params: PixelParams, out: Path | None = None) -> dict[str, Any]:
    """Describe the model's input made of `file`, and write it to `out` as an 8-bit PNG.

    The file is decoded in a process of its own.

    Raises:
        PixelsRefused: the file is no readable radiograph.
        BadInput: `file` cannot be read or `out` cannot be written.
    """
    from PIL import Image

    try:
        with ConfinedPixels() as confined:
            made = confined.to_model_input(file, params)
    except OSError as error:
        raise BadInput(f"{file}", f"{error.strerror}", "pass a DICOM, PNG or JPEG file") from error
    if out is not None:
        try:
            Image.fromarray(made.image).save(out, format="PNG")
        except OSError as error:
            raise BadInput(
                f"--out {out}", f"{error.strerror}", "name a file in a folder that can be written"
            ) from error
    return {
        "geometry": asdict(made.geometry),
        "view": made.view,
        "flags": list(made.flags),
        "params_sha256": params.sha256(),
        "sha256": made.sha256,
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="a DICOM, PNG or JPEG file")
    parser.add_argument("--out", type=Path, metavar="PNG", help="write the model's input to this file")


def main(args: argparse.Namespace) -> int:
    """Print one JSON object, a refusal's too; the refusal then goes on to end the program with 2."""
    params = PixelParams()
    if Path("params.yaml").is_file():
        params = PixelParams(**load_params().pixels.model_dump())
    try:
        shown = pixels(args.file, params, args.out)
    except PixelsRefused as refused:
        print(json.dumps({"refused": refused.reason, "detail": refused.detail}))
        raise
    print(json.dumps(shown))
    return 0
