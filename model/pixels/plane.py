"""PNG and JPEG files: images that somebody rendered already."""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from model.pixels.flag import Flag
from model.pixels.header import MAX_PIXELS
from model.pixels.refusal import PixelsRefused, Refusal, parser_faults
from model.pixels.voi import eight_bit, span

_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")


def is_plane(data: bytes) -> bool:
    """True for the first bytes of a PNG or JPEG file."""
    return data.startswith(_SIGNATURES)


def read_plane(data: bytes) -> tuple[NDArray[np.uint8], frozenset[Flag]]:
    """A PNG or JPEG as grey: uint8 (H, W).

    8 bits are taken as they are, colour by its luminance (ITU-R BT.601), transparency ignored. 16 bits carry no window,
    and seldom fill their range: least to greatest value.

    Raises:
        PixelsRefused: too_large, multi_frame or corrupt.
    """
    with parser_faults("reading the image"):
        try:
            image = Image.open(BytesIO(data), formats=("PNG", "JPEG"))
        except Image.DecompressionBombError as error:
            raise PixelsRefused(Refusal.TOO_LARGE, f"at most {MAX_PIXELS} pixels are decoded") from error
        except UnidentifiedImageError as error:
            raise PixelsRefused(Refusal.CORRUPT, "starts as PNG or JPEG, but has no readable header") from error
        if image.width * image.height > MAX_PIXELS:
            raise PixelsRefused(
                Refusal.TOO_LARGE, f"{image.width} x {image.height}: at most {MAX_PIXELS} pixels are decoded"
            )
        if getattr(image, "is_animated", False):
            raise PixelsRefused(Refusal.MULTI_FRAME, "an animated PNG: a radiograph has one frame")
        if image.mode.startswith("I"):
            deep = np.asarray(image).astype(np.uint16)
            levels = span(np.arange(1 << 16, dtype=np.float64), float(deep.min()), float(deep.max()))
            return eight_bit(levels)[deep], frozenset({Flag.NO_VOI})
        grey = image if image.mode == "L" else image.convert("RGB").convert("L")
        return np.asarray(grey), frozenset({Flag.LOSSY} if image.format == "JPEG" else ())
