"""One radiograph in every transfer syntax, whole, cut short and mutated."""

import io
import random
import struct
from collections import Counter
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
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

from model.pixels import ConfinedPixels, PixelParams, PixelsRefused, Refusal, to_display
from model.workers import Limits

NATIVE = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian]
JPEG_LOSSLESS = [JPEGLossless, JPEGLosslessSV1, JPEGLSLossless]
LOSSLESS = [RLELossless, *JPEG_LOSSLESS, JPEG2000Lossless, HTJ2KLossless, HTJ2KLosslessRPCL]
LOSSY = [JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless, JPEG2000, HTJ2K]

REAL = Path(__file__).resolve().parents[2] / "../shared/realdata/dicom/edge"
MUTANTS = 20_000
ENDED = (Refusal.CRASHED, Refusal.OUT_OF_MEMORY, Refusal.TIME_OUT)


def picture(bits: int) -> NDArray[np.uint16]:
    """Smooth, with a little noise, full range: (40, 32)."""
    y, x = np.mgrid[:40, :32]
    wave = 0.5 + 0.45 * np.sin(x / 9) * np.cos(y / 11) + np.random.default_rng(0).uniform(-0.02, 0.02, (40, 32))
    return np.rint(wave * ((1 << bits) - 1)).astype(np.uint16)


def frame(pixels: NDArray[np.uint16], syntax: UID) -> bytes:
    """Encoders that pydicom does not have."""
    if syntax == JPEGBaseline8Bit:
        return bytes(imagecodecs.jpeg8_encode(pixels.astype(np.uint8), level=98))
    if syntax == JPEGExtended12Bit:
        return bytes(imagecodecs.jpeg8_encode(pixels, level=98, bitspersample=12))
    if syntax in (JPEGLossless, JPEGLosslessSV1):
        predictor = 4 if syntax == JPEGLossless else 1
        return bytes(imagecodecs.jpeg8_encode(pixels, lossless=True, predictor=predictor, bitspersample=12))
    return bytes(imagecodecs.htj2k_encode(pixels, reversible=syntax != HTJ2K))


def dicom(syntax: UID, **elements: Any) -> bytes:
    """A DX file of 12 bits, or 8 where the syntax has no more."""
    bits = 8 if syntax == JPEGBaseline8Bit else 12
    pixels = picture(bits)
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax if syntax in NATIVE else ExplicitVRLittleEndian
    ds.SOPClassUID, ds.SOPInstanceUID = DigitalXRayImageStorageForPresentation, "1.2.3"
    ds.PatientName, ds.PatientID, ds.Modality = "Doe^Jane", "4711", "DX"
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = *pixels.shape, 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8 if bits == 8 else 16, bits, bits - 1, 0
    ds.WindowCenter, ds.WindowWidth = 1 << bits - 1, 1 << bits
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    ds.PixelData = pixels.astype(">u2" if syntax == ExplicitVRBigEndian else "<u2").tobytes()
    ds["PixelData"].VR = "OW"
    if syntax in (RLELossless, JPEGLSLossless, JPEG2000Lossless):
        ds.compress(syntax, generate_instance_uid=False)
    elif syntax == JPEGLSNearLossless:
        ds.compress(syntax, jls_error=3, generate_instance_uid=False)
    elif syntax == JPEG2000:
        ds.compress(syntax, j2k_cr=[2], generate_instance_uid=False)
    elif syntax not in NATIVE:
        ds.file_meta.TransferSyntaxUID = syntax
        ds.PixelData = encapsulate([frame(pixels, syntax)])
        ds["PixelData"].VR = "OB"
    return written(ds)


def written(ds: Dataset) -> bytes:
    file = io.BytesIO()
    ds.save_as(file, enforce_file_format=True)
    return file.getvalue()


EXPECTED = np.floor(picture(12) / 4095 * 255 + 0.5)


@pytest.mark.parametrize("syntax", NATIVE + LOSSLESS, ids=lambda uid: uid.name)
def test_lossless_syntaxes_give_the_same_picture(syntax: UID) -> None:
    assert np.array_equal(to_display(dicom(syntax)), EXPECTED)


@pytest.mark.parametrize("syntax", LOSSY, ids=lambda uid: uid.name)
def test_lossy_syntaxes_are_close(syntax: UID) -> None:
    assert np.abs(to_display(dicom(syntax)) - EXPECTED).max() <= 4


@pytest.mark.parametrize("syntax", [JPEGLossless, JPEGLosslessSV1], ids=lambda uid: uid.name)
def test_signed_pixels_of_a_codec_that_knows_no_sign(syntax: UID) -> None:
    ds = pydicom.dcmread(io.BytesIO(dicom(syntax, PixelRepresentation=1, WindowCenter=0)))
    ds.PixelData = encapsulate([frame(picture(12) ^ 0x800, syntax)])  # 2048 less, in two's complement
    assert np.array_equal(to_display(written(ds)), EXPECTED)


@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEGExtended12Bit])
def test_jpeg_of_8_bits_decodes_as_pillow_does(syntax: UID) -> None:
    encoded = frame(picture(8), JPEGBaseline8Bit)
    data = dicom(JPEGBaseline8Bit).replace(JPEGBaseline8Bit.encode(), syntax.encode())
    with Image.open(io.BytesIO(encoded)) as image:
        expected = np.asarray(image)
    assert np.array_equal(to_display(data), expected)


