"""The bytes of a DICOM file to a data set, bounded in memory.

Only the elements listed here are read, so that no patient's name can reach a message or a log.
"""

import zlib
from io import BytesIO

from pydicom import Dataset, config, dcmread
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag, Tag
from pydicom.uid import DeflatedExplicitVRLittleEndian

from model.pixels.refusal import PixelsRefused, Refusal, parser_faults

config.settings.reading_validation_mode = config.IGNORE
"""pydicom warns of an invalid value by printing it, and after a wrong length that value is the rest of the file."""

MAX_BYTES = 256 * 1024 * 1024
"""Of a file, and of a deflated data set inflated: twice what the largest image needs."""

KEYWORDS = [
    "SOPClassUID",
    "Modality",
    "PresentationIntentType",
    "ViewPosition",
    "ViewCodeSequence",
    "PatientOrientation",
    "BodyPartExamined",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "BurnedInAnnotation",
    "LossyImageCompression",
    "ModalityLUTSequence",
    "RescaleIntercept",
    "RescaleSlope",
    "VOILUTSequence",
    "WindowCenter",
    "WindowWidth",
    "VOILUTFunction",
    "PresentationLUTShape",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
    "FloatPixelData",
    "DoubleFloatPixelData",
    "PixelData",
]


def parse(data: bytes) -> Dataset:
    """Parse a file, with or without preamble and file meta.

    Returns:
        The file meta, and the elements of KEYWORDS that the file has.

    Raises:
        PixelsRefused: not_dicom, too_large or corrupt.
    """
    prefixed = data[128:132] == b"DICM"
    if not prefixed and not _starts_as_dataset(data):
        raise PixelsRefused(Refusal.NOT_DICOM, "neither the prefix DICM nor a DICOM data set, nor a PNG or JPEG image")
    with parser_faults("reading the data set", Refusal.CORRUPT if prefixed else Refusal.NOT_DICOM):
        _check_inflated_size(data, start=132 if prefixed else 0)
        dataset = dcmread(BytesIO(data), force=True, specific_tags=[Tag(keyword) for keyword in KEYWORDS])
    if not prefixed and "SOPClassUID" not in dataset and "Rows" not in dataset:
        raise PixelsRefused(Refusal.NOT_DICOM, "neither the prefix DICM nor an image's data set")
    return dataset


def _starts_as_dataset(data: bytes) -> bool:
    """A data set without file meta begins with an element of group 0002 or 0008."""
    return any(int.from_bytes(data[:2], order) in (0x0002, 0x0008) for order in ("little", "big"))


def _check_inflated_size(data: bytes, start: int) -> None:
    """PS3.5 A.5: a deflated data set must not inflate beyond MAX_BYTES."""
    file = BytesIO(data)
    file.seek(start)
    meta = read_dataset(file, is_implicit_VR=False, is_little_endian=True, stop_when=_after_meta)
    if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        return
    inflater, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
    while piece := file.read(16384):  # inflates to 17 MB at most
        size += len(inflater.decompress(piece))
        if size > MAX_BYTES:
            raise PixelsRefused(Refusal.TOO_LARGE, f"the data set inflates beyond {MAX_BYTES} bytes")


def _after_meta(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return tag.group != 2
