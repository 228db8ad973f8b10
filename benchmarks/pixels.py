"""How long an uncompressed radiograph of 2500 x 2048 pixels takes to become the model's input, on one core.

Its peer does the same steps with pydicom's own functions and OpenCV, without looking at what it is given. MONAI's and
torchxrayvision's readers are not among the project's packages.
"""

import io
from statistics import median
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from benchmarks.timing import Row, ratio, timed
from model.pixels import PixelParams, to_model_input

ROWS, COLUMNS = 2500, 2048
BITS = (12, 16)
BAR = 250.0
"""Milliseconds."""
ROUNDS = 9


def radiograph(bits: int = 12) -> bytes:
    """A MONOCHROME1 DX file of 12 to 16 bits: a gradient with noise."""
    brighter = 2 ** (bits - 12)
    y, x = np.mgrid[:ROWS, :COLUMNS]
    noise = np.random.default_rng(0).integers(0, 200, (ROWS, COLUMNS))
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID, ds.SOPInstanceUID, ds.Modality = DigitalXRayImageStorageForPresentation, "1.2.3", "DX"
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = ROWS, COLUMNS, 1, "MONOCHROME1"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, bits, bits - 1, 0
    ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = 1, 0, "US"
    ds.WindowCenter, ds.WindowWidth = 2048 * brighter, 3500 * brighter
    ds.PixelData = (((x + y) * 3800 // (ROWS + COLUMNS) + noise) * brighter).astype("<u2").tobytes()
    ds["PixelData"].VR = "OW"
    file = io.BytesIO()
    ds.save_as(file, enforce_file_format=True)
    return file.getvalue()


def peer(data: bytes, params: PixelParams) -> NDArray[np.uint8]:
    """The same picture by pydicom and OpenCV: uint8 (size, columns)."""
    ds = dcmread(io.BytesIO(data))
    values = apply_voi_lut(apply_modality_lut(ds.pixel_array, ds), ds, prefer_lut=False)
    grey = 255 - np.rint(255 * (values - values.min()) / np.ptp(values)).astype(np.uint8)
    small = cv2.resize(grey, (params.size * COLUMNS // ROWS, params.size), interpolation=cv2.INTER_AREA)
    tiles = (params.clahe_tiles, params.clahe_tiles)
    equalised: NDArray[np.uint8] = cv2.createCLAHE(clipLimit=params.clahe_clip_limit, tileGridSize=tiles).apply(small)
    return equalised


def measure(_threads: int) -> dict[str, Any]:
    """By the number of bits: median milliseconds of each, and the median of their ratios."""
    cv2.setNumThreads(1)
    params, found = PixelParams(), {}
    for bits in BITS:
        data = radiograph(bits)
        seconds = timed({"pixels": lambda: to_model_input(data, params), "peer": lambda: peer(data, params)}, ROUNDS)  # noqa: B023
        found[str(bits)] = {
            "pixels_ms": 1000 * median(seconds["pixels"]),
            "peer_ms": 1000 * median(seconds["peer"]),
            "peer_to_pixels": ratio(seconds["peer"], seconds["pixels"]),
        }
    return found


def rows(found: dict[str, Any]) -> list[Row]:
    table = []
    for bits, got in found.items():
        taken, times = got["pixels_ms"], got["peer_to_pixels"]
        table += [
            Row(f"DICOM of {bits} bits to model input, one core", f"<= {BAR:g} ms", f"{taken:.0f} ms", taken <= BAR),
            Row(f"the same, pydicom and OpenCV against ours, {bits} bits", "> 1x", f"{times:.2f}x", times > 1),
        ]
    return table
