"""What is stored of an image: the same pixels, bit for bit, and nothing of the patient."""

import contextlib
import io
import re
import struct
import zlib
from pathlib import Path
from random import Random

import imagecodecs
import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.tag import Tag
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLSLossless,
    RLELossless,
)

from model.pixels import PixelsRefused, to_display
from model.pixels.dataset import KEYWORDS
from pipelines.deidentify import KEPT, KEPT_SEQUENCES, stored_form
from pipelines.pseudonyms import Pseudonyms

REALDATA = Path(__file__).resolve().parents[2] / "../shared/realdata/dicom"
PSEUDONYMS = Pseudonyms(b"a key of the tests")
ALLOWED = {*KEPT, *KEPT_SEQUENCES, "PixelData"}
CASES = 4000
TRACE = "Zzyzx"  # stands wherever something of a person may stand


def radiograph(syntax: UID = ExplicitVRLittleEndian) -> bytes:
    """A DX of 12 bits with windows, a VOI LUT, and TRACE all over it."""
    pixels = np.random.default_rng(1).integers(0, 4096, (24, 17), np.uint16)
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = DigitalXRayImageStorageForPresentation, "1.2.3.4"
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = "1.2.3", "1.2.3.5", "1.2.3.6"
    ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientAddress = (
        f"{TRACE}^A",
        f"{TRACE}1",
        "19501231",
        TRACE,
    )
    ds.StudyDate = ds.ContentDate = ds.AcquisitionDate = "20210203"
    ds.StudyTime, ds.AccessionNumber = "123456", f"{TRACE}2"
    ds.InstitutionName = ds.ReferringPhysicianName = ds.StationName = ds.ImageComments = TRACE
    ds.StudyDescription = ds.SeriesDescription = ds.ProtocolName = TRACE
    request = Dataset()
    request.RequestedProcedureDescription = TRACE
    ds.RequestAttributesSequence = [request]
    ds.private_block(0x0011, "ACME", create=True).add_new(1, "LO", TRACE)
    ds.Modality, ds.ViewPosition, ds.PresentationIntentType = "DX", "PA", "FOR PRESENTATION"
    ds.Manufacturer, ds.ManufacturerModelName, ds.DeviceSerialNumber = "Acme", "Ray 1", TRACE
    view = Dataset()
    view.CodeValue, view.CodingSchemeDesignator, view.CodeMeaning = "399348003", "SCT", "antero-posterior"
    view.ContextUID = "1.2.3.7"
    view.add_new(Tag(0x0008, 0x0104 + 1), "CS", TRACE.upper())
    ds.ViewCodeSequence = [view]
    ds.Rows, ds.Columns = pixels.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME1"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.PixelSpacing, ds.WindowCenter, ds.WindowWidth = [0.139, 0.139], [2000, 1000], [3000, 500]
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = 0, 1, "US"
    lut = Dataset()
    lut.add_new("LUTDescriptor", "US", [4096, 0, 12])
    lut.add_new("LUTData", "OW", np.linspace(0, 4095, 4096).astype("<u2").tobytes())
    lut.LUTExplanation = TRACE
    ds.VOILUTSequence = [lut]
    ds.add_new(0x60003000, "OW", b"\x01\x00" * 26)  # an overlay may be handwriting
    ds.file_meta = FileMetaDataset()
    ds.file_meta.SourceApplicationEntityTitle = TRACE
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian if syntax == RLELossless else syntax
    little = syntax != ExplicitVRBigEndian
    ds.PixelData = pixels.astype("<u2" if little else ">u2").tobytes()
    if not little:
        lut.LUTData = np.linspace(0, 4095, 4096).astype(">u2").tobytes()
    if syntax == RLELossless:
        ds.compress(RLELossless)
    ds.preamble = TRACE.encode().ljust(128, b"\0")
    out = io.BytesIO()
    ds.save_as(out, enforce_file_format=True)
    return out.getvalue() + struct.pack("<HH2sHL", 0xFFFC, 0xFFFC, b"OB", 0, 6) + TRACE.encode() + b"\0"