@pytest.mark.parametrize("share", [0.1, 0.6, 0.98])
@pytest.mark.parametrize("syntax", LOSSLESS + LOSSY, ids=lambda uid: uid.name)
def test_a_frame_cut_short_is_refused(syntax: UID, share: float) -> None:
    ds = pydicom.dcmread(io.BytesIO(dicom(syntax)))
    encoded = get_frame(ds.PixelData, 0, number_of_frames=1)
    ds.PixelData = encapsulate([encoded[: int(len(encoded) * share)]])
    with pytest.raises(PixelsRefused) as refused:
        to_display(written(ds))
    assert refused.value.reason == Refusal.CORRUPT


@pytest.mark.parametrize("syntax", NATIVE + LOSSLESS + LOSSY, ids=lambda uid: uid.name)
def test_a_file_cut_short_is_refused(syntax: UID) -> None:
    whole = dicom(syntax)
    for length in (len(whole) - 20, len(whole) - 300):
        with pytest.raises(PixelsRefused) as refused:
            to_display(whole[:length])
        assert refused.value.reason == Refusal.CORRUPT


# --- mutants ------------------------------------------------------------------------------------------------------

LENGTHS = [0, 1, 2, 0x7F, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF]
NUMBERS = [0, 1, 7, 8, 12, 15, 16, 17, 255, 256, 8192, 32767, 32768, 65535]
ELEMENTS = [(0x0028, element) for element in (0x2, 0x8, 0x10, 0x11, 0x100, 0x101, 0x102, 0x103, 0x1050, 0x3002, 0x3006)]
ELEMENTS += [(0x0002, 0x0000), (0x0002, 0x0010), (0x0008, 0x0060), (0x0018, 0x5101), (0x7FE0, 0x0010), (0xFFFE, 0xE000)]
OPEN_SEQUENCE = b"\x28\x00\x10\x30SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"


def seeds() -> list[bytes]:
    """Every syntax, every part of the grey scale, files without meta, planes, and the heads of real malformed files."""
    item = Dataset()
    item.LUTDescriptor, item.LUTData = [256, 0, 16], np.arange(256, dtype="<u2").tobytes()
    item["LUTDescriptor"].VR, item["LUTData"].VR = "US", "OW"
    view = Dataset()
    view.CodeValue, view.CodingSchemeDesignator, view.CodeMeaning = "399348003", "SCT", "antero-posterior"
    rich = {"ModalityLUTSequence": [item], "VOILUTSequence": [item], "ViewCodeSequence": [view]}
    rich |= {"PatientOrientation": ["L", "F"], "PresentationLUTShape": "IDENTITY", "PixelPaddingValue": 0}
    files = [dicom(syntax) for syntax in NATIVE + LOSSLESS + LOSSY]
    files += [dicom(ExplicitVRLittleEndian, **rich), dicom(ImplicitVRLittleEndian, **rich)]
    files.append(bare())
    for kind, bits in (("PNG", 8), ("PNG", 16), ("JPEG", 8)):
        file = io.BytesIO()
        Image.fromarray(picture(bits).astype(np.uint8 if bits == 8 else np.uint16)).save(file, kind)
        files.append(file.getvalue())
    return files + [path.read_bytes()[:4096] for path in sorted(REAL.glob("*.dcm"))]


def bare() -> bytes:
    """A data set without preamble and file meta."""
    ds = pydicom.dcmread(io.BytesIO(dicom(ImplicitVRLittleEndian)))
    del ds.file_meta
    file = io.BytesIO()
    ds.save_as(file, implicit_vr=True, little_endian=True)
    return file.getvalue()


def mutant(files: list[bytes], number: int) -> bytes:
    """One of the files with one to four faults. The same number, the same bytes."""
    rng = random.Random(number)  # noqa: S311
    data = bytearray(files[number % len(files)])
    for _ in range(rng.choice([1, 1, 2, 4])):
        at = rng.randrange(min(len(data), 1000) if rng.random() < 0.5 else len(data)) if data else 0
        match rng.choice(["flipped", "flipped", "flipped", "changed", "cut", "length", "number", "number", "nested"]):
            case "flipped":
                data[at : at + 1] = rng.randbytes(1)
            case "changed":
                data[at : at + rng.randrange(16)] = rng.randbytes(rng.randrange(16))
            case "cut":
                del data[at:]
            case "nested":
                data[at:at] = OPEN_SEQUENCE * rng.choice([1, 2, 50, 2000])
            case kind:
                field = data.find(struct.pack("<HH", *rng.choice(ELEMENTS))) + rng.choice([4, 6, 8])
                value = rng.choice(LENGTHS if kind == "length" else NUMBERS)
                data[field : field + 4] = struct.pack("<I", value)
    return bytes(data)


def test_mutated_files_are_read_or_refused_within_memory_and_time() -> None:
    files, params = seeds(), PixelParams(size=64)
    outcomes: Counter[str] = Counter()
    with ConfinedPixels(Limits(memory=256 << 20, seconds=10)) as confined:
        for number in range(MUTANTS):
            outcome, detail = outcome_of(confined, mutant(files, number), params)
            assert outcome not in ENDED, f"mutant {number}: {outcome}"
            assert "Jane" not in detail, f"mutant {number}: {detail}"
            outcomes[outcome] += 1
    assert outcomes["read"] > MUTANTS / 10
    assert outcomes[Refusal.CORRUPT] > MUTANTS / 10
    assert outcomes[Refusal.NESTED_TOO_DEEP] > 0


def outcome_of(confined: ConfinedPixels, data: bytes, params: PixelParams) -> tuple[str, str]:
    try:
        made = confined.to_model_input(data, params)
    except PixelsRefused as refused:
        return refused.reason, refused.detail
    assert made.image.shape == (params.size, params.size)
    return "read", ""
