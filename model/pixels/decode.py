"""Pixel Data to the stored bits of each pixel."""

from typing import Any

import numpy as np
from imagecodecs import jpeg8_decode
from numpy.typing import NDArray
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from model.pixels.codestream import declared_size
from model.pixels.header import Header
from model.pixels.refusal import PixelsRefused, Refusal, parser_faults

WORDS = frozenset(
    {ImplicitVRLittleEndian, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless}
)
"""Syntaxes that keep every bit allocated to a pixel, overlay planes beside the stored ones included."""

LOSSY = frozenset({JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless, JPEG2000, HTJ2K})

CODECS: dict[UID, str] = {
    **dict.fromkeys(WORDS - {RLELossless}, ""),
    RLELossless: "pydicom",
    JPEGBaseline8Bit: "pillow",
    JPEGExtended12Bit: "imagecodecs",
    JPEGLossless: "imagecodecs",
    JPEGLosslessSV1: "imagecodecs",
    JPEGLSLossless: "pyjpegls",
    JPEGLSNearLossless: "pyjpegls",
    JPEG2000Lossless: "pylibjpeg",
    JPEG2000: "pylibjpeg",
    HTJ2KLossless: "pylibjpeg",
    HTJ2KLosslessRPCL: "pylibjpeg",
    HTJ2K: "pylibjpeg",
}
"""One pinned codec a syntax, so that a file decodes alike wherever more are installed."""

UNGUARDED = frozenset({JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1, JPEGLSLossless, JPEGLSNearLossless})
"""Syntaxes whose decoder fills what is cut off with grey (libjpeg-turbo), or searches it for seconds (CharLS)."""


def decode(header: Header) -> NDArray[np.uint16]:
    """The BitsStored bits of each pixel as an unsigned code, uint16 (rows, columns); two's complement where signed.

    Raises:
        PixelsRefused: unsupported_syntax or corrupt.
    """
    codec = CODECS.get(header.syntax)
    if codec is None:
        raise PixelsRefused(
            Refusal.UNSUPPORTED_SYNTAX, f"no decoder for {header.syntax.name} ({header.syntax}): send another"
        )
    options: Any = {"correct_unused_bits": False, "decoding_plugin": codec}
    with parser_faults("decoding"):
        _check_size(header)
        if codec == "imagecodecs":  # knows no sign: codes, as they are wanted
            values: NDArray[Any] = jpeg8_decode(_frame(header))
        else:
            values, _ = get_decoder(header.syntax).as_array(header.dataset, index=0, raw=True, **options)
    if header.syntax in LOSSY:  # an overshoot is to saturate, not to wrap
        values = np.clip(values, *_range(header.bits_stored, header.signed and codec != "imagecodecs"))
    codes: NDArray[np.uint16] = values.astype(np.uint16)
    if header.syntax in WORDS:
        codes >>= header.high_bit - header.bits_stored + 1
    codes &= (1 << header.bits_stored) - 1
    return codes


def _range(bits: int, signed: bool) -> tuple[int, int]:
    """Least and greatest value of a word."""
    span = 1 << bits
    return (-span // 2, span // 2 - 1) if signed else (0, span - 1)


def _check_size(header: Header) -> None:
    """Native Pixel Data must be long enough; a JPEG or JPEG 2000 frame must declare the size that the header does."""
    data: bytes = header.dataset.PixelData
    if not header.syntax.is_encapsulated:
        needed = header.rows * header.columns * header.bits_allocated // 8
        if len(data) < needed:
            raise PixelsRefused(Refusal.CORRUPT, f"Pixel Data has {len(data)} bytes: the image needs {needed}")
    elif header.syntax != RLELossless:
        frame = _frame(header)
        if header.syntax in UNGUARDED and not frame.rstrip(b"\x00\xff").endswith(b"\xff\xd9"):
            raise PixelsRefused(Refusal.CORRUPT, "the frame ends without the marker EOI")
        declared = declared_size(frame)
        if declared != (header.rows, header.columns, 1):
            raise PixelsRefused(
                Refusal.CORRUPT,
                f"the frame has {declared} rows, columns, components: the header {header.rows, header.columns, 1}",
            )


def _frame(header: Header) -> bytes:
    return get_frame(header.dataset.PixelData, 0, number_of_frames=1)
