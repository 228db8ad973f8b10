"""Public DICOM files and radiographs of real machines, where they lie beside the project."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pydicom
import pytest
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

from model.pixels import Flag, PixelParams, PixelsRefused, Refusal, to_display, to_model_input

REAL = Path(__file__).resolve().parents[2] / "../shared/realdata"
pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason="no real files: ../shared/realdata is absent")
PARAMS = PixelParams()


def uncompressed() -> bytes:
    with pa.input_stream(str(REAL / "dicom/codec/RG2_UNC.zst"), compression="zstd") as stream:
        data: bytes = stream.read()
    return data


@pytest.mark.parametrize("encoding", ["J2KR", "JLSL", "JPLL", "RLE"])
def test_lossless_encodings_of_one_radiograph_are_one_input(encoding: str) -> None:
    made, reference = (to_model_input(s, PARAMS) for s in (REAL / f"dicom/codec/RG2_{encoding}", uncompressed()))
    assert made.sha256 == reference.sha256
    assert np.array_equal(made.image, reference.image)
    assert made.flags == reference.flags == (Flag.OTHER_BODY_PART,)  # a hip


@pytest.mark.parametrize(("encoding", "apart"), [("JLSN", 4), ("J2KI", 87), ("JPLY", 101)])
def test_lossy_encodings_are_close_and_said_to_be_lossy(encoding: str, apart: int) -> None:
    path = REAL / f"dicom/codec/RG2_{encoding}"
    difference = np.abs(to_display(path).astype(int) - to_display(uncompressed()))
    assert difference.max() <= apart / 4 + 1  # of 10 bits, shown in 8
    assert difference.mean() < 1
    assert Flag.LOSSY in to_model_input(path, PARAMS).flags


@pytest.mark.parametrize(
    ("name", "view", "flags"),
    [
        ("RG1_J2KI.dcm", "PA", (Flag.LOSSY,)),
        ("CR-MONO1-10-chest_noheader", "PA", (Flag.NO_FILE_META,)),
        ("nhsx_nih_dx_mono2_implicit.dcm", None, (Flag.NO_VOI, Flag.SECONDARY_CAPTURE)),
    ],
)
def test_chests_show_bright_spine_and_dark_lungs(name: str, view: str | None, flags: tuple[str, ...]) -> None:
    made = to_model_input(REAL / "dicom/chest" / name, PARAMS)
    assert (made.view, made.flags) == (view, flags)
    spine = made.image[40:70, 60:68].mean()
    assert spine > made.image[40:60, 25:50].mean() + 40
    assert spine > made.image[40:60, 80:100].mean() + 40


EDGE = {
    "2026-05-06-Deeply-Nested-Sequence.dcm": Refusal.NESTED_TOO_DEEP,
    "2026-05-26-oob-monochrome-46341.dcm": Refusal.TOO_LARGE,
    "DummyCTInvalidRows.dcm": Refusal.NOT_A_RADIOGRAPH,
    "ExplVR_BigEnd.dcm": Refusal.NOT_A_RADIOGRAPH,
    "Issue22-NoPixelData.dcm": Refusal.NOT_A_RADIOGRAPH,
    "Issue56-NoPixelData.dcm": Refusal.NO_PIXELS,
    "JPEG2000-embedded-sequence-delimiter.dcm": Refusal.NOT_A_RADIOGRAPH,
    "badVR.dcm": Refusal.NOT_A_RADIOGRAPH,
    "chrArab.dcm": Refusal.NOT_A_RADIOGRAPH,
    "chrH31.dcm": Refusal.NOT_A_RADIOGRAPH,
    "chrJapMulti.dcm": Refusal.NO_PIXELS,
    "emri_small_jpeg_2k_lossless_too_short.dcm": Refusal.NOT_A_RADIOGRAPH,
    "image_dfl.dcm": Refusal.NOT_A_RADIOGRAPH,
    "mlut_18.dcm": Refusal.NOT_A_RADIOGRAPH,
    "no_meta.dcm": Refusal.NOT_DICOM,
    "no_meta_group_length.dcm": Refusal.NOT_A_RADIOGRAPH,
    "orthanc_CR000000_header_only.dcm": Refusal.NO_PIXELS,
    "rtplan_truncated.dcm": Refusal.NOT_A_RADIOGRAPH,
    "vlut_04.dcm": Refusal.NOT_A_RADIOGRAPH,
}


@pytest.mark.parametrize("name", EDGE)
def test_edge_files_are_refused_for_what_they_are(name: str) -> None:
    with pytest.raises(PixelsRefused) as refused:
        to_model_input(REAL / "dicom/edge" / name, PARAMS)
    assert refused.value.reason == EDGE[name]


def test_no_file_is_left_out() -> None:
    assert {path.name for path in (REAL / "dicom/edge").iterdir()} == set(EDGE)
    assert len(list((REAL / "dicom/chest").iterdir())) == 3
    assert len(list((REAL / "dicom/codec").iterdir())) == 8


@pytest.mark.parametrize("name", ["mlut_18.dcm", "vlut_04.dcm", "image_dfl.dcm"])
def test_test_patterns_as_radiographs_look_as_pydicom_shows_them(name: str) -> None:
    """A modality LUT of signed pixels, a VOI LUT of 8 bits, and a deflated data set."""
    pattern = pydicom.dcmread(REAL / "dicom/edge" / name)
    pattern.Modality = "CR"
    file = io.BytesIO()
    pattern.save_as(file)
    values = apply_voi_lut(apply_modality_lut(pattern.pixel_array, pattern), pattern).astype(float)
    expected = (values - values.min()) / np.ptp(values) * 255
    assert np.abs(to_display(file.getvalue()) - expected).max() <= 0.5 + 1e-6


def test_jpegs_of_a_public_set_are_read() -> None:
    paths = sorted((REAL / "cxr512/images").glob("*.jpg"))[:20]
    made = [to_model_input(path, PARAMS) for path in paths]
    assert all(max(m.geometry.scaled_width, m.geometry.scaled_height) == PARAMS.size for m in made)
    assert len({m.sha256 for m in made}) == len(paths) == 20
