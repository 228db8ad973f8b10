"""How a picture's grey values are stored in a DICOM file: depth, sign, polarity, windows, transfer syntax.

Whatever is drawn here, what is shown is the same picture, to within a grey level. Native syntaxes dominate, as in an
archive. Their bytes are the same everywhere; those of RLE, JPEG-LS and JPEG 2000 are as the pinned codecs write them.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from pipelines.sources.phantom.fields import Field, Stream

SYNTAXES: dict[UID, float] = {
    ExplicitVRLittleEndian: 0.45,
    ImplicitVRLittleEndian: 0.25,
    DeflatedExplicitVRLittleEndian: 0.05,
    ExplicitVRBigEndian: 0.05,
    RLELossless: 0.07,
    JPEGLSLossless: 0.07,
    JPEG2000Lossless: 0.06,
}
ENCODERS = {RLELossless: "pylibjpeg", JPEGLSLossless: "pyjpegls", JPEG2000Lossless: "pylibjpeg"}

KNEE = 0.6  # of the raw values that a VOI LUT straightens: below 1 they are brighter in the middle


class Voi(StrEnum):
    """How stored values become shown ones (PS3.3 C.11.2)."""

    LINEAR = "LINEAR"
    LINEAR_EXACT = "LINEAR_EXACT"
    TABLE = "VOI LUT"
    NONE = "least to greatest value"


@dataclass(frozen=True, slots=True)
class Storage:
    """`bits` 10 to 16 stored in 16; `inverted` MONOCHROME1; output value = slope * stored + intercept."""

    syntax: UID
    bits: int
    signed: bool
    inverted: bool
    slope: int
    intercept: int
    voi: Voi
    margin: float  # share of the values left unused at either end

    @classmethod
    def draw(cls, stream: Stream, modality: str) -> "Storage":
        """As a DX or a CR machine stores. DX allows no sign and no rescaling, and wants a VOI (PS3.3 C.8.11.3)."""
        syntax = stream.pick(tuple(SYNTAXES), tuple(SYNTAXES.values()))
        bits = stream.pick((10, 12, 14, 15, 16), (0.15, 0.45, 0.2, 0.1, 0.1))
        voi = stream.pick((Voi.LINEAR, Voi.LINEAR_EXACT, Voi.TABLE, Voi.NONE), (0.6, 0.08, 0.16, 0.16))
        signed, scaled = stream.chance(0.12), stream.chance(0.25)
        slope, intercept = stream.pick((1, 2)), stream.whole(-2000, 1)
        inverted, margin = stream.chance(0.6 if modality == "CR" else 0.2), stream.between(0.0, 0.2)
        if modality == "DX":
            signed, scaled, voi = False, False, Voi.LINEAR if voi is Voi.NONE else voi
        if voi is Voi.TABLE:  # a table for each of 4,096 values at most
            bits, signed, scaled = min(bits, 12), False, False
        signed = signed and syntax not in ENCODERS
        return cls(syntax, bits, signed, inverted, slope if scaled else 1, intercept if scaled else 0, voi, margin)

    @property
    def order(self) -> str:
        """Of the bytes in a word, as numpy names it."""
        return ">" if self.syntax == ExplicitVRBigEndian else "<"

    def store(self, dataset: Dataset, image: Field) -> None:
        """Put a picture, float64 (rows, columns) from 0 black to 1 white, into a data set that has its file meta.

        Without a VOI the least and greatest values of a file are black and white, so a picture that has not both gets
        a window all the same.
        """
        shown = 1.0 - image if self.inverted else image
        low = int(self.margin * (1 << self.bits)) - (1 << self.bits >> 1) * self.signed
        high = low + int((1.0 - 2.0 * self.margin) * (1 << self.bits)) - 1
        first, last = (self.slope * value + self.intercept for value in (low, high))
        if self.voi is Voi.TABLE:
            shown = shown / (shown + KNEE * (1.0 - shown))
            dataset.VOILUTSequence = Sequence([_straightened(low, high - low + 1, self.order)])
        elif self.voi is Voi.LINEAR_EXACT:
            dataset.WindowCenter, dataset.WindowWidth = f"{(first + last) / 2:g}", f"{last - first}"
            dataset.VOILUTFunction = Voi.LINEAR_EXACT.value
        elif self.voi is Voi.LINEAR or shown.min() > 0.0 or shown.max() < 1.0:
            dataset.WindowCenter, dataset.WindowWidth = f"{(first + last + 1) / 2:g}", f"{last - first + 1}"
        if (self.slope, self.intercept) != (1, 0):
            dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = (
                str(self.slope),
                str(self.intercept),
                "US",
            )
        stored: NDArray[np.int64] = low + np.rint(shown * (high - low)).astype(np.int64)
        _image_pixel(dataset, stored, self)


def _straightened(first: int, count: int, order: str) -> Dataset:
    """A VOI LUT that undoes the knee, 16 bits deep."""
    raw = np.arange(count) / (count - 1)
    entries = np.rint(65535.0 * (KNEE * raw / (1.0 - (1.0 - KNEE) * raw))).astype(f"{order}u2")
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [count, first, 16])
    item.add_new("LUTData", "OW", entries.tobytes())
    return item


def _image_pixel(dataset: Dataset, stored: NDArray[Any], storage: Storage) -> None:
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME1" if storage.inverted else "MONOCHROME2"
    dataset.Rows, dataset.Columns = stored.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, storage.bits, storage.bits - 1
    dataset.PixelRepresentation = int(storage.signed)
    words = f"{storage.order}{'i' if storage.signed else 'u'}2"
    dataset.add_new("PixelData", "OW", stored.astype(words).tobytes())
    if storage.syntax in ENCODERS:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian  # which `compress` replaces
        dataset.compress(storage.syntax, encoding_plugin=ENCODERS[storage.syntax], generate_instance_uid=False)
