"""From stored bits to the 8 bits that a person looks at: modality, VOI, presentation (PS3.3 C.11, PS3.4 N.2).

All of it is one function of the stored value, so it is worked out once for each of the at most 65,536 codes, in double
precision, and looked up for the pixels.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from model.pixels.flag import Flag
from model.pixels.header import Header, code_string
from model.pixels.refusal import parser_faults

Values = NDArray[np.floating]

GREATEST_RESCALE = 1e9
"""A slope or intercept beyond it is no unit's, and would drown the stored values in rounding."""


def render(header: Header, codes: NDArray[np.uint16]) -> tuple[NDArray[np.uint8], frozenset[Flag]]:
    """The image as displayed.

    Args:
        codes: uint16 (H, W), as `decode` returns them.

    Returns:
        uint8 (H, W), black 0 and white 255 whatever the photometric interpretation, and remarks.

    Raises:
        PixelsRefused: corrupt, for a header that cannot be read or a modality LUT that breaks the standard.
    """
    with parser_faults("reading the grey scale"):
        stored = np.arange(1 << header.bits_stored, dtype=np.int64)
        if header.signed:
            stored[len(stored) // 2 :] -= len(stored)
        values, modality_flags = _modality(header, stored)
        voi, voi_flags = _voi(header, values)
        grey = voi(values) if voi else span(values, *_extent(header, codes, stored, values))
        inverted, presentation_flags = _inverted(header)
    table = eight_bit(1 - grey if inverted else grey)
    flags = modality_flags | voi_flags | presentation_flags
    return table[codes], frozenset(flags)


def span(values: Values, low: float, high: float) -> Values:
    """[low, high] onto [0, 1], clipped; mid-grey where that is one value."""
    if low == high:
        return np.full(values.shape, 0.5)
    return ((values - low) / (high - low)).clip(0, 1)


def eight_bit(grey: Values) -> NDArray[np.uint8]:
    """[0, 1] to 0 to 255. Halves go up, and what the last bits make of a half does not matter, so that an image and
    its MONOCHROME1 twin render alike."""
    levels: NDArray[np.uint8] = np.floor(grey * 255 + (0.5 + 1e-9)).astype(np.uint8)
    return levels


@dataclass(frozen=True, slots=True)
class LookupTable:
    """A modality or VOI LUT (PS3.3 C.11.1.1, C.11.2.1.1): `entries` from input value `first` on, constant outside."""

    first: int
    entries: Values

    def __call__(self, values: Values) -> Values:
        index = (np.rint(values).astype(np.int64) - self.first).clip(0, len(self.entries) - 1)
        return np.take(self.entries, index)

    def scaled(self) -> "LookupTable":
        """Its greatest entry as 1: vendors declare 16 bits and fill 12, and would be black by the declaration."""
        return LookupTable(self.first, self.entries / self.entries.max())


@dataclass(frozen=True, slots=True)
class Window:
    """A VOI window (PS3.3 C.11.2.1.2, C.11.2.1.3). `width` >= 1 for LINEAR, > 0 for LINEAR_EXACT and SIGMOID."""

    center: float
    width: float
    function: str = "LINEAR"

    @property
    def valid(self) -> bool:
        least = 1 if self.function == "LINEAR" else np.nextafter(0, 1)
        return bool(np.isfinite(self.center)) and least <= self.width < np.inf

    def __call__(self, values: Values) -> Values:
        if self.function == "SIGMOID":  # 1 / (1 + exp(-4 (x - c) / w)), which cannot overflow in this form
            grey: Values = (1 + np.tanh(2 * (values - self.center) / self.width)) / 2
            return grey
        low = self.center - self.width / 2
        high = low + self.width
        if self.function == "LINEAR":
            high -= 1
        return (values > low).astype(np.float64) if low == high else span(values, low, high)


def _modality(header: Header, stored: NDArray[np.int64]) -> tuple[Values, set[Flag]]:
    """The modality LUT, or else slope and intercept, of each stored value."""
    if sequence := header.dataset.get("ModalityLUTSequence"):
        return _lookup_table(sequence[0], stored.max(), header.little_endian)(stored.astype(np.float64)), set()
    slope, intercept = _numbers(header.dataset, "RescaleSlope"), _numbers(header.dataset, "RescaleIntercept")
    if not slope and not intercept:
        return stored.astype(np.float64), set()
    a, b = slope[0] if slope else 1.0, intercept[0] if intercept else 0.0
    if a == 0 or not max(abs(a), abs(b)) < GREATEST_RESCALE:
        return stored.astype(np.float64), {Flag.INVALID_RESCALE}
    return a * stored + b, set()


def _voi(header: Header, values: Values) -> tuple[Callable[[Values], Values] | None, set[Flag]]:
    """The first usable VOI LUT, or else the first usable window: several are alternative views."""
    flags: set[Flag] = set()
    for candidate in _candidates(header, values.max()):
        if candidate:
            return candidate, flags
        flags.add(Flag.INVALID_VOI)
    return None, flags | {Flag.NO_VOI}


def _candidates(header: Header, greatest: float) -> Iterator[LookupTable | Window | None]:
    """VOI LUTs, then windows, as the header lists them; None for one that breaks the standard."""
    dataset = header.dataset
    for item in dataset.get("VOILUTSequence") or ():
        try:
            table = _lookup_table(item, greatest, header.little_endian)
        except ValueError:
            yield None
        else:
            yield table.scaled() if table.entries.max() > 0 else None
    centers, widths = _numbers(dataset, "WindowCenter"), _numbers(dataset, "WindowWidth")
    function = code_string(dataset, "VOILUTFunction") or "LINEAR"
    if len(centers) != len(widths) or function not in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        yield None
        function = "LINEAR"
    for center, width in zip(centers, widths, strict=False):
        window = Window(center, width, function)
        yield window if window.valid else None


def _lookup_table(item: Dataset, greatest: float, little_endian: bool) -> LookupTable:
    """One item of a LUT sequence.

    8-bit entries come packed in bytes or one to a word, whatever the descriptor says, so the length decides.

    Raises:
        ValueError: the descriptor or the data break the standard.
    """
    descriptor, data = item.get("LUTDescriptor"), item.get("LUTData")
    if descriptor is None or len(descriptor) != 3 or data is None:
        raise ValueError("a LUT needs a LUTDescriptor of three values and LUTData")
    count, first = int(descriptor[0]) or 1 << 16, int(descriptor[1])
    if first > greatest and first >= 1 << 15:  # a negative value, written as unsigned
        first -= 1 << 16
    if not isinstance(data, bytes):
        data = np.atleast_1d(np.asarray(data)).astype("<u2").tobytes()
    elif not little_endian:
        data = np.frombuffer(data, ">u2").astype("<u2").tobytes()
    words = len(data) >= 2 * count
    if not words and len(data) < count:
        raise ValueError(f"LUTData has {len(data)} bytes for {count} entries")
    entries = np.frombuffer(data, "<u2" if words else "u1", count)
    return LookupTable(first, entries.astype(np.float64))


def _extent(
    header: Header, codes: NDArray[np.uint16], stored: NDArray[np.int64], values: Values
) -> tuple[float, float]:
    """Least and greatest value in the image, pixel padding (PS3.3 C.7.5.1.1.2) left out unless it is all there is."""
    present = np.zeros(len(stored), np.bool_)
    present[codes] = True
    limits = [header.dataset.get(keyword) for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit")]
    if padding := [stored[int(limit) & (len(stored) - 1)] for limit in limits if limit is not None]:
        image = present & ((stored < min(padding)) | (stored > max(padding)))
        present = image if image.any() else present
    return float(values[present].min()), float(values[present].max())


def _inverted(header: Header) -> tuple[bool, set[Flag]]:
    """Whether the least value is white: Presentation LUT Shape decides (PS3.3 C.11.6), or else MONOCHROME1."""
    monochrome1 = header.photometric == "MONOCHROME1"
    shape = code_string(header.dataset, "PresentationLUTShape")
    inverted = {"IDENTITY": False, "INVERSE": True}.get(shape, monochrome1)
    legal = shape in ("", "INVERSE" if monochrome1 else "IDENTITY")
    return inverted, set() if legal else {Flag.ILLEGAL_PRESENTATION}


def _numbers(dataset: Dataset, keyword: str) -> list[float]:
    """The values of a decimal string; an empty element has none."""
    value = dataset.get(keyword)
    if value is None:
        return []
    return [float(part) for part in (value if isinstance(value, Sequence) else [value])]