SYNTAXES = [
    ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian, RLELossless,
]  # fmt: skip


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.name)
def test_the_picture_stays_as_it_is(syntax: UID) -> None:
    given = radiograph(syntax)
    stored = stored_form(given, PSEUDONYMS)
    before, after = (pydicom.dcmread(io.BytesIO(content)) for content in (given, stored.content))
    assert after.file_meta.TransferSyntaxUID == syntax
    assert after.PixelData == before.PixelData
    assert np.array_equal(after.pixel_array, before.pixel_array)
    assert np.array_equal(to_display(stored.content), to_display(given))
    assert (after.PixelSpacing, after.WindowCenter) == (before.PixelSpacing, before.WindowCenter)
    assert (stored.extension, stored.view, stored.modality, stored.device) == ("dcm", "PA", "DX", "Acme Ray 1")


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.name)
def test_nothing_of_the_patient_stays(syntax: UID) -> None:
    content = stored_form(radiograph(syntax), PSEUDONYMS).content
    stored = pydicom.dcmread(io.BytesIO(content))
    text = f"{stored.file_meta}\n{stored}"
    for trace in (TRACE, TRACE.upper(), "19501231", "20210203", "1.2.3"):
        assert trace not in text
        assert trace.encode() not in content
    assert content[:128] == bytes(128)
    assert {element.keyword for element in stored} <= {*ALLOWED, "PatientIdentityRemoved", "DeidentificationMethod"}


def test_uids_are_hashed_and_equal_ones_stay_equal() -> None:
    one = pydicom.dcmread(io.BytesIO(stored_form(radiograph(), PSEUDONYMS).content))
    again = pydicom.dcmread(io.BytesIO(stored_form(radiograph(ImplicitVRLittleEndian), PSEUDONYMS).content))
    other = pydicom.dcmread(io.BytesIO(stored_form(radiograph(), Pseudonyms(b"another key")).content))
    assert one.StudyInstanceUID.is_valid
    assert one.StudyInstanceUID == again.StudyInstanceUID != other.StudyInstanceUID
    assert len({one.SOPInstanceUID, one.StudyInstanceUID, one.SeriesInstanceUID}) == 3
    assert one.file_meta.MediaStorageSOPInstanceUID == one.SOPInstanceUID


def test_equal_files_are_stored_equal_and_storing_again_finds_nothing_to_drop() -> None:
    once = stored_form(radiograph(), PSEUDONYMS).content
    assert once == stored_form(radiograph(), PSEUDONYMS).content
    keys = pydicom.dcmread(io.BytesIO(once)).keys()
    assert pydicom.dcmread(io.BytesIO(stored_form(once, PSEUDONYMS).content)).keys() == keys


def test_every_attribute_that_the_pixels_depend_on_is_kept() -> None:
    refused_anyway = {"FloatPixelData", "DoubleFloatPixelData"}
    of_several_frames = {"ExtendedOffsetTable", "ExtendedOffsetTableLengths"}
    assert set(KEYWORDS) - refused_anyway - of_several_frames <= ALLOWED


def real_files() -> list[Path]:
    return sorted(path for path in REALDATA.rglob("*") if path.is_file() and path.suffix != ".zst")


@pytest.mark.skipif(not REALDATA.is_dir(), reason="no real DICOM files beside the repository")
def test_real_files_keep_their_picture_or_are_refused() -> None:
    pictures = 0
    for path in real_files():
        try:
            given = to_display(path)
        except PixelsRefused:
            continue
        pictures += 1
        stored = stored_form(path.read_bytes(), PSEUDONYMS).content
        assert np.array_equal(to_display(stored), given), path.name
        left = pydicom.dcmread(io.BytesIO(stored))
        assert not {"PatientName", "PatientID", "StudyDate", "InstitutionName"} & {e.keyword for e in left}
    assert pictures >= 8


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content), kind) + content + struct.pack(">I", zlib.crc32(kind + content))


