"""How long an uncompressed radiograph of 2500 x 2048 pixels takes to become the model's input, on one core.

Its peer does the same steps with pydicom's own functions and OpenCV, without looking at what it is given. Both are
timed in turn, so that what else the machine does weighs on both.

    python -m benchmarks.pixels [--rounds 15]
"""

import argparse
import io
import json
from statistics import median
from time import perf_counter

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from model.pixels import PixelParams, to_model_input

ROWS, COLUMNS = 2500, 2048


def radiograph() -> bytes:
    """A 12-bit MONOCHROME1 DX file: a gradient with noise."""
    y, x = np.mgrid[:ROWS, :COLUMNS]
    noise = np.random.default_rng(0).integers(0, 200, (ROWS, COLUMNS))
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID, ds.SOPInstanceUID, ds.Modality = DigitalXRayImageStorageForPresentation, "1.2.3", "DX"
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = ROWS, COLUMNS, 1, "MONOCHROME1"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = 1, 0, "US"
    ds.WindowCenter, ds.WindowWidth = 2048, 3500
    ds.PixelData = ((x + y) * 3800 // (ROWS + COLUMNS) + noise).astype("<u2").tobytes()
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


def measure(rounds: int) -> dict[str, float]:
    """Median milliseconds of each, and their ratio."""
    data, params = radiograph(), PixelParams()
    cv2.setNumThreads(1)
    seconds: dict[str, list[float]] = {"pixels": [], "peer": []}
    for _ in range(rounds):
        for name, function in (("pixels", to_model_input), ("peer", peer)):
            start = perf_counter()
            function(data, params)
            seconds[name].append(perf_counter() - start)
    pixels, by_peer = (1000 * median(seconds[name]) for name in ("pixels", "peer"))
    return {"pixels_ms": round(pixels, 1), "peer_ms": round(by_peer, 1), "ratio": round(pixels / by_peer, 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    print(json.dumps(measure(parser.parse_args().rounds)))


if __name__ == "__main__":
    main()
