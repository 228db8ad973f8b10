"""What a DICOM file says of its image, held against what a radiograph must say before a pixel is decoded.

Refusals quote numbers and codes alone: any other text may, after a wrong length, be the patient's.
"""

import re
from dataclasses import dataclass

from pydicom import Dataset
from pydicom.tag import Tag
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
)

from model.pixels.dataset import parse
from model.pixels.flag import Flag
from model.pixels.refusal import PixelsRefused, Refusal, parser_faults

MAX_PIXELS = 64 * 1024 * 1024
"""Rows times columns; the largest chest detectors have some 20 million."""

RADIOGRAPHS = frozenset({"CR", "DX", "RG"})
"""PS3.3 C.7.3.1.1.1: computed, digital, and film radiography."""

RADIOGRAPH_CLASSES = frozenset({ComputedRadiographyImageStorage, DigitalXRayImageStorageForPresentation})
"""What a file without a Modality may be stored as."""

VIEW_CODES: dict[str, str] = {
    "399348003": "AP",
    "R-10206": "AP",
    "272479007": "PA",
    "R-10214": "PA",
    "R-40888": "PA",
    "399173006": "LL",
    "R-10236": "LL",
    "399198007": "RL",
    "R-10232": "RL",
    "399067008": "LATERAL",
    "R-102CD": "LATERAL",
}
"""PS3.16 CID 4010 in SNOMED CT and in the retired SNOMED RT, as the values of View Position (0018,5101)."""

MALFORMED = "?"


@dataclass(frozen=True, slots=True)
class Header:
    """What decoding and rendering need to know, checked. `dataset` holds the elements that `parse` reads."""

    dataset: Dataset
    syntax: UID
    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    photometric: str
    view: str | None
    patient_orientation: tuple[str, str] | None
    flags: frozenset[Flag]

    @property
    def little_endian(self) -> bool:
        return self.syntax != ExplicitVRBigEndian


def read_header(data: bytes) -> Header:
    """Parse a DICOM file and check what it says of itself.

    Raises:
        PixelsRefused: for any reason that a header can give.
    """
    dataset = parse(data)
    with parser_faults("reading the header"):
        return _check(dataset)


def _check(dataset: Dataset) -> Header:
    """Hold the header against the Image Pixel and DX modules (PS3.3 C.7.6.3, C.8.11.3)."""
    rows, columns = dataset.get("Rows"), dataset.get("Columns")
    if isinstance(rows, int) and isinstance(columns, int) and rows * columns > MAX_PIXELS:
        raise PixelsRefused(
            Refusal.TOO_LARGE, f"Rows {rows} x Columns {columns}: at most {MAX_PIXELS} pixels are decoded"
        )
    flags = _check_radiograph(dataset) | _remarks(dataset)
    if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
        raise PixelsRefused(Refusal.UNSUPPORTED_PIXELS, "floating-point pixels: a radiograph's are integers")
    if not dataset:
        raise PixelsRefused(Refusal.CORRUPT, "the data set is cut short, or has no element of an image")
    if not dataset.get("PixelData"):
        raise PixelsRefused(Refusal.NO_PIXELS, "(7FE0,0010) 'PixelData' is missing or empty")
    if dataset.get("NumberOfFrames") is not None and (frames := _integer(dataset, "NumberOfFrames", 1, 1 << 31)) > 1:
        raise PixelsRefused(Refusal.MULTI_FRAME, f"(0028,0008) 'NumberOfFrames' is {frames}: a radiograph has one")
    photometric = code_string(dataset, "PhotometricInterpretation")
    if photometric not in ("MONOCHROME1", "MONOCHROME2") or _integer(dataset, "SamplesPerPixel", 1, 4) != 1:
        raise PixelsRefused(Refusal.NOT_A_RADIOGRAPH, f"PhotometricInterpretation is {photometric!r}: not monochrome")
    bits_allocated = _integer(dataset, "BitsAllocated", 1, 64)
    if bits_allocated not in (8, 16):
        raise PixelsRefused(Refusal.UNSUPPORTED_PIXELS, f"BitsAllocated is {bits_allocated}: it must be 8 or 16")
    bits_stored = _integer(dataset, "BitsStored", 1, bits_allocated)
    return Header(
        dataset=dataset,
        syntax=_syntax(dataset),
        rows=_integer(dataset, "Rows", 1, 65535),
        columns=_integer(dataset, "Columns", 1, 65535),
        bits_allocated=bits_allocated,
        bits_stored=bits_stored,
        high_bit=_integer(dataset, "HighBit", bits_stored - 1, bits_allocated - 1),
        signed=_integer(dataset, "PixelRepresentation", 0, 1) == 1,
        photometric=photometric,
        view=_view(dataset),
        patient_orientation=_patient_orientation(dataset),
        flags=frozenset(flags),
    )


