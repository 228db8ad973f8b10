"""What of an image file is kept: its pixels as they are encoded, what they mean, and nothing that tells of a person.

DICOM follows an allow-list, the strictest way of PS3.15 E.1: an attribute that is not named here does not pass, private
ones and whole sequences included, and one that is must be of the form that it always has. No free text is among them,
since a wrong length or tag makes a name the value of whatever stands beside it. UIDs become keyed hashes.
"""

import io
import re
from dataclasses import dataclass

import numpy as np
import pydicom
from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.tag import Tag
from pydicom.uid import UID, RLELossless

from model.pixels import PixelsRefused, Refusal
from model.pixels.decode import CODECS
from model.pixels.header import VIEW_CODES, Header, read_header
from model.pixels.refusal import PARSER_FAULTS
from pipelines.bare import JPEG_SIGNATURE, PNG_SIGNATURE, bare_jpeg, bare_jpeg2000, bare_png, bare_rle
from pipelines.pseudonyms import Pseudonyms

PIXEL_DATA = Tag("PixelData")
ITEM = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")  # what encapsulated Pixel Data begins with (PS3.5 A.4)
GREY_SCALE = [Tag(keyword) for keyword in ("RescaleIntercept", "RescaleSlope", "WindowCenter", "WindowWidth")]

IMPLEMENTATION_UID = UID("2.25.137866340116917153273163217113446190219")

HASHED_UIDS = ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")


def _terms(*terms: str) -> str:
    """One of these, or several of them, as a code string has them (PS3.5 6.2)."""
    return rf"(?:(?:{'|'.join(terms)}) *\\?)+"


def _words(*words: str) -> str:
    """These, in any order and number."""
    return rf"(?:(?:{'|'.join(words)})\b[ _]*)+"


def _numbers(most: int) -> str:
    """So many decimal or integer strings at most (PS3.5 6.2), below a million: a date has eight digits."""
    number = r" *[-+]?(?:\d{1,6}(?:\.\d{0,16})?|\.\d{1,16})(?:[eE][-+]?\d{1,3})? *"
    return rf"{number}(?:\\{number}){{0,{most - 1}}}"


def _bytes(count: int) -> str:
    return rf"(?s:.){{{count}}}"


VIEWS = _words(
    "AP", "PA", "LL", "RL", "LATERAL", "LAT", "LEFT", "RIGHT", "LLD", "RLD", "LAO", "RAO", "LPO", "RPO", "LLO", "RLO",
    "AXIAL", "OBLIQUE", "XTABLE", "SWIMMERS", "LORDOTIC", "DECUBITUS", "ERECT", "SUPINE", "PORTABLE",
)  # fmt: skip
PARTS = _words(
    "CHEST", "THORAX", "LUNG", "RIB", "RIBS", "STERNUM", "HEART", "CLAVICLE", "SHOULDER", "ABDOMEN", "PELVIS", "SPINE",
    "CSPINE", "TSPINE", "LSPINE", "NECK", "SKULL", "HEAD", "HIP", "KNEE", "ANKLE", "FOOT", "LEG", "HAND", "WRIST",
    "ELBOW", "ARM", "PORT", "PORTABLE", "AP", "PA", "LAT",
)  # fmt: skip
UNITS = _terms("US", "HU", "OD", "MGML", "Z_EFF", "ED", "EDW", "HU_MOD", "PCT")