@pytest.mark.parametrize("mode", ["L", "I;16", "RGB", "P", "1"])
def test_png_keeps_its_pixels_and_loses_its_text(mode: str) -> None:
    grey = np.random.default_rng(2).integers(0, 256, (19, 23), np.uint8)
    image = Image.fromarray(grey.astype(np.uint16) * 257) if mode == "I;16" else Image.fromarray(grey).convert(mode)
    text = PngImagePlugin.PngInfo()
    text.add_text("Patient", TRACE)
    out = io.BytesIO()
    image.save(out, "PNG", pnginfo=text)
    given = out.getvalue()
    given = given[:33] + chunk(b"tIME", b"\x07\xe5\x02\x03\x0c\x22\x38") + given[33:] + TRACE.encode()
    stored = stored_form(given, PSEUDONYMS)
    assert stored.extension == "png"
    assert TRACE.encode() not in stored.content
    assert b"tIME" not in stored.content
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(stored.content))), np.asarray(Image.open(io.BytesIO(given))))


@pytest.mark.parametrize(
    ("mode", "progressive"), [("L", False), ("L", True), ("RGB", False), ("RGB", True), ("CMYK", False)]
)
def test_jpeg_keeps_its_pixels_and_loses_its_metadata(mode: str, progressive: bool) -> None:
    grey = np.random.default_rng(3).integers(0, 256, (40, 56), np.uint8)
    exif = Image.Exif()
    exif[0x010E] = TRACE
    out = io.BytesIO()
    Image.fromarray(grey).convert(mode).save(
        out,
        "JPEG",
        exif=exif,
        comment=TRACE,
        icc_profile=TRACE.encode() * 9,
        progressive=progressive,
        restart_marker_rows=1,
    )
    given = out.getvalue() + TRACE.encode()
    stored = stored_form(given, PSEUDONYMS)
    assert stored.extension == "jpg"
    assert TRACE.encode() not in stored.content
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(stored.content))), np.asarray(Image.open(io.BytesIO(given))))


def png_and_jpeg() -> list[bytes]:
    image, files = Image.fromarray(np.random.default_rng(4).integers(0, 256, (20, 20), np.uint8)), []
    for kind in ("PNG", "JPEG"):
        out = io.BytesIO()
        image.save(out, kind)
        files.append(out.getvalue())
    return files


FILES = [*png_and_jpeg(), radiograph(), radiograph(ImplicitVRLittleEndian)]


@given(st.sampled_from(FILES), st.floats(0, 1, exclude_max=True))
def test_a_truncated_file_is_refused(content: bytes, share: float) -> None:
    is_dicom = content[128:132] == b"DICM"
    end = content.index(b"\xe0\x7f\x10\x00") if is_dicom else len(content)  # no pixels, or not all of them
    with pytest.raises(PixelsRefused):
        stored_form(content[: int(end * share)], PSEUDONYMS)


@given(
    st.sampled_from(FILES), st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=4)))
)
def test_a_damaged_file_is_stored_or_refused_and_nothing_else(
    content: bytes, damage: list[tuple[float, bytes]]
) -> None:
    damaged = bytearray(content)
    for share, patch in damage:
        at = int(len(damaged) * share)
        damaged[at : at + len(patch)] = patch
    with contextlib.suppress(PixelsRefused):
        stored_form(bytes(damaged), PSEUDONYMS)


