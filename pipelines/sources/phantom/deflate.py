"""Deflate streams of stored blocks (RFC 1951, 3.2.4): zlibs differ in how they compress, and these are the same bytes
everywhere."""

import struct
from itertools import pairwise

BLOCK = 65535


def stored_blocks(data: bytes) -> bytes:
    """A raw deflate stream that holds the data as it is."""
    edges = [*range(0, len(data), BLOCK), len(data)]
    blocks = (
        struct.pack("<BHH", end == len(data), end - start, 0xFFFF - (end - start)) + data[start:end]
        for start, end in pairwise(edges)
    )
    return b"".join(blocks)