# fmt: off
KEPT: dict[str, str] = {
    # SOP Common, General Series and Image (PS3.3 C.12.1, C.7.3.1, C.7.6.1)
    "SOPClassUID": r"[0-9.]{1,64}", "SOPInstanceUID": r"[0-9.]{1,64}", "StudyInstanceUID": r"[0-9.]{1,64}",
    "SeriesInstanceUID": r"[0-9.]{1,64}",
    "Modality": _terms("CR", "DX", "RG"), "ImageType": _terms("ORIGINAL", "DERIVED", "PRIMARY", "SECONDARY"),
    "PresentationIntentType": _terms("FOR PRESENTATION"), "BodyPartExamined": PARTS,
    "Laterality": "[RLUB] ?", "ImageLaterality": "[RLUB] ?",
    "PatientOrientation": r"[AFHLPR]{1,3} *\\[AFHLPR]{1,3} *", "ViewPosition": VIEWS,
    "BurnedInAnnotation": _terms("YES", "NO"), "LossyImageCompression": "0[01]",
    "LossyImageCompressionRatio": _numbers(8), "LossyImageCompressionMethod": _terms(r"ISO_\d{4,5}_\d{1,2}"),
    # Image Pixel (C.7.6.3)
    "SamplesPerPixel": _bytes(2), "PhotometricInterpretation": "MONOCHROME[12] ?", "PlanarConfiguration": _bytes(2),
    "NumberOfFrames": _numbers(1), "Rows": _bytes(2), "Columns": _bytes(2), "PixelAspectRatio": _numbers(2),
    "BitsAllocated": _bytes(2), "BitsStored": _bytes(2), "HighBit": _bytes(2), "PixelRepresentation": _bytes(2),
    "PixelPaddingValue": _bytes(2), "PixelPaddingRangeLimit": _bytes(2),
    # Modality LUT, VOI LUT and presentation (C.11.1, C.11.2, C.11.6, C.8.11.3)
    "RescaleIntercept": _numbers(1), "RescaleSlope": _numbers(1), "RescaleType": UNITS,
    "WindowCenter": _numbers(64), "WindowWidth": _numbers(64),
    "VOILUTFunction": _terms("LINEAR_EXACT", "LINEAR", "SIGMOID"),
    "PresentationLUTShape": _terms("IDENTITY", "INVERSE"),
    "PixelIntensityRelationship": _terms("LIN", "LOG", "DISP"), "PixelIntensityRelationshipSign": _bytes(2),
    # geometry (C.7.6.2, 10.7, C.8.7.10)
    "PixelSpacing": _numbers(2), "ImagerPixelSpacing": _numbers(2), "NominalScannedPixelSpacing": _numbers(2),
    "PixelSpacingCalibrationType": _terms("GEOMETRY", "FIDUCIAL"),
    "EstimatedRadiographicMagnificationFactor": _numbers(1), "DistanceSourceToDetector": _numbers(1),
    "DistanceSourceToPatient": _numbers(1),
}
"""Attributes by the form of their bytes, padding aside. Pixel Data stands apart."""

LUT = {"LUTDescriptor": _bytes(6), "LUTData": r"(?s:.){1,131072}", "ModalityLUTType": UNITS}
KEPT_SEQUENCES: dict[str, dict[str, str]] = {
    "ViewCodeSequence": {"CodeValue": "|".join(VIEW_CODES), "CodingSchemeDesignator": "SCT|SRT|SNM3|99SDM"},
    "ModalityLUTSequence": LUT,
    "VOILUTSequence": LUT,
}
# fmt: on


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
    if header.syntax not in CODECS:
        raise PixelsRefused(Refusal.UNSUPPORTED_SYNTAX, "no decoder for the transfer syntax")
    dataset = pydicom.dcmread(io.BytesIO(content), force=True)
    device = _device(dataset)
    _keep(dataset, KEPT, KEPT_SEQUENCES)
    if (sop_class := UID(dataset.get("SOPClassUID") or "")).name == sop_class:  # none that the standard names
        dataset.pop("SOPClassUID", None)
    for keyword in HASHED_UIDS:
        if keyword in dataset:
            setattr(dataset, keyword, pseudonyms.uid(str(dataset[keyword].value)))
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = "RadAssist allow-list"
    dataset.preamble = bytes(128)
    dataset.file_meta = _file_meta(dataset, header.syntax)
    dataset[PIXEL_DATA] = _pixel_data(header)
    out = io.BytesIO()
    dataset.save_as(out)
    view = header.view if re.fullmatch(VIEWS, header.view or "") else None
    return StoredImage(out.getvalue(), "dcm", view, dataset.get("Modality"), device)


