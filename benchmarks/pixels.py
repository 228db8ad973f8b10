"""How long an uncompressed radiograph of 2500 x 2048 pixels takes to become the model's input, on one core.

Its peers do the same steps without looking at what they are given: with pydicom's own functions and OpenCV, and with
the readers of MONAI and torchxrayvision where those are installed, which the project does not need:

    pip install --no-deps monai torchxrayvision scikit-image lazy_loader imageio tifffile
"""

import importlib
import io
import tempfile
import warnings
from collections.abc import Callable
from functools import cache, partial
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from statistics import median
from typing import Any, cast

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


def by_pydicom(path: Path) -> NDArray[np.floating]:
    """Grey values, white high."""
    ds = dcmread(path)
    return -apply_voi_lut(apply_modality_lut(ds.pixel_array, ds), ds, prefer_lut=False)


def by_monai(path: Path) -> NDArray[np.floating]:
    """Its reader applies no window, turns no picture, and gives (columns, rows)."""
    image = importlib.import_module("monai.transforms").LoadImage(reader="PydicomReader", image_only=True)(path)
    values, ds = image.numpy().T, dcmread(path, stop_before_pixels=True)
    half = ds.WindowWidth / 2
    windowed: NDArray[np.floating] = -np.clip(values, ds.WindowCenter - half, ds.WindowCenter + half)
    return windowed


def by_torchxrayvision(path: Path) -> NDArray[np.floating]:
    """Its module of readers alone: the package as a whole wants a `model` of its own."""
    with warnings.catch_warnings(action="ignore"):  # that it turns the picture
        read: NDArray[np.floating] = torchxrayvision_readers().read_xray_dcm(path)
    return read


@cache
def torchxrayvision_readers() -> Any:
    (folder,) = cast(ModuleSpec, find_spec("torchxrayvision")).submodule_search_locations or [""]
    spec = cast(ModuleSpec, spec_from_file_location("torchxrayvision_readers", Path(folder) / "utils.py"))
    module = module_from_spec(spec)
    cast(Loader, spec.loader).exec_module(module)
    return module


PEERS: dict[str, tuple[str, Callable[[Path], NDArray[np.floating]]]] = {
    "pydicom and OpenCV": ("pydicom", by_pydicom),
    "MONAI's reader": ("monai", by_monai),
    "torchxrayvision's reader": ("torchxrayvision", by_torchxrayvision),
}
"""By name: the package, and what reads with it."""


def finished(values: NDArray[np.floating], params: PixelParams) -> NDArray[np.uint8]:
    """What follows the reading: uint8 (size, columns)."""
    grey = np.rint(255 * (values - values.min()) / np.ptp(values)).astype(np.uint8)
    small = cv2.resize(grey, (params.size * COLUMNS // ROWS, params.size), interpolation=cv2.INTER_AREA)
    tiles = (params.clahe_tiles, params.clahe_tiles)
    equalised: NDArray[np.uint8] = cv2.createCLAHE(clipLimit=params.clahe_clip_limit, tileGridSize=tiles).apply(small)
    return equalised


def measure(_threads: int) -> dict[str, Any]:
    """On one core, see `measured`."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        return measured(PixelParams())
    finally:
        cv2.setNumThreads(threads)


def measured(params: PixelParams) -> dict[str, Any]:
    """By the number of bits: median milliseconds of ours and of each peer, and the median of their ratios to ours."""
    found = {}
    there = {name: read for name, (package, read) in PEERS.items() if find_spec(package)}
    with tempfile.TemporaryDirectory() as folder:
        for bits in BITS:
            path = Path(folder) / f"{bits}.dcm"
            path.write_bytes(radiograph(bits))
            peers = {name: partial(drawn_by, read, path, params) for name, read in there.items()}
            seconds = timed({"pixels": partial(to_model_input, path, params), **peers}, ROUNDS)
            found[str(bits)] = {
                "pixels_ms": 1000 * median(seconds["pixels"]),
                "peers": {
                    name: {"ms": 1000 * median(seconds[name]), "ratio": ratio(seconds[name], seconds["pixels"])}
                    for name in peers
                },
            }
    return found


def drawn_by(read: Callable[[Path], NDArray[np.floating]], path: Path, params: PixelParams) -> NDArray[np.uint8]:
    return finished(read(path), params)


def rows(found: dict[str, Any]) -> list[Row]:
    table = []
    for bits, got in found.items():
        taken = got["pixels_ms"]
        table.append(
            Row(f"DICOM of {bits} bits to model input, one core", f"<= {BAR:g} ms", f"{taken:.0f} ms", taken <= BAR)
        )
        for name in PEERS:
            times = got["peers"].get(name, {}).get("ratio")
            measured = "not installed here" if times is None else f"{times:.2f}x"
            met = None if times is None else times > 1
            table.append(Row(f"the same, {name} against ours, {bits} bits", "> 1x", measured, met))
    return table
