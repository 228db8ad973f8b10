"""The model artefact: one folder that says what it is and can prove that nothing in it changed.

    model.safetensors  tokenizer.json  config.json  manifest.json
    [encoder.onnx  decoder_step.onnx  and the same as NAME.fp16.onnx and NAME.int8.onnx]

`manifest.json` holds the sha256 of every other file, the hash of the pixel parameters, and where the model came from.
Nothing in it is a pickle. This module imports no torch.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.errors import BadInput
from model.pixels import PixelParams
from model.tokenizer import ReportTokenizer

SAFE_SUFFIXES = {".safetensors", ".json", ".jsonl", ".onnx"}
GRAPHS = ("encoder", "decoder_step")
VARIANTS = ("fp32", "fp16", "int8")
"""In which numbers the graphs reckon: as trained, in half precision for a graphics card, in 8 bits for a processor."""


def graph_file(graph: str, variant: str) -> str:
    """The file of a graph.

    >>> graph_file("encoder", "fp32"), graph_file("encoder", "int8")
    ('encoder.onnx', 'encoder.int8.onnx')
    """
    return f"{graph}.onnx" if variant == "fp32" else f"{graph}.{variant}.onnx"


def sha256_of(path: Path) -> str:
    """Hex digest of a file, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class Artefact:
    """A model folder whose files were checked against its manifest."""

    folder: Path
    config: dict[str, Any]
    manifest: dict[str, Any]

    @property
    def pixels(self) -> PixelParams:
        return PixelParams(**self.config["pixels"])

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the patch grid."""
        rows, columns = self.config["grid"]
        return rows, columns

    @property
    def tokenizer(self) -> ReportTokenizer:
        return ReportTokenizer.load(self.folder / "tokenizer.json")

    @property
    def weights_sha256(self) -> str:
        return str(self.manifest["files"]["model.safetensors"])

    @property
    def version(self) -> str:
        """Short name of these weights: the first 12 digits of their sha256."""
        return self.weights_sha256[:12]

    @property
    def provenance(self) -> dict[str, str | None]:
        """Where the model came from, as `seal` was told."""
        return {name: value for name, value in self.manifest.items() if name not in ("files", "pixels_sha256")}

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants whose graphs are here."""
        files = self.manifest["files"]
        return tuple(v for v in VARIANTS if all(graph_file(graph, v) in files for graph in GRAPHS))

    def graphs(self, variant: str) -> tuple[Path, Path]:
        """The encoder's and the decoder step's graph.

        Raises:
            BadInput: this model was exported without that variant.
        """
        if variant not in self.variants:
            raise BadInput(
                f"variant {variant} of {self.folder}",
                f"the model's are {', '.join(self.variants) or 'none'}",
                "ask for one of those, or export and register the model again",
            )
        encoder, step = (self.folder / graph_file(graph, variant) for graph in GRAPHS)
        return encoder, step


def seal(folder: Path, provenance: dict[str, str | None]) -> dict[str, Any]:
    """Write `manifest.json` over the files that lie in `folder`.

    Args:
        provenance: data md5, git commit, policy hash and the like; None where unknown.
    """
    config = json.loads((folder / "config.json").read_text())
    files = sorted(p for p in folder.iterdir() if p.is_file() and p.name != "manifest.json")
    manifest = {
        "files": {path.name: sha256_of(path) for path in files},
        "pixels_sha256": PixelParams(**config["pixels"]).sha256(),
        **provenance,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    return manifest


def copy_without(artefact: Artefact, variants: Collection[str], out: Path) -> None:
    """Write a sealed copy of a model into the folder `out`, without the graphs of these variants."""
    left_out = {graph_file(graph, variant) for variant in variants for graph in GRAPHS}
    for name in artefact.manifest["files"]:
        if name not in left_out:
            shutil.copyfile(artefact.folder / name, out / name)
    seal(out, artefact.provenance)


def open_artefact(folder: Path) -> Artefact:
    """Open a model folder, refusing one that is not what its manifest says.

    Raises:
        BadInput: no manifest, or one that is none; a file that is missing, changed, not listed, outside the folder, a
            link, or of a kind that can carry code, whatever its name; pixel parameters whose hash differs from the one
            the model was trained with.
    """
    path = folder / "manifest.json"
    if not path.is_file():
        raise BadInput(
            f"model {folder}", "a model folder holds a manifest.json", "point at the output of train or export"
        )
    manifest = read_manifest(path)
    present = {p.name for p in folder.iterdir() if p.name != "manifest.json"}
    for name in sorted(present | set(manifest["files"])):
        if Path(name).name != name or Path(name).suffix not in SAFE_SUFFIXES or is_pickle(folder / name):
            raise BadInput(
                f"{name} in {folder}", "a model holds safetensors, ONNX and JSON files only", "remove the file"
            )
        if name not in manifest["files"] or name not in present:
            raise BadInput(
                f"{name} in {folder}", "manifest.json and the folder list the same files", "fetch the model again"
            )
        if (folder / name).is_symlink() or not (folder / name).is_file():
            raise BadInput(
                f"{name} in {folder}",
                "a model's files lie in its folder, and no link leads out",
                "fetch the model again",
            )
        if sha256_of(folder / name) != manifest["files"][name]:
            raise BadInput(f"{name} in {folder}", "its sha256 differs from manifest.json", "fetch the model again")
    config = json.loads((folder / "config.json").read_text())
    if PixelParams(**config["pixels"]).sha256() != manifest["pixels_sha256"]:
        raise BadInput(
            f"pixel hash {manifest['pixels_sha256'][:12]} of {folder}",
            "this program's pixel pipeline differs from the one the model was trained with",
            "use the release that trained it, or retrain",
        )
    return Artefact(folder, config, manifest)


def read_manifest(path: Path) -> dict[str, Any]:
    """A manifest whose `files` are names with a sha256 each.

    Raises:
        BadInput: it is anything else.
    """
    try:
        manifest = json.loads(path.read_bytes())
        files = manifest["files"]
        well_formed = isinstance(manifest["pixels_sha256"], str) and all(
            isinstance(digest, str) and re.fullmatch("[0-9a-f]{64}", digest) for digest in files.values()
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        well_formed = False
    if not well_formed:
        raise BadInput(str(path), "a manifest lists each file with its sha256", "fetch the model again")
    checked: dict[str, Any] = manifest
    return checked


def is_pickle(path: Path) -> bool:
    """Whether a file begins as a pickle (protocol 2 and later), or as the zip archive that `torch.save` wraps one in.

    A safetensors header, a length of 8 bytes and JSON, may begin with the same two bytes as a pickle.
    """
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(9)
    return head[:4] == b"PK\x03\x04" or (head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05" and head[8:] != b"{")
