"""The model's input: stored bits, modality, VOI, inversion, 8 bits, area means, CLAHE, padding. In this order.

CLAHE stands on 8 bits, because on 12 bits in 16-bit words OpenCV's leaves the range.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from model.pixels.dataset import MAX_BYTES
from model.pixels.decode import LOSSY, decode
from model.pixels.flag import Flag
from model.pixels.geometry import Geometry
from model.pixels.header import read_header
from model.pixels.params import PixelParams
from model.pixels.plane import is_plane, read_plane
from model.pixels.refusal import PixelsRefused, Refusal
from model.pixels.voi import render


@dataclass(frozen=True, slots=True)
class ModelInput:
    """What the model sees of a file.

    `image` is uint8 (size, size), zero in the padding; `sha256` is the hex digest of its bytes. `view` is the View
    Position (PA, AP, LL ...) where the file says it. `flags` are values of `Flag`, sorted.
    """

    image: NDArray[np.uint8]
    geometry: Geometry
    sha256: str
    view: str | None
    flags: tuple[str, ...]


def to_model_input(source: Path | bytes, params: PixelParams) -> ModelInput:
    """Turn a DICOM, PNG or JPEG file, or its bytes, into the model's input.

    Raises:
        PixelsRefused: the file is no readable radiograph.
        OSError: `source` is a path that cannot be read.
    """
    display, view, flags = _display(source)
    geometry = Geometry.fit(display.shape[1], display.shape[0], params.size)
    image = geometry.resample(display)
    if params.clahe_clip_limit:
        tiles = (params.clahe_tiles, params.clahe_tiles)
        image = cv2.createCLAHE(clipLimit=params.clahe_clip_limit, tileGridSize=tiles).apply(image)
    image = geometry.pad(image)
    if geometry.upscaled:
        flags |= {Flag.UPSCALED}
    return ModelInput(
        image, geometry, hashlib.sha256(image.tobytes()).hexdigest(), view, tuple(sorted(flag.value for flag in flags))
    )


def to_display(source: Path | bytes) -> NDArray[np.uint8]:
    """What a person looks at: uint8 (H, W) in original size, after VOI and inversion, before downscale and CLAHE.

    Raises:
        PixelsRefused: the file is no readable radiograph.
        OSError: `source` is a path that cannot be read.
    """
    return _display(source)[0]


def _display(source: Path | bytes) -> tuple[NDArray[np.uint8], str | None, frozenset[Flag]]:
    """The displayed image, its view and remarks."""
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    if size > MAX_BYTES:
        raise PixelsRefused(Refusal.TOO_LARGE, f"{size} bytes: at most {MAX_BYTES} are read")
    data = source if isinstance(source, bytes) else source.read_bytes()
    if is_plane(data):
        image, flags = read_plane(data)
        view = None
    else:
        header = read_header(data)
        image, flags = render(header, decode(header))
        view, flags = header.view, flags | header.flags
        if header.syntax in LOSSY:
            flags |= {Flag.LOSSY}
    if image.min() == image.max():
        flags |= {Flag.CONSTANT}
    return image, view, flags
