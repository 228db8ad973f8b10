"""What of an image file is kept: its pixels as they are encoded, what they mean, and nothing that tells of a person.

DICOM follows an allow-list, the strictest way of PS3.15 E.1: an attribute that is not named here does not pass, private
ones and whole sequences included. UIDs become keyed hashes. PNG and JPEG keep the segments that make the picture.
"""

import io
import struct
from dataclasses import dataclass

import pydicom
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID

from model.pixels import PixelsRefused, Refusal
from model.pixels.header import read_header
from model.pixels.refusal import PARSER_FAULTS
from pipelines.pseudonyms import Pseudonyms

IMPLEMENTATION_UID = UID("2.25.137866340116917153273163217113446190219")

HASHED_UIDS = ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")

# fmt: off
KEPT = [
    # SOP Common, General Series and Image (PS3.3 C.12.1, C.7.3.1, C.7.6.1)
    "SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Modality",
    "ImageType", "PresentationIntentType", "BodyPartExamined", "Laterality", "ImageLaterality",
    "PatientOrientation", "ViewPosition", "ViewCodeSequence", "ViewModifierCodeSequence",
    "AnatomicRegionSequence", "BurnedInAnnotation", "LossyImageCompression", "LossyImageCompressionRatio",
    "LossyImageCompressionMethod",
    # Equipment (C.7.5.1), make and model alone
    "Manufacturer", "ManufacturerModelName",
    # Image Pixel (C.7.6.3)
    "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames", "Rows", "Columns",
    "PixelAspectRatio", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
    "SmallestImagePixelValue", "LargestImagePixelValue", "PixelPaddingValue", "PixelPaddingRangeLimit",
    "ExtendedOffsetTable", "ExtendedOffsetTableLengths", "PixelData",
    # Modality LUT, VOI LUT and presentation (C.11.1, C.11.2, C.11.6, C.8.11.3)
    "ModalityLUTSequence", "RescaleIntercept", "RescaleSlope", "RescaleType", "VOILUTSequence", "WindowCenter",
    "WindowWidth", "VOILUTFunction", "PresentationLUTShape", "PixelIntensityRelationship",
    "PixelIntensityRelationshipSign",
    # geometry (C.7.6.2, 10.7, C.8.7.10)
    "PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelSpacingCalibrationType",
    "EstimatedRadiographicMagnificationFactor", "DistanceSourceToDetector", "DistanceSourceToPatient",
]
# fmt: on

KEPT_IN_SEQUENCES = [
    "LUTDescriptor",
    "LUTData",
    "ModalityLUTType",
    "CodeValue",
    "CodingSchemeDesignator",
    "CodeMeaning",
]

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_KEPT = {b"IHDR", b"PLTE", b"tRNS", b"sBIT", b"gAMA", b"cHRM", b"sRGB", b"pHYs", b"IDAT", b"IEND"}

JPEG_SIGNATURE = b"\xff\xd8\xff"


@dataclass(frozen=True, slots=True)
class StoredImage:
    """The bytes that are kept, the extension they go by, and what a DICOM header says of the picture."""

    content: bytes
    extension: str
    view: str | None = None
    modality: str | None = None
    device: str | None = None


def stored_form(content: bytes, pseudonyms: Pseudonyms) -> StoredImage:
    """The de-identified form of a DICOM, PNG or JPEG file; decoded, it gives the same pixels bit for bit.

    Raises:
        PixelsRefused: the file is none of the three, no radiograph, or too damaged to tell its parts apart.
    """
    try:
        if content.startswith(PNG_SIGNATURE):
            return StoredImage(bare_png(content), "png")
        if content.startswith(JPEG_SIGNATURE):
            return StoredImage(bare_jpeg(content), "jpg")
        return _bare_dicom(content, pseudonyms)
    except PARSER_FAULTS as fault:  # without its text, which may quote the header
        raise PixelsRefused(Refusal.CORRUPT, f"reading the file's parts: {type(fault).__name__}") from fault