def _keep(dataset: Dataset, shapes: dict[str, str], sequences: dict[str, dict[str, str]]) -> None:
    """Drop all other attributes, and those of another form; what stays keeps its bytes.

    Raises:
        PixelsRefused: a number is none that the grey scale depends on.
    """
    shape_of = {Tag(keyword): shape for keyword, shape in shapes.items()}
    items_of = {Tag(keyword): shapes for keyword, shapes in sequences.items()}
    for tag in list(dataset.keys()):
        if tag in items_of:
            for item in dataset[tag].value:
                _keep(item, items_of[tag], {})
                _cut_lut(item)
            continue
        value = dataset.get_item(tag).value
        if not (isinstance(value, bytes) and _has_form(value, shape_of.get(tag))):
            if tag in GREY_SCALE and value:
                raise PixelsRefused(Refusal.CORRUPT, f"{keyword_for_tag(tag)} is no number")
            del dataset[tag]


def _has_form(value: bytes, shape: str | None) -> bool:
    """Whether a value as it stands in the file is of a form, padding aside (PS3.5 6.2)."""
    return shape is not None and bool(re.fullmatch(f"(?:{shape})[ \0]*".encode(), value))


def _cut_lut(item: Dataset) -> None:
    """LUT Data ends with its last entry; the descriptor says how many there are (PS3.3 C.11.1.1.1)."""
    data, descriptor = item.get_item("LUTData"), item.get_item("LUTDescriptor")
    if isinstance(data, RawDataElement) and isinstance(descriptor, RawDataElement):
        entries = int.from_bytes(descriptor.value[:2], "little" if descriptor.is_little_endian else "big") or 1 << 16
        value = data.value[: 2 * entries]
        item[data.tag] = data._replace(value=value, length=len(value))


def _pixel_data(header: Header) -> DataElement:
    """Pixel Data that ends where the picture does, with nothing in the bits that no pixel is stored in (PS3.5 8)."""
    data = bytes(header.dataset.PixelData)
    pixels = header.rows * header.columns
    if header.syntax.is_encapsulated:
        frame = get_frame(data, 0, number_of_frames=1)
        element = DataElement(PIXEL_DATA, "OB", encapsulate([_bare_frame(frame, header.syntax, pixels)]))
        element.is_undefined_length = True
        return element
    if data.startswith(ITEM):
        raise PixelsRefused(Refusal.CORRUPT, "Pixel Data is encapsulated and its transfer syntax is not")
    size = pixels * header.bits_allocated // 8
    if len(data) < size:
        raise PixelsRefused(Refusal.CORRUPT, f"Pixel Data has {len(data)} bytes: the image needs {size}")
    if header.bits_allocated == 16:
        words = np.frombuffer(data[:size], "<u2" if header.little_endian else ">u2")
        mask = (1 << header.high_bit + 1) - (1 << header.high_bit + 1 - header.bits_stored)
        data = (words & mask).astype(words.dtype).tobytes()
    return DataElement(PIXEL_DATA, "OW", data[:size] + bytes(size % 2))


def _bare_frame(frame: bytes, syntax: UID, pixels: int) -> bytes:
    if syntax == RLELossless:
        return bare_rle(frame, pixels)
    return bare_jpeg(frame) if frame[:2] == JPEG_SIGNATURE[:2] else bare_jpeg2000(frame)


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


def _device(dataset: Dataset) -> str | None:
    """Make and model, for the manifest; None where either is no plain text of its length (LO, PS3.5 6.2)."""
    names = [str(dataset.get(keyword) or "").strip() for keyword in ("Manufacturer", "ManufacturerModelName")]
    if not all(re.fullmatch(r"[ -~]{0,64}", name) for name in names):
        return None
    return " ".join(filter(None, names)) or None
