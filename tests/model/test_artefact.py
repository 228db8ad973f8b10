import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from model.artefact import copy_without, is_pickle, open_artefact, seal
from model.errors import BadInput


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    made.mkdir()
    (made / "config.json").write_text(json.dumps({"pixels": {"size": 64, "clahe_clip_limit": 2.0, "clahe_tiles": 8}}))
    (made / "model.safetensors").write_bytes(b"weights")
    seal(made, {"data_md5": "abc"})
    return made


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


@pytest.mark.parametrize("disguised", [pickle.dumps({"a": [1.0]}), b"PK\x03\x04 as torch.save writes"])
def test_a_pickle_by_another_name_is_refused(folder: Path, disguised: bytes) -> None:
    (folder / "model.safetensors").write_bytes(disguised)
    seal(folder, {})
    with pytest.raises(BadInput, match="safetensors, ONNX and JSON files only"):
        open_artefact(folder)


@settings(max_examples=30)
@given(tensors=st.integers(1, 40), name=st.text("abc", min_size=1, max_size=40))
def test_no_safetensors_file_is_taken_for_a_pickle(
    tensors: int, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("weights") / "model.safetensors"
    save_file({f"{name}{index}": np.zeros(1, np.float32) for index in range(tensors)}, path)
    assert not is_pickle(path)


def test_a_link_out_of_the_folder_is_refused(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "notes.json"
    outside.write_text("{}")
    (folder / "notes.json").symlink_to(outside)
    seal(folder, {})
    with pytest.raises(BadInput, match="no link leads out"):
        open_artefact(folder)


def test_a_folder_within_is_refused(folder: Path) -> None:
    (folder / "more.json").mkdir()
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["more.json"] = "0" * 64
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BadInput, match="a model's files lie in its folder"):
        open_artefact(folder)


@pytest.mark.parametrize(
    "manifest",
    [
        "not json",
        "[]",
        '{"files": {}}',
        '{"pixels_sha256": "f"}',
        '{"pixels_sha256": "f", "files": {"config.json": 3}}',
        '{"pixels_sha256": "f", "files": ["config.json"]}',
        '{"pixels_sha256": "f", "files": {"config.json": "abc"}}',
    ],
)
def test_a_manifest_that_is_none_is_refused(folder: Path, manifest: str) -> None:
    (folder / "manifest.json").write_text(manifest)
    with pytest.raises(BadInput, match=r"manifest\.json: a manifest lists each file with its sha256"):
        open_artefact(folder)


def test_a_copy_without_a_variant_is_whole_and_says_where_it_came_from(folder: Path, tmp_path: Path) -> None:
    names = ["encoder.onnx", "decoder_step.onnx", "encoder.int8.onnx", "decoder_step.int8.onnx"]
    for name in names:
        (folder / name).write_bytes(name.encode())
    seal(folder, {"data_md5": "abc"})
    artefact = open_artefact(folder)
    assert artefact.variants == ("fp32", "int8")
    (tmp_path / "copy").mkdir()
    copy_without(artefact, {"int8", "fp16"}, tmp_path / "copy")
    copied = open_artefact(tmp_path / "copy")
    assert copied.variants == ("fp32",)
    assert set(artefact.manifest["files"]) - set(copied.manifest["files"]) == set(names[2:])
    assert copied.provenance == artefact.provenance == {"data_md5": "abc"}


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