def _bare_dicom(content: bytes, pseudonyms: Pseudonyms) -> StoredImage:
    header = read_header(content)
    dataset = pydicom.dcmread(io.BytesIO(content), force=True)
    _keep(dataset, KEPT)
    for keyword in HASHED_UIDS:
        if keyword in dataset:
            setattr(dataset, keyword, pseudonyms.uid(str(dataset[keyword].value)))
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = "RadAssist allow-list"
    dataset.preamble = bytes(128)
    dataset.file_meta = _file_meta(dataset, header.syntax)
    out = io.BytesIO()
    dataset.save_as(out)
    return StoredImage(
        out.getvalue(),
        "dcm",
        view=header.view,
        modality=_text(dataset, "Modality"),
        device=" ".join(filter(None, (_text(dataset, "Manufacturer"), _text(dataset, "ManufacturerModelName"))))
        or None,
    )


def _keep(dataset: Dataset, keywords: list[str]) -> None:
    """Drop all other attributes; what stays keeps its bytes, and sequences lose all but their own list."""
    kept = {tag_for_keyword(keyword) for keyword in keywords}
    for tag in list(dataset.keys()):
        if tag not in kept:
            del dataset[tag]
        elif "SQ" in (dictionary_VR(tag), dataset.get_item(tag).VR):  # whatever the file calls a sequence is one
            for item in dataset[tag].value:
                _keep(item, KEPT_IN_SEQUENCES)


def _file_meta(dataset: Dataset, syntax: UID) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.FileMetaInformationGroupLength = 0  # set on writing
    meta.FileMetaInformationVersion = b"\x00\x01"
    if "SOPClassUID" in dataset:
        meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    if "SOPInstanceUID" in dataset:
        meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = syntax
    meta.ImplementationClassUID = IMPLEMENTATION_UID
    meta.ImplementationVersionName = "RADASSIST"
    return meta


def _text(dataset: Dataset, keyword: str) -> str | None:
    return str(dataset.get(keyword) or "").strip() or None


def bare_png(content: bytes) -> bytes:
    """The chunks that make the picture (PNG, third edition, 11.2 and 11.3.2): no text, time, EXIF or profile."""
    kept, at = [PNG_SIGNATURE], len(PNG_SIGNATURE)
    while at < len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        end = at + 12 + length
        if end > len(content):
            raise PixelsRefused(Refusal.CORRUPT, "truncated PNG file")
        if kind in PNG_KEPT:
            kept.append(content[at:end])
        if kind == b"IEND":
            return b"".join(kept)
        at = end
    raise PixelsRefused(Refusal.CORRUPT, "truncated PNG file")


def bare_jpeg(content: bytes) -> bytes:
    """The segments that make the picture (ITU-T T.81 B.1.1): of the application segments only JFIF's header without its
    thumbnail and Adobe's colour transform, no comments, nothing behind the end of the image."""
    kept, at = [b"\xff\xd8"], 2
    while at + 4 <= len(content):
        marker = content[at + 1]
        if content[at] != 0xFF:
            raise PixelsRefused(Refusal.CORRUPT, "damaged JPEG file")
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker == 0xD9:
            break
        end = at + 2 + struct.unpack_from(">H", content, at + 2)[0]
        segment = content[at:end]
        if marker == 0xDA:
            end = _end_of_scan(content, end)
            kept.append(content[at:end])
        elif marker == 0xE0 and segment[4:9] == b"JFIF\0":
            kept.append(b"\xff\xe0\x00\x10" + segment[4:16] + b"\0\0")
        elif not (0xE0 <= marker <= 0xEF or marker == 0xFE) or (marker == 0xEE and segment[4:9] == b"Adobe"):
            kept.append(segment)
        at = end
    if content[at : at + 2] != b"\xff\xd9":
        raise PixelsRefused(Refusal.CORRUPT, "truncated JPEG file")
    return b"".join([*kept, b"\xff\xd9"])


def _end_of_scan(content: bytes, start: int) -> int:
    """Where the entropy-coded data from `start` on ends: at the next marker that is neither stuffing nor a restart."""
    at = start
    while (at := content.find(b"\xff", at)) >= 0 and at + 1 < len(content):
        if content[at + 1] == 0 or 0xD0 <= content[at + 1] <= 0xD7:
            at += 2
        else:
            return at
    raise PixelsRefused(Refusal.CORRUPT, "truncated JPEG file")
