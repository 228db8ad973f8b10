"""The size that a compressed frame itself declares, read before a decoder makes room for it."""

_J2K_START = b"\xff\x4f\xff\x51"  # SOC, then SIZ: ISO/IEC 15444-1 A.4.1, A.5.1
_JPEG_START = b"\xff\xd8"
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length: ITU-T T.81 table B.1
_FRAME_HEADERS = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}  # SOF0 to SOF15; SOF55 of JPEG-LS


def declared_size(frame: bytes) -> tuple[int, int, int]:
    """(rows, columns, components) of a JPEG, JPEG-LS or JPEG 2000 frame.

    Raises:
        ValueError: no frame header is found.
    """
    if frame[:2] == _JPEG_START:
        return _jpeg(frame)
    if (start := frame.find(_J2K_START, 0, 1024)) >= 0:
        x1, y1, x0, y0 = (int.from_bytes(frame[at : at + 4], "big") for at in range(start + 8, start + 24, 4))
        return y1 - y0, x1 - x0, int.from_bytes(frame[start + 40 : start + 42], "big")
    raise ValueError("the frame is neither JPEG, JPEG-LS nor JPEG 2000")


def _jpeg(frame: bytes) -> tuple[int, int, int]:
    at = 2
    while at + 10 <= len(frame) and frame[at] == 0xFF:
        marker = frame[at + 1]
        if marker in _FRAME_HEADERS:
            rows, columns = (int.from_bytes(frame[i : i + 2], "big") for i in (at + 5, at + 7))
            return rows, columns, frame[at + 9]
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in _STANDALONE:
            at += 2
        else:
            at += 2 + int.from_bytes(frame[at + 2 : at + 4], "big")
    raise ValueError("the JPEG frame has no frame header")