def encoded_radiographs() -> list[bytes]:
    """The radiograph in every kind of encoding, TRACE in the encodings' own comments too; a PNG and a JPEG."""
    grey = np.random.default_rng(5).integers(0, 256, (24, 16), np.uint8)
    wide = grey.astype(np.uint16) * 16
    comment = f"{TRACE}^A".encode()
    jpegs = []
    for progressive in (False, True):
        out = io.BytesIO()
        Image.fromarray(grey).save(out, "JPEG", comment=comment, progressive=progressive)
        jpegs.append(out.getvalue() + comment)
    j2k = bytes(imagecodecs.jpeg2k_encode(wide, level=0, codecformat="j2k", reversible=True, bitspersample=12))
    siz = 4 + int.from_bytes(j2k[4:6])
    noted = j2k[:siz] + b"\xff\x64" + struct.pack(">HH", 4 + len(comment), 1) + comment + j2k[siz:] + comment
    lossless = imagecodecs.ljpeg_encode(wide, bitspersample=12)
    com = b"\xff\xfe" + struct.pack(">H", 2 + len(comment)) + comment
    jpeg_ls = bytes(imagecodecs.jpegls_encode(wide))
    frames = [
        (JPEGBaseline8Bit, jpegs[0], 8),
        (JPEGExtended12Bit, jpegs[1], 8),
        (JPEGLossless, lossless[:2] + com + lossless[2:] + comment, 12),
        (JPEGLSLossless, jpeg_ls[:2] + com + jpeg_ls[2:] + comment, 12),
        (JPEG2000Lossless, noted, 12),
    ]
    files = []
    for syntax, frame, bits in frames:
        ds = pydicom.dcmread(io.BytesIO(radiograph()))
        ds.Rows, ds.Columns, ds.BitsStored, ds.HighBit = 24, 16, bits, bits - 1
        ds.BitsAllocated = 8 if bits == 8 else 16
        ds.PixelData = encapsulate([frame])
        ds["PixelData"].VR = "OB"
        ds["PixelData"].is_undefined_length = True
        ds.file_meta.TransferSyntaxUID = syntax
        out = io.BytesIO()
        ds.save_as(out, enforce_file_format=True)
        files.append(out.getvalue())
    text = PngImagePlugin.PngInfo()
    text.add_text("Patient", comment.decode())
    out = io.BytesIO()
    Image.fromarray(grey).save(out, "PNG", pnginfo=text)
    return [*files, *jpegs, out.getvalue()]


def elements(content: bytes) -> list[int]:
    """Where the elements of an explicit little endian file begin whose length takes two bytes."""
    return [
        m.start() for m in re.finditer(rb"[\x08\x10\x18\x28\x40]\0..(?:CS|LO|SH|PN|DA|TM|UI|LT|ST|DS|US|IS)", content)
    ]


def mutated(content: bytes, random: Random) -> bytes:
    """Damage of the kinds that files have, and of the kind that makes a name the value of what stands beside it."""
    damaged = bytearray(content)
    for _ in range(random.randint(1, 3)):
        places, at, kind = elements(bytes(damaged)), random.randrange(len(damaged)), random.random()
        if kind < 0.3 and places:  # an element takes in those that follow
            first = random.randrange(len(places))
            last = min(first + random.randint(1, 4), len(places) - 1)
            length = places[last] - places[first] - random.choice([8, 8, 8, 6, 0])
            damaged[places[first] + 6 : places[first] + 8] = struct.pack("<H", max(length, 0))
        elif kind < 0.45 and places:  # an element goes by the tag of another
            kept = Tag(random.choice(sorted(ALLOWED)))
            damaged[(place := random.choice(places)) : place + 4] = struct.pack("<HH", kept.group, kept.element)
        elif kind < 0.75:
            damaged[at] = random.choice([0, 1, 0xFE, 0xFF, random.randrange(256)])
        elif kind < 0.85:
            damaged[at] ^= 1 << random.randrange(8)
        elif kind < 0.95:
            del damaged[at : at + random.randint(1, 12)]
        else:
            damaged[at:at] = random.randbytes(random.randint(1, 6))
    return bytes(damaged)


def test_whatever_is_damaged_nothing_of_the_patient_is_stored() -> None:
    """Not a part of the name either. Deflated, it is looked for in what comes out."""
    seeds = [*(radiograph(syntax) for syntax in SYNTAXES), *encoded_radiographs()]
    for seed in seeds:
        stored_form(seed, PSEUDONYMS)
    random, stored = Random(11), 0  # noqa: S311
    for case in range(CASES):
        damaged = mutated(random.choice(seeds), random)
        try:
            content = stored_form(damaged, PSEUDONYMS).content
        except PixelsRefused:
            continue
        stored += 1
        seen = content.lower()
        if UID(DeflatedExplicitVRLittleEndian).encode() + b"\0" in content[:600]:
            body = 144 + struct.unpack_from("<L", content, 140)[0]
            seen += zlib.decompress(content[body:], -zlib.MAX_WBITS).lower()
        for part in (b"zyzx", b"19501231", b"20210203"):
            assert part not in seen, f"case {case}: {part!r} in what is stored"
    assert stored > CASES // 4


def test_a_key_is_not_shown() -> None:
    assert "a key" not in repr(PSEUDONYMS)