def _check_radiograph(dataset: Dataset) -> set[Flag]:
    """Refuse what is no radiograph meant for reading; say what is doubtful."""
    flags = set()
    meta = dataset.file_meta
    sop_class = dataset.get("SOPClassUID") or meta.get("MediaStorageSOPClassUID")
    if modality := code_string(dataset, "Modality"):
        if modality not in RADIOGRAPHS:
            raise PixelsRefused(Refusal.NOT_A_RADIOGRAPH, f"(0008,0060) 'Modality' is {modality!r}: not CR, DX or RG")
    else:
        flags.add(Flag.NO_MODALITY)
        if sop_class and sop_class not in RADIOGRAPH_CLASSES:
            raise PixelsRefused(Refusal.NOT_A_RADIOGRAPH, "no Modality, and its SOP class is no radiograph's")
    intent = code_string(dataset, "PresentationIntentType")
    if intent == "FOR PROCESSING" or sop_class == DigitalXRayImageStorageForProcessing:
        raise PixelsRefused(Refusal.FOR_PROCESSING, "raw detector values: send the image FOR PRESENTATION")
    if sop_class == SecondaryCaptureImageStorage:
        flags.add(Flag.SECONDARY_CAPTURE)
    return flags


def _remarks(dataset: Dataset) -> set[Flag]:
    part = code_string(dataset, "BodyPartExamined")
    said = {
        Flag.NO_FILE_META: not dataset.file_meta,
        Flag.BURNED_IN_ANNOTATION: dataset.get("BurnedInAnnotation") == "YES",
        Flag.LOSSY: dataset.get("LossyImageCompression") == "01",
        Flag.OTHER_BODY_PART: part not in ("", MALFORMED, "THORAX") and "CHEST" not in part,
    }
    return {flag for flag, true in said.items() if true}


def code_string(dataset: Dataset, keyword: str) -> str:
    """A value of VR CS (PS3.5 6.2), upper case; empty where it is missing, MALFORMED where it is no code."""
    value = str(dataset.get(keyword) or "").strip().upper()
    return value if re.fullmatch("[A-Z0-9_ ]{0,16}", value) else MALFORMED


def _integer(dataset: Dataset, keyword: str, least: int, greatest: int) -> int:
    value = dataset.get(keyword)
    if isinstance(value, int) and least <= value <= greatest:
        return value
    tag, found = Tag(keyword), f"{int(value)}" if isinstance(value, int) else "missing or no number"
    name = f"({tag.group:04X},{tag.element:04X}) {keyword!r}"
    raise PixelsRefused(Refusal.CORRUPT, f"{name} is {found}: it must be {least} to {greatest}")


def _syntax(dataset: Dataset) -> UID:
    """The transfer syntax; where no file meta names it, the one that the data set was found to be encoded in."""
    if named := dataset.file_meta.get("TransferSyntaxUID"):
        if not named.is_valid:
            raise PixelsRefused(Refusal.CORRUPT, "(0002,0010) 'TransferSyntaxUID' is no UID")
        return UID(named)
    implicit, little = dataset.original_encoding
    if not little:
        return ExplicitVRBigEndian
    return ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian


def _view(dataset: Dataset) -> str | None:
    """View Position, or else the View Code Sequence in its words; None where neither says."""
    if (position := code_string(dataset, "ViewPosition")) not in ("", MALFORMED):
        return position
    return next((VIEW_CODES.get(str(item.get("CodeValue"))) for item in dataset.get("ViewCodeSequence") or ()), None)


def _patient_orientation(dataset: Dataset) -> tuple[str, str] | None:
    """Where rows and columns run to, by the letters of PS3.3 C.7.6.1.1.1; None where it is missing or none."""
    match dataset.get("PatientOrientation"):
        case [str(row), str(column)] if all(re.fullmatch("[APRLHF]{1,3}", letters) for letters in (row, column)):
            return row, column
    return None
