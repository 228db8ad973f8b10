"""An encoded picture without what may be written beside it: text, time, thumbnails, profiles, leftovers behind its end.

Only the parts that make the picture pass, and each must be of the length that its own content implies: a wrong length
would take in what stands after it.
"""

import struct
import zlib
from collections.abc import Callable

from model.pixels import PixelsRefused, Refusal

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_KEPT = {b"IHDR", b"PLTE", b"tRNS", b"sBIT", b"gAMA", b"cHRM", b"sRGB", b"pHYs", b"IDAT", b"IEND"}

JPEG_SIGNATURE = b"\xff\xd8\xff"
JPEG_FRAMES = (0xC0, 0xC1, 0xC2, 0xC3, 0xF7)  # baseline, extended, progressive, lossless; JPEG-LS

J2K_KEPT = (0x50, 0x51, 0x52, 0x53, 0x59, 0x5C, 0x5D, 0x5E, 0x5F)  # CAP SIZ COD COC CPF QCD QCC RGN POC
J2K_DROPPED = (0x55, 0x57, 0x63, 0x64)  # TLM PLM CRG COM: lengths that help, registration, comments


def bare_png(content: bytes) -> bytes:
    """The chunks that make the picture (PNG, third edition, 11.2 and 11.3.2), their checksums right."""
    kept, at = [PNG_SIGNATURE], len(PNG_SIGNATURE)
    while at < len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        end = at + 12 + length
        chunk = content[at:end]
        if kind in PNG_KEPT:
            if zlib.crc32(chunk[4:-4]).to_bytes(4) != chunk[-4:]:
                raise _broken("PNG")
            kept.append(chunk)
        if kind == b"IEND":
            return b"".join(kept)
        at = end
    raise _broken("PNG")


