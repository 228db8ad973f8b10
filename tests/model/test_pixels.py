"""The model's input from DICOM files that the test writes itself, hand-worked or against other tools."""

import io
import random
import subprocess
import sys
from typing import Any

import cv2
import highdicom
import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sr.codedict import codes
from pydicom.uid import (
    MPEG2MPML,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
    SecondaryCaptureImageStorage,
)

from model.errors import BadInput
from model.pixels import Flag, PixelParams, PixelsRefused, Refusal, to_display, to_input_and_display, to_model_input
from model.pixels.header import VIEW_CODES

PLAIN = PixelParams(size=64, clahe_clip_limit=0)
RAMP = np.arange(4096, dtype=np.int64).reshape(64, 64)
IDENTITY = {"WindowCenter": 2048, "WindowWidth": 4096}


def dataset(values: NDArray[np.int64], syntax: str = ExplicitVRLittleEndian, **elements: Any) -> Dataset:
    """A DX image of 12 stored bits; an element given as None is left out."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.SOPClassUID = DigitalXRayImageStorageForPresentation
    ds.SOPInstanceUID, ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.3", "1.2.4", "1.2.5"
    ds.PatientName, ds.PatientID = "Doe^Jane", "4711"
    ds.Modality = "DX"
    ds.Rows, ds.Columns = values.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    for keyword, value in elements.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    ds.PixelData = values.astype(f"{order}u{ds.get('BitsAllocated', 16) // 8}").tobytes()
    ds["PixelData"].VR = "OW" if ds.get("BitsAllocated") != 8 else "OB"
    return ds


def written(ds: Dataset) -> bytes:
    file = io.BytesIO()
    ds.save_as(file, enforce_file_format=True)
    return file.getvalue()


def dicom(values: NDArray[np.int64], syntax: str = ExplicitVRLittleEndian, **elements: Any) -> bytes:
    return written(dataset(values, syntax, **elements))


def table(entries: list[int] | bytes, first: int, bits: int, vr: str) -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "SS" if first < 0 else "US", [len(entries), first, bits])
    item.add_new("LUTData", vr, entries)
    return item


def shown(values: list[int], **elements: Any) -> list[int]:
    return [int(level) for level in to_display(dicom(np.asarray([values]), **elements))[0]]


def flags(values: NDArray[np.int64], **elements: Any) -> tuple[str, ...]:
    return to_model_input(dicom(values, **elements), PLAIN).flags


# --- grey scale ---------------------------------------------------------------------------------------------------


def test_linear_window_by_hand() -> None:
    # PS3.3 C.11.2.1.2.1 for c = 1000, w = 1001: 500 and below is black, 1500 and above white
    assert shown([0, 500, 750, 1000, 1500, 4095], WindowCenter=1000.5, WindowWidth=1001) == [0, 0, 64, 128, 255, 255]


def test_inversion_comes_after_the_window() -> None:
    window = {"WindowCenter": 1000, "WindowWidth": 2000, "VOILUTFunction": "LINEAR_EXACT"}
    assert shown([0, 500, 2000, 4095], PhotometricInterpretation="MONOCHROME1", **window) == [255, 191, 0, 0]


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_windows_agree_with_highdicom(function: str, photometric: str) -> None:
    ds = dataset(
        RAMP - 2048,
        PixelRepresentation=1,
        RescaleSlope=1,
        RescaleIntercept=1024,
        RescaleType="US",
        WindowCenter=900,
        WindowWidth=700,
        VOILUTFunction=function,
        PhotometricInterpretation=photometric,
    )
    ds.PixelData = (RAMP - 2048).astype("<i2").tobytes()
    image = highdicom.Image.from_dataset(pydicom.dcmread(io.BytesIO(written(ds))), copy=False)
    expected = image.get_frame(1, apply_voi_transform=True, voi_output_range=(0, 255))
    assert np.abs(to_display(written(ds)) - expected).max() <= 0.5 + 1e-6


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_8_bit_voi_lut_on_12_bit_pixels(packed: bool, syntax: str) -> None:
    entries = [i * 255 // 4095 for i in range(4096)]
    item = table(bytes(entries), 0, 8, "OW") if packed else table(entries, 0, 8, "US")
    values = np.asarray([[255, 256, 1000, 2048, 4095]])
    assert to_display(dicom(values, syntax, VOILUTSequence=[item])).tolist() == [[15, 15, 62, 127, 255]]


def test_voi_lut_of_12_bits_declared_as_16_is_not_black() -> None:
    item = table(list(range(0, 4096, 16)), 0, 16, "US")
    assert shown([0, 128, 255], VOILUTSequence=[item]) == [0, 128, 255]


def test_voi_lut_of_negative_values() -> None:
    elements = {"PixelRepresentation": 1, "VOILUTSequence": [table([0, 10, 20, 30], -2, 8, "US")]}
    assert shown([-3 & 0xFFF, -2 & 0xFFF, -1 & 0xFFF, 0, 1, 2], **elements) == [0, 0, 85, 170, 255, 255]


def test_big_endian_words_of_a_lut_are_swapped() -> None:
    item = table(np.arange(0, 4096, 16).astype(">u2").tobytes(), 0, 16, "OW")
    item["LUTDescriptor"].value = [256, 0, 16]
    data = dicom(np.asarray([[0, 128, 255]]), ExplicitVRBigEndian, VOILUTSequence=[item])
    assert to_display(data).tolist() == [[0, 128, 255]]


def test_modality_lut_comes_before_the_window() -> None:
    elements = {"ModalityLUTSequence": [table([300, 200, 100, 0], 0, 16, "US")], "VOILUTFunction": "LINEAR_EXACT"}
    assert shown([0, 1, 2, 3, 4], WindowCenter=150, WindowWidth=300, **elements) == [255, 170, 85, 0, 0]


@pytest.mark.parametrize(
    ("photometric", "shape", "inverted", "legal"),
    [
        ("MONOCHROME2", None, False, True),
        ("MONOCHROME2", "IDENTITY", False, True),
        ("MONOCHROME2", "INVERSE", True, False),
        ("MONOCHROME2", "LIN OD", False, False),
        ("MONOCHROME1", None, True, True),
        ("MONOCHROME1", "INVERSE", True, True),
        ("MONOCHROME1", "IDENTITY", False, False),
    ],
)
def test_presentation_inverts_once(photometric: str, shape: str | None, inverted: bool, legal: bool) -> None:
    elements = {"PhotometricInterpretation": photometric, **IDENTITY}
    if shape:
        elements["PresentationLUTShape"] = shape
    display = to_display(dicom(RAMP, **elements))
    assert (display[0, 0], display[-1, -1]) == ((255, 0) if inverted else (0, 255))
    assert (Flag.ILLEGAL_PRESENTATION in flags(RAMP, **elements)) != legal


@given(
    st.integers(1, 16), st.booleans(), st.sampled_from(["none", "LINEAR_EXACT", "SIGMOID"]), st.integers(0, 2**32 - 1)
)
@settings(max_examples=60)
def test_monochrome1_twin_is_the_same_input(bits: int, signed: bool, voi: str, seed: int) -> None:
    """Complemented values, a mirrored window and MONOCHROME1 are the same picture."""
    rng = np.random.default_rng(seed)
    codes_ = rng.integers(0, 1 << bits, (33, 47))
    top = -1 if signed else (1 << bits) - 1  # value + complement
    center, width = float(rng.integers(-(1 << bits), 1 << bits)), float(rng.integers(1, 1 << bits))
    inputs = []
    for photometric, twin, c in (
        ("MONOCHROME2", codes_, center),
        ("MONOCHROME1", (1 << bits) - 1 - codes_, top - center),
    ):
        elements: dict[str, Any] = (
            {"WindowCenter": c, "WindowWidth": width, "VOILUTFunction": voi} if voi != "none" else {}
        )
        elements |= {"BitsStored": bits, "HighBit": bits - 1, "PixelRepresentation": int(signed)}
        inputs.append(
            to_model_input(dicom(twin, PhotometricInterpretation=photometric, **elements), PixelParams(size=64))
        )
    assert np.array_equal(inputs[0].image, inputs[1].image)


@given(st.integers(0, 4095), st.sampled_from(["MONOCHROME1", "MONOCHROME2"]), st.sampled_from([{}, IDENTITY]))
@settings(max_examples=30)
def test_a_constant_image_is_said_to_be_one(value: int, photometric: str, window: dict[str, int]) -> None:
    data = dicom(np.full((40, 30), value), PhotometricInterpretation=photometric, **window)
    assert Flag.CONSTANT in to_model_input(data, PixelParams(size=64)).flags


def test_without_a_window_the_least_value_is_black_and_padding_is_no_value() -> None:
    assert shown([1000, 1500, 2000]) == [0, 128, 255]
    assert shown([0, 1000, 1500, 2000], PixelPaddingValue=0) == [0, 0, 128, 255]
    assert Flag.NO_VOI in flags(RAMP)


@pytest.mark.parametrize(
    "window",
    [
        {"WindowCenter": 5, "WindowWidth": 0},
        {"WindowCenter": 5, "WindowWidth": -3},
        {"WindowCenter": 5},
        {"VOILUTSequence": [table([0, 0, 0], 0, 8, "US")]},
        {"VOILUTSequence": [Dataset()]},
    ],
)
def test_an_unusable_window_is_left_out_and_said(window: dict[str, Any]) -> None:
    assert shown([1000, 1500, 2000], **window) == [0, 128, 255]
    assert {Flag.INVALID_VOI, Flag.NO_VOI} <= set(flags(RAMP, **window))


def test_of_several_windows_the_first_usable_one_is_taken() -> None:
    several = {"WindowCenter": [7, 1000.5, 3000], "WindowWidth": [0, 1001, 50]}
    assert shown([500, 1000, 1500], **several) == [0, 128, 255]


def test_a_window_of_width_one_is_a_threshold() -> None:
    assert shown([99, 100, 101], WindowCenter=100, WindowWidth=1) == [0, 255, 255]


@pytest.mark.parametrize("slope", ["0", "1e308", "nan"])
def test_an_unusable_rescale_is_left_out_and_said(slope: str) -> None:
    assert shown([1000, 1500, 2000], RescaleSlope=slope, RescaleIntercept=7) == [0, 128, 255]
    assert Flag.INVALID_RESCALE in flags(RAMP, RescaleSlope=slope, RescaleIntercept=7)


def test_what_the_model_sees_and_what_a_person_sees_come_of_one_decoding() -> None:
    data = dicom(RAMP, **IDENTITY)
    made, shown = to_input_and_display(data, PixelParams(size=64))
    assert made.sha256 == to_model_input(data, PixelParams(size=64)).sha256
    assert np.array_equal(shown, to_display(data))


# --- stored bits --------------------------------------------------------------------------------------------------


def test_overlay_planes_in_the_high_bits_are_masked() -> None:
    overlaid = RAMP | np.random.default_rng(0).integers(0, 16, RAMP.shape) << 12
    assert np.array_equal(to_display(dicom(overlaid, **IDENTITY)), to_display(dicom(RAMP, **IDENTITY)))


def test_high_bit_says_where_the_stored_bits_lie() -> None:
    assert np.array_equal(to_display(dicom(RAMP << 4, HighBit=15, **IDENTITY)), to_display(dicom(RAMP, **IDENTITY)))


def test_signed_pixels() -> None:
    signed = dicom(RAMP - 2048 & 0xFFF, PixelRepresentation=1, WindowCenter=0, WindowWidth=4096)
    assert np.array_equal(to_display(signed), to_display(dicom(RAMP, **IDENTITY)))


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_encoding_of_the_data_set_does_not_matter(syntax: str) -> None:
    assert to_model_input(dicom(RAMP, syntax, **IDENTITY), PLAIN).sha256 == reference_sha256()


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless])
@pytest.mark.parametrize("signed", [False, True])
def test_lossless_compression_does_not_matter(syntax: str, signed: bool) -> None:
    ds = dataset(RAMP - 2048 * signed & 0xFFF, PixelRepresentation=int(signed), **IDENTITY)
    if signed:
        ds.PixelData, ds.WindowCenter = (RAMP - 2048).astype("<i2").tobytes(), 0
    ds.compress(syntax, generate_instance_uid=False)
    assert to_model_input(written(ds), PLAIN).sha256 == reference_sha256()


def reference_sha256() -> str:
    return to_model_input(dicom(RAMP, **IDENTITY), PLAIN).sha256


def test_a_data_set_without_preamble_and_file_meta_is_read() -> None:
    file = io.BytesIO()
    bare = dataset(RAMP, **IDENTITY)
    del bare.file_meta
    bare.save_as(file, implicit_vr=True, little_endian=True)
    made = to_model_input(file.getvalue(), PLAIN)
    assert made.sha256 == reference_sha256()
    assert made.flags == (Flag.NO_FILE_META,)


def test_jpeg_baseline_is_close_and_said_to_be_lossy() -> None:
    smooth = (RAMP // 16).astype(np.uint8)
    frame = io.BytesIO()
    Image.fromarray(smooth).save(frame, "JPEG", quality=95)
    ds = dataset(smooth.astype(np.int64), BitsAllocated=8, BitsStored=8, HighBit=7, WindowCenter=128, WindowWidth=256)
    ds.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    ds.PixelData = encapsulate([frame.getvalue()])
    made = to_model_input(written(ds), PLAIN)
    assert np.abs(made.image.astype(int) - smooth).max() <= 8
    assert made.flags == (Flag.LOSSY,)


# --- the square ---------------------------------------------------------------------------------------------------


def test_downscale_is_the_mean_of_each_area() -> None:
    blocks = np.random.default_rng(1).integers(0, 85, (64, 64))
    image = np.kron(blocks, np.asarray([[1, 0], [0, 3]]))  # each 2x2 block means what its entry says
    eight = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "WindowCenter": 128, "WindowWidth": 256}
    assert np.array_equal(to_model_input(dicom(image, **eight), PLAIN).image, blocks)


def test_downscale_by_a_broken_factor_weighs_pixels_by_their_overlap() -> None:
    image = np.random.default_rng(2).integers(0, 4096, (211, 153))
    made = to_model_input(dicom(image, **IDENTITY), PLAIN)
    display = to_display(dicom(image, **IDENTITY)).astype(float)

    def overlap(n: int, m: int) -> NDArray[np.float64]:
        low, high = np.arange(m)[:, None] * n / m, (np.arange(m)[:, None] + 1) * n / m
        return (np.minimum(high, np.arange(n) + 1) - np.maximum(low, np.arange(n))).clip(0) * m / n

    expected = overlap(211, 64) @ display @ overlap(153, 46).T  # 153 * 64 / 211 = 46.4
    assert made.geometry.scaled_width == 46
    assert np.abs(made.image[:, 9:55] - expected).max() <= 0.51
    assert not made.image[:, :9].any()
    assert not made.image[:, 55:].any()


def test_clahe_is_opencvs_on_the_downscaled_8_bits_and_padding_stays_black() -> None:
    image = np.random.default_rng(3).integers(0, 4096, (200, 120))
    made = to_model_input(dicom(image, **IDENTITY), PixelParams(size=64, clahe_clip_limit=3.0, clahe_tiles=4))
    small = cv2.resize(to_display(dicom(image, **IDENTITY)), (38, 64), interpolation=cv2.INTER_AREA)
    expected = cv2.createCLAHE(3.0, (4, 4)).apply(small)
    assert np.array_equal(made.image[:, 13:51], expected)
    assert made.image.sum() == expected.sum()


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (17, 3), (3000, 190)])
def test_extreme_shapes(shape: tuple[int, int]) -> None:
    made = to_model_input(dicom(np.arange(shape[0] * shape[1]).reshape(shape) % 4096), PixelParams(size=64))
    assert made.image.shape == (64, 64)
    assert made.image.dtype == np.uint8
    assert (Flag.UPSCALED in made.flags) == (max(shape) < 64)


def test_params_hash_tells_parameters_apart() -> None:
    assert PixelParams(clahe_clip_limit=2).sha256() == PixelParams().sha256()
    different = {PixelParams(), PixelParams(size=64), PixelParams(clahe_clip_limit=1.5), PixelParams(clahe_tiles=4)}
    assert len({params.sha256() for params in different}) == 4
    with pytest.raises(BadInput, match="size 0: it is at least 1"):
        PixelParams(size=0)


def test_view_is_read_from_position_or_code() -> None:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "399348003", "SCT", "antero-posterior"
    assert to_model_input(dicom(RAMP, ViewPosition="PA"), PLAIN).view == "PA"
    assert to_model_input(dicom(RAMP, ViewPosition="", ViewCodeSequence=[code]), PLAIN).view == "AP"
    assert to_model_input(dicom(RAMP), PLAIN).view is None


def test_view_codes_are_those_of_the_standard() -> None:
    names = {"AP": "AnteroPosterior", "PA": "PosteroAnterior", "LL": "LeftLateral", "RL": "RightLateral"}
    for view, name in names.items():
        assert VIEW_CODES[getattr(codes.cid4010, name).value] == view


# --- refusals -----------------------------------------------------------------------------------------------------


def compressed(**elements: Any) -> bytes:
    """JPEG 2000 of 64 x 64 whose header then claims `elements`."""
    ds = dataset(RAMP)
    ds.compress(JPEG2000Lossless)
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    return written(ds)


def components(number: int) -> bytes:
    """JPEG 2000 that declares `number` components, a plane each for its decoder to make room for."""
    data = compressed()
    at = data.index(b"\xff\x4f\xff\x51") + 40  # Csiz: ISO/IEC 15444-1 A.5.1
    return data[:at] + number.to_bytes(2, "big") + data[at + 2 :]


def unknown_syntax() -> bytes:
    ds = dataset(RAMP)
    ds.PixelData = encapsulate([bytes(100)])
    ds.file_meta.TransferSyntaxUID = MPEG2MPML
    return written(ds)


REFUSED = {
    "empty": (b"", Refusal.NOT_DICOM),
    "page": (b"<!doctype html><html></html>", Refusal.NOT_DICOM),
    "zip": (b"PK\x03\x04" + bytes(300), Refusal.NOT_DICOM),
    "zeros": (bytes(4000), Refusal.NOT_DICOM),
    "group 8 alone": (b"\x08\x00" * 2000, Refusal.NOT_DICOM),
    "computed tomogram": (dicom(RAMP, Modality="CT", SOPClassUID=CTImageStorage), Refusal.NOT_A_RADIOGRAPH),
    "secondary capture": (
        dicom(RAMP, Modality="OT", SOPClassUID=SecondaryCaptureImageStorage),
        Refusal.NOT_A_RADIOGRAPH,
    ),
    "unknown capture": (dicom(RAMP, Modality="", SOPClassUID=SecondaryCaptureImageStorage), Refusal.NOT_A_RADIOGRAPH),
    "mammogram": (dicom(RAMP, Modality="MG"), Refusal.NOT_A_RADIOGRAPH),
    "palette": (dicom(RAMP, PhotometricInterpretation="PALETTE COLOR"), Refusal.NOT_A_RADIOGRAPH),
    "colour": (dicom(RAMP, SamplesPerPixel=3, PhotometricInterpretation="RGB"), Refusal.NOT_A_RADIOGRAPH),
    "raw class": (dicom(RAMP, SOPClassUID=DigitalXRayImageStorageForProcessing), Refusal.FOR_PROCESSING),
    "raw intent": (dicom(RAMP, PresentationIntentType="FOR PROCESSING"), Refusal.FOR_PROCESSING),
    "frames": (dicom(RAMP.reshape(32, 128), Columns=64, NumberOfFrames=2), Refusal.MULTI_FRAME),
    "no bytes": (dicom(np.zeros((0, 0), np.int64), Rows=64, Columns=64), Refusal.NO_PIXELS),
    "46341 squared": (dicom(RAMP, Rows=46341, Columns=46341), Refusal.TOO_LARGE),
    "no rows": (dicom(RAMP, Rows=0), Refusal.CORRUPT),
    "rows missing": (dicom(RAMP, Rows=None), Refusal.CORRUPT),
    "short": (dicom(RAMP, Rows=65), Refusal.CORRUPT),
    "bits stored": (dicom(RAMP, BitsStored=17), Refusal.CORRUPT),
    "high bit": (dicom(RAMP, HighBit=3), Refusal.CORRUPT),
    "32 bits": (dicom(RAMP, BitsAllocated=32), Refusal.UNSUPPORTED_PIXELS),
    "syntax": (unknown_syntax(), Refusal.UNSUPPORTED_SYNTAX),
    "frame of another size": (compressed(Rows=32, Columns=32), Refusal.CORRUPT),
    "frame of 16,384 components": (components(16384), Refusal.CORRUPT),
    "modality LUT cut short": (dicom(RAMP, ModalityLUTSequence=[Dataset()]), Refusal.CORRUPT),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_are_typed_and_say_one_line_without_the_patient(name: str) -> None:
    data, reason = REFUSED[name]
    with pytest.raises(PixelsRefused) as refused:
        to_model_input(data, PLAIN)
    assert refused.value.reason == reason
    assert "\n" not in refused.value.detail
    assert "Jane" not in refused.value.detail


def test_the_message_names_element_value_and_range() -> None:
    with pytest.raises(PixelsRefused, match=r"\(0028,0101\) 'BitsStored' is 17: it must be 1 to 16"):
        to_display(dicom(RAMP, BitsStored=17))


def test_a_file_without_modality_is_taken_as_a_radiograph_and_said() -> None:
    assert Flag.NO_MODALITY in flags(RAMP, Modality="")


def test_a_deflate_bomb_is_refused_before_it_is_inflated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.pixels.dataset.MAX_BYTES", 1 << 20)
    bomb = dicom(np.zeros((1000, 1000), np.int64), DeflatedExplicitVRLittleEndian)
    assert len(bomb) < 20_000
    with pytest.raises(PixelsRefused, match="too_large: the data set inflates beyond 1048576 bytes"):
        to_display(bomb)


def test_sequences_nested_too_deep_are_refused() -> None:
    nested = b"\x08\x00\x15\x11SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" * 5000
    with pytest.raises(PixelsRefused) as refused:
        to_display(bytes(128) + b"DICM" + nested)
    assert refused.value.reason == Refusal.NESTED_TOO_DEEP


def test_mutated_files_are_read_or_refused_without_a_word_on_the_patient(
    recwarn: pytest.WarningsRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    rng = random.Random(0)  # noqa: S311
    lut = table(list(range(0, 4096, 16)), 0, 16, "US")
    whole = dataset(RAMP, VOILUTSequence=[lut], RescaleSlope=1, RescaleIntercept=0, **IDENTITY)
    seeds = [written(whole)]
    for syntax in (RLELossless, JPEGLSLossless, JPEG2000Lossless):
        ds = pydicom.dcmread(io.BytesIO(seeds[0]))
        ds.compress(syntax)
        seeds.append(written(ds))
    refused: list[str] = []
    for number in range(800):
        mutant = bytearray(seeds[number % len(seeds)])
        for _ in range(rng.randint(1, 5)):
            at = rng.randrange(128, 1200 if rng.random() < 0.7 else len(mutant))
            mutant[at : at + rng.choice([0, 1, 1, 1, 8])] = rng.randbytes(rng.choice([0, 1, 1, 1, 4]))
        try:
            assert to_model_input(bytes(mutant), PLAIN).image.shape == (64, 64)
        except PixelsRefused as refusal:
            refused.append(refusal.detail)
    said = [*refused, *(str(warning.message) for warning in recwarn), caplog.text]
    assert not any("Jane" in words for words in said)
    assert 100 < len(refused) < 790


def test_the_room_stays_light() -> None:
    heavy = ["torch", "timm", "nltk", "transformers", "highdicom", "mlflow", "pandas"]
    code = f"import sys, model.pixels; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
