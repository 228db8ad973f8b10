"""The model's input: stored bits, modality, VOI, inversion, 8 bits, area means, CLAHE, padding. In this order.

CLAHE stands on 8 bits, because on 12 bits in 16-bit words OpenCV's leaves the range.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

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
from model.pixels.pose import doubts
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


class _Displayed(NamedTuple):
    """The image as displayed, uint8 (H, W), and what its file says of it."""

    image: NDArray[np.uint8]
    flags: frozenset[Flag]
    view: str | None = None
    patient_orientation: tuple[str, str] | None = None


def to_model_input(source: Path | bytes, params: PixelParams) -> ModelInput:
    """Turn a DICOM, PNG or JPEG file, or its bytes, into the model's input.

    Raises:
        PixelsRefused: the file is no readable radiograph.
        OSError: `source` is a path that cannot be read.
    """
    return _model_input(_display(source), params)


def to_display(source: Path | bytes) -> NDArray[np.uint8]:
    """What a person looks at: uint8 (H, W) in original size, after VOI and inversion, before downscale and CLAHE.

    Raises:
        PixelsRefused: the file is no readable radiograph.
        OSError: `source` is a path that cannot be read.
    """
    return _display(source).image


def to_input_and_display(source: Path | bytes, params: PixelParams) -> tuple[ModelInput, NDArray[np.uint8]]:
    """Both of the above, decoded once; raises as they do."""
    displayed = _display(source)
    return _model_input(displayed, params), displayed.image


def _model_input(displayed: _Displayed, params: PixelParams) -> ModelInput:
    height, width = displayed.image.shape
    geometry = Geometry.fit(width, height, params.size)
    image = geometry.resample(displayed.image)
    flags = _remarks(displayed, image) | ({Flag.UPSCALED} if geometry.upscaled else set())
    if params.clahe_clip_limit:
        tiles = (params.clahe_tiles, params.clahe_tiles)
        image = cv2.createCLAHE(clipLimit=params.clahe_clip_limit, tileGridSize=tiles).apply(image)
    image = geometry.pad(image)
    sha256 = hashlib.sha256(image.tobytes()).hexdigest()
    return ModelInput(image, geometry, sha256, displayed.view, tuple(sorted(flag.value for flag in flags)))


def _display(source: Path | bytes) -> _Displayed:
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    if size > MAX_BYTES:
        raise PixelsRefused(Refusal.TOO_LARGE, f"{size} bytes: at most {MAX_BYTES} are read")
    data = source if isinstance(source, bytes) else source.read_bytes()
    if is_plane(data):
        return _Displayed(*read_plane(data))
    header = read_header(data)
    image, flags = render(header, decode(header))
    flags |= header.flags | ({Flag.LOSSY} if header.syntax in LOSSY else set())
    return _Displayed(image, flags, header.view, header.patient_orientation)


def _remarks(displayed: _Displayed, small: NDArray[np.uint8]) -> frozenset[Flag]:
    """What the file says, and what the picture (`small`: the same with fewer pixels) says of that."""
    if displayed.image.min() == displayed.image.max():
        return displayed.flags | {Flag.CONSTANT}
    if Flag.OTHER_BODY_PART in displayed.flags:
        return displayed.flags
    return displayed.flags | doubts(small, displayed.view, displayed.patient_orientation)
