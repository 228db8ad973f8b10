import json
from pathlib import Path

import pytest

from model.artefact import open_artefact, seal
from model.errors import BadInput


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text(
        json.dumps({"pixels": {"size": 64, "clahe_clip_limit": 2.0, "clahe_tiles": 8}})
    )
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    seal(tmp_path, {"data_md5": "abc"})
    return tmp_path


def test_a_sealed_folder_opens_and_says_where_it_came_from(folder: Path) -> None:
    artefact = open_artefact(folder)
    assert artefact.manifest["data_md5"] == "abc"
    assert artefact.pixels.size == 64


def test_one_changed_byte_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"weightz")
    with pytest.raises(BadInput, match=r"model\.safetensors .* sha256 differs"):
        open_artefact(folder)


def test_a_pickle_is_refused_even_when_listed(folder: Path) -> None:
    (folder / "extra.pkl").write_bytes(b"x")
    seal(folder, {})
    with pytest.raises(BadInput, match=r"extra\.pkl"):
        open_artefact(folder)


@pytest.mark.parametrize("name", ["../outside.json", "/etc/passwd.json"])
def test_a_path_that_leaves_the_folder_is_refused(folder: Path, name: str) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][name] = "0" * 64
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BadInput, match=r"outside|passwd"):
        open_artefact(folder)


def test_an_unlisted_file_is_refused(folder: Path) -> None:
    (folder / "more.json").write_text("{}")
    with pytest.raises(BadInput, match="same files"):
        open_artefact(folder)


def test_a_model_of_another_pixel_pipeline_is_refused(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["pixels_sha256"] = "f" * 64
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BadInput, match="pixel"):
        open_artefact(folder)
