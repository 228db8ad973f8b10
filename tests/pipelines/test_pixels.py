"""`radassist pixels` as a shell sees it: JSON on standard output, exit codes, one line on standard error."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.pixels import PixelParams, to_model_input
from pipelines.cli import main


@pytest.fixture
def radiograph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A 60 x 100 grey PNG in an empty current folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "chest.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (100, 60), np.uint8)).save(path)
    return path


def test_json_and_picture_of_what_the_model_sees(radiograph: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pixels", str(radiograph), "--out", "seen.png"]) == 0
    made = to_model_input(radiograph, PixelParams())
    assert json.loads(capsys.readouterr().out) == {
        "geometry": {
            "original_width": 60,
            "original_height": 100,
            "scaled_width": 77,
            "scaled_height": 128,
            "pad_left": 25,
            "pad_top": 0,
            "size": 128,
        },
        "view": None,
        "flags": ["upscaled"],
        "params_sha256": PixelParams().sha256(),
        "sha256": made.sha256,
    }
    with Image.open("seen.png") as seen:
        assert np.array_equal(np.asarray(seen), made.image)


def test_parameters_of_the_current_folder_are_used(radiograph: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shipped = Path(__file__).resolve().parents[2] / "params.yaml"
    Path("params.yaml").write_text(shipped.read_text().replace("  size: 128", "  size: 64"))
    assert main(["pixels", str(radiograph)]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["geometry"]["size"] == 64
    assert shown["params_sha256"] == PixelParams(size=64).sha256()


def test_a_refusal_is_json_and_exit_code_2(radiograph: Path, capfd: pytest.CaptureFixture[str]) -> None:
    radiograph.write_bytes(b"%PDF-1.7 a letter")
    assert main(["pixels", str(radiograph)]) == 2
    captured = capfd.readouterr()
    refused = json.loads(captured.out)
    assert refused["refused"] == "not_dicom"
    assert captured.err == f"radassist pixels: not_dicom: {refused['detail']}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.dcm"], "absent.dcm: No such file or directory; pass a DICOM, PNG or JPEG file"),
        (["."], ".: Is a directory; pass a DICOM, PNG or JPEG file"),
        (
            ["chest.png", "--out", "no/such/folder.png"],
            "--out no/such/folder.png: No such file or directory; name a file",
        ),
    ],
)
def test_bad_arguments_are_one_line(
    radiograph: Path, arguments: list[str], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["pixels", *arguments]) == 2
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"radassist pixels: {message}")
    assert captured.err.count("\n") == 1
