"""PNG and JPEG files as the `folder` source reads them."""

import io
import struct
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from model.pixels import Flag, PixelParams, PixelsRefused, Refusal, to_display, to_model_input

PLAIN = PixelParams(size=64, clahe_clip_limit=0)
GREY = np.arange(64 * 48, dtype=np.uint16).reshape(64, 48)


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png(pixels: NDArray[np.generic]) -> bytes:
    return saved(Image.fromarray(pixels))


def test_8_bit_grey_is_taken_as_it_is() -> None:
    pixels = (GREY % 200 + 20).astype(np.uint8)
    assert np.array_equal(to_display(png(pixels)), pixels)
    made = to_model_input(png(pixels), PLAIN)
    assert np.array_equal(made.image[:, 8:56], pixels)
    assert (made.view, made.flags) == (None, ())


def test_16_bit_grey_is_stretched_from_least_to_greatest() -> None:
    # 12 bits in a 16-bit file, which the full range would show almost black
    display = to_display(png(GREY + 1000))
    assert (display.min(), display.max()) == (0, 255)
    assert np.array_equal(display, np.floor(GREY / GREY.max() * 255 + 0.5))
    assert to_model_input(png(GREY), PLAIN).flags == (Flag.NO_VOI,)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "CMYK"])
def test_colour_becomes_its_luminance(mode: str) -> None:
    # ITU-R BT.601: 0.299 R + 0.587 G + 0.114 B
    colours = np.asarray([[(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]], np.uint8)
    kind = "JPEG" if mode == "CMYK" else "PNG"
    image = Image.fromarray(np.kron(colours, np.ones((16, 16, 1), np.uint8))).convert(mode)
    display = to_display(saved(image, kind))
    assert display[8, 8::16].astype(int).tolist() == pytest.approx([76, 150, 29, 255], abs=3 if kind == "JPEG" else 0)


def test_jpeg_is_said_to_be_lossy() -> None:
    assert to_model_input(saved(Image.fromarray(GREY.astype(np.uint8)), "JPEG"), PLAIN).flags == (Flag.LOSSY,)


def huge_png() -> bytes:
    """A header that declares 20000 x 20000 pixels, and no more."""
    header = struct.pack(">IIBBBBB", 20000, 20000, 8, 0, 0, 0, 0)
    chunks = (b"IHDR" + header, b"IDAT", b"IEND")
    framed = (struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x89PNG\r\n\x1a\n", Refusal.CORRUPT),
        (b"\xff\xd8\xff\xe0 not a JPEG", Refusal.CORRUPT),
        (png(GREY.astype(np.uint8))[:-40], Refusal.CORRUPT),
        (huge_png(), Refusal.TOO_LARGE),
        (saved(Image.new("L", (9, 9)), save_all=True, append_images=[Image.new("L", (9, 9), 7)]), Refusal.MULTI_FRAME),
        (saved(Image.new("L", (9, 9)), "GIF"), Refusal.NOT_DICOM),
    ],
)
def test_refusals(data: bytes, reason: Refusal) -> None:
    with pytest.raises(PixelsRefused) as refused:
        to_model_input(data, PLAIN)
    assert refused.value.reason == reason
    assert "0x" not in refused.value.detail
