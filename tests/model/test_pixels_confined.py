"""Untrusted files in a process of their own: the same input, and limits that hold."""

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.pixels import ConfinedPixels, PixelParams, PixelsRefused, Refusal, to_model_input
from model.workers import Limits, Loss

PARAMS = PixelParams(size=64)


def png(shape: tuple[int, int], seed: int = 0) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def lengthy() -> bytes:
    """A DICOM file of eight million empty elements: several seconds to read."""
    return bytes(128) + b"DICM" + b"\x09\x00\x11\x10LO\x00\x00" * 8_000_000


def bulky() -> bytes:
    """A PNG of 8192 x 8192 in 16 bits, all zero: 128 MiB out of 130 KB, the most that is decoded at all."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")

    header = (8192).to_bytes(4, "big") * 2 + bytes([16, 0, 0, 0, 0])
    deflater = zlib.compressobj(1)
    rows = b"".join(deflater.compress(bytes(1 + 2 * 8192)) for _ in range(8192)) + deflater.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_input_and_refusals_are_those_of_the_plain_function(tmp_path: Path) -> None:
    path = tmp_path / "chest.png"
    path.write_bytes(png((90, 70)))
    with ConfinedPixels() as confined:
        made, plain = confined.to_model_input(path, PARAMS), to_model_input(path, PARAMS)
        assert np.array_equal(made.image, plain.image)
        assert (made.geometry, made.sha256, made.view, made.flags) == (
            plain.geometry,
            plain.sha256,
            plain.view,
            plain.flags,
        )
        with pytest.raises(PixelsRefused, match="not_dicom: neither the prefix DICM") as refused:
            confined.to_model_input(b"a letter", PARAMS)
        assert refused.value.reason is Refusal.NOT_DICOM
        with pytest.raises(FileNotFoundError, match="absent"):
            confined.to_model_input(tmp_path / "absent", PARAMS)


def test_a_file_beyond_the_limits_is_refused_and_the_next_one_is_read() -> None:
    with ConfinedPixels(Limits(memory=192 << 20, seconds=4)) as confined:
        for file, reason in ((lengthy(), Refusal.TIME_OUT), (bulky(), Refusal.OUT_OF_MEMORY)):
            with pytest.raises(PixelsRefused) as refused:
                confined.to_model_input(file, PARAMS)
            assert refused.value.reason == reason
            assert confined.to_model_input(png((64, 64)), PARAMS).image.shape == (64, 64)


def test_every_loss_is_a_reason() -> None:
    assert {loss.value for loss in Loss} <= {reason.value for reason in Refusal}
