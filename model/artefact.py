"""The model artefact: one folder that says what it is and can prove that nothing in it changed.

    model.safetensors  tokenizer.json  config.json  manifest.json  [encoder.onnx  decoder_step.onnx]

`manifest.json` holds the sha256 of every other file, the hash of the pixel parameters, and where the model came from.
Nothing in it is a pickle. This module imports no torch.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.errors import BadInput
from model.pixels import PixelParams
from model.tokenizer import ReportTokenizer

SAFE_SUFFIXES = {".safetensors", ".json", ".jsonl", ".onnx"}


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
    def version(self) -> str:
        """Short name of these weights: the first 12 digits of their sha256."""
        return str(self.manifest["files"]["model.safetensors"])[:12]


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


def open_artefact(folder: Path) -> Artefact:
    """Open a model folder, refusing one that is not what its manifest says.

    Raises:
        BadInput: no manifest; a file that is missing, changed, not listed, outside the folder or of a kind that can
            carry code; pixel parameters whose hash differs from the one the model was trained with.
    """
    path = folder / "manifest.json"
    if not path.is_file():
        raise BadInput(
            f"model {folder}", "a model folder holds a manifest.json", "point at the output of train or export"
        )
    manifest = json.loads(path.read_text())
    present = {p.name for p in folder.iterdir() if p.name != "manifest.json"}
    for name in sorted(present | set(manifest["files"])):
        if Path(name).name != name or Path(name).suffix not in SAFE_SUFFIXES:
            raise BadInput(
                f"{name} in {folder}", "a model holds safetensors, ONNX and JSON files only", "remove the file"
            )
        if name not in manifest["files"] or name not in present:
            raise BadInput(
                f"{name} in {folder}", "manifest.json and the folder list the same files", "fetch the model again"
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
