"""A mask as a PNG of one bit a pixel, stored uncompressed so that the bytes are the same everywhere.

PNG, 3rd edition, 11.2; zlib, RFC 1950.
"""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from pipelines.sources.phantom.deflate import stored_blocks


def one_bit_png(mask: NDArray[np.bool_]) -> bytes:
    """Bool (H, W) as a PNG file: 1 white, 0 black."""
    height, width = mask.shape
    rows = np.packbits(mask, axis=1)
    unfiltered = np.zeros((height, 1), np.uint8)
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    data = _stored(np.hstack([unfiltered, rows]).tobytes())
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _stored(data: bytes) -> bytes:
    """A zlib stream that holds the data as it is."""
    return b"\x78\x01" + stored_blocks(data) + struct.pack(">I", zlib.adler32(data))