def bare_jpeg(content: bytes) -> bytes:
    """The segments that make the picture (ITU-T T.81 B.1.1, T.87 C.1)."""
    if content[:2] != b"\xff\xd8":
        raise _broken("JPEG")
    kept, at = [b"\xff\xd8"], 2
    while at + 4 <= len(content) and content[at] == 0xFF and content[at + 1] != 0xD9:
        marker = content[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        end = at + 2 + struct.unpack_from(">H", content, at + 2)[0]
        kept.append(_bare_segment(marker, content[at:end]))
        if marker == 0xDA:
            at, end = end, _end_of_scan(content, end)
            kept.append(content[at:end])
        at = end
    if content[at : at + 2] != b"\xff\xd9":
        raise _broken("JPEG")
    return b"".join([*kept, b"\xff\xd9"])


def _bare_segment(marker: int, segment: bytes) -> bytes:
    """Of the application segments that a JFIF header was there, and Adobe's colour transform; no comments."""
    body = segment[4:]
    if marker == 0xE0 and body[:5] == b"JFIF\0":
        return b"\xff\xe0\x00\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
    if marker == 0xEE and body[:5] == b"Adobe" and len(body) == 12:
        return b"\xff\xee\x00\x0eAdobe\0d\0\0\0\0" + body[11:]
    if marker not in _JPEG_SHAPES:
        return b""
    if len(segment) < 2 + int.from_bytes(segment[2:4]) or not _JPEG_SHAPES[marker](body):
        raise _broken("JPEG")
    return segment


def _end_of_scan(content: bytes, start: int) -> int:
    """Where the entropy-coded data from `start` on ends: at the next marker, stuffing and restarts aside."""
    at = start
    while (at := content.find(b"\xff", at)) >= 0 and at + 1 < len(content):
        if content[at + 1] < 0x80 or 0xD0 <= content[at + 1] <= 0xD7:
            at += 2
        else:
            return at
    raise _broken("JPEG")


def _quantization(body: bytes) -> bool:
    """T.81 B.2.4.1: tables of 64 entries of one byte or two."""
    at = 0
    while at < len(body) and body[at] & 0x0F < 4 and body[at] >> 4 < 2:
        at += 65 + 64 * (body[at] >> 4)
    return at == len(body)


def _huffman(body: bytes) -> bool:
    """T.81 B.2.4.2: tables of 16 counts and as many values as these sum up to."""
    at = 0
    while at + 17 <= len(body) and body[at] & 0x0F < 4 and body[at] >> 4 < 2:
        at += 17 + sum(body[at + 1 : at + 17])
    return at == len(body)


_JPEG_SHAPES: dict[int, Callable[[bytes], bool]] = {
    **dict.fromkeys(JPEG_FRAMES, lambda body: len(body) > 5 and len(body) == 6 + 3 * body[5]),
    0xC4: _huffman,
    0xDA: lambda body: len(body) > 0 and len(body) == 4 + 2 * body[0],
    0xDB: _quantization,
    0xDD: lambda body: len(body) == 2,
    0xF8: lambda body: len(body) == 11 and body[0] == 1,  # JPEG-LS preset parameters, no tables
}


def bare_jpeg2000(content: bytes) -> bytes:
    """A codestream (ISO/IEC 15444-1 A.4): of the main header what decoding needs, then the tile-parts."""
    at = content.find(b"\xff\x4f\xff\x51", 0, 1024)  # behind a JP2 header, where somebody left one
    if at < 0:
        raise _broken("JPEG 2000")
    kept, at = [b"\xff\x4f"], at + 2
    levels = 0
    while content[at : at + 2] != b"\xff\x90":
        first, marker, length = struct.unpack_from(">BBH", content, at)
        body, end = content[at + 4 : at + 2 + length], at + 2 + length
        if marker == 0x52:
            levels = body[5]
        if first != 0xFF or marker not in (*J2K_KEPT, *J2K_DROPPED) or not _j2k_fits(marker, body, levels):
            raise _broken("JPEG 2000")
        if marker in J2K_KEPT:
            kept.append(content[at:end])
        at = end
    while content[at : at + 2] == b"\xff\x90":
        length = struct.unpack_from(">I", content, at + 6)[0]
        end = at + length if length else content.rindex(b"\xff\xd9")
        if not at + 12 < end <= len(content):
            raise _broken("JPEG 2000")
        kept.append(content[at:end])
        at = end
    if content[at : at + 2] != b"\xff\xd9":
        raise _broken("JPEG 2000")
    return b"".join([*kept, b"\xff\xd9"])


def _j2k_fits(marker: int, body: bytes, levels: int) -> bool:
    """A.5 and A.6: the lengths that the segments every codestream has must be of; the rare others are short."""
    match marker:
        case 0x51:
            return len(body) > 35 and len(body) == 36 + 3 * int.from_bytes(body[34:36])
        case 0x52:
            return levels <= 32 and len(body) == 10 + (body[0] & 1) * (levels + 1)
        case 0x5C:
            return len(body) == {0: 2 + 3 * levels, 1: 3}.get(body[0] & 0x1F, 3 + 6 * levels)
        case 0x55 | 0x57 | 0x63 | 0x64:
            return True
    return len(body) <= 8


def bare_rle(content: bytes, size: int) -> bytes:
    """A frame of RLE segments (PS3.5 Annex G), one for each byte of a pixel, every one of `size` bytes unpacked."""
    count, *offsets = struct.unpack_from("<16L", content)
    if not 1 <= count <= 2 or offsets[0] != 64:
        raise _broken("RLE")
    segments = []
    for offset in offsets[:count]:
        at, left = offset, size
        while left > 0:
            control = content[at]
            run = control + 1 if control < 128 else 257 - control
            left -= run if control != 128 else 0
            at += run + 1 if control < 128 else 2 if control > 128 else 1
        if left or at > len(content):
            raise _broken("RLE")
        segments.append(content[offset:at] + bytes((at - offset) % 2))
    starts = [64, 64 + len(segments[0])][:count] + [0] * (15 - count)
    return struct.pack("<16L", count, *starts) + b"".join(segments)


def _broken(what: str) -> PixelsRefused:
    return PixelsRefused(Refusal.CORRUPT, f"damaged or truncated {what} data")
