"""The prepared set as a torch data set: arrays stay on disk and are read a study at a time."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch  # noqa: TID253
from numpy.typing import NDArray
from torch import Tensor  # noqa: TID253
from torch.utils.data import Dataset  # noqa: TID253

from model.pixels import Geometry
from model.tokenizer import PAD_ID, ReportTokenizer


@dataclass(frozen=True, slots=True)
class Example:
    """image uint8 (size, size); ids and sentence (T); target float32 (T, N + 1), see `Reporter.forward`."""

    image: NDArray[np.uint8]
    ids: NDArray[np.int64]
    target: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Batch:
    """image float32 (B, 1, size, size) in [0, 1]; text_ids (B, T) padded; grounding_masks (B, T, N + 1)."""

    image: Tensor
    text_ids: Tensor
    grounding_masks: Tensor

    def to(self, device: torch.device) -> "Batch":
        return Batch(self.image.to(device), self.text_ids.to(device), self.grounding_masks.to(device))


class PreparedSet(Dataset[Example]):
    """One split of `prepared/` on a patch grid.

    Args:
        folder: what stage prepare wrote.
        split: train, validate or test.
        grid: rows and columns of the model's patches.
    """

    def __init__(self, folder: Path, split: str, grid: tuple[int, int]) -> None:
        studies = pd.read_parquet(folder / "studies.parquet")
        self.studies = studies[studies.split == split]
        self.grid = grid
        self.size: int = json.loads((folder / "config.json").read_text())["pixels"]["size"]
        self._rows: list[dict[str, Any]] = [
            {str(k): v for k, v in row.items()} for row in self.studies.to_dict("records")
        ]
        self._image_of = self.studies.index.to_numpy()
        self._images = np.load(folder / "images.npy", mmap_mode="r")
        self._masks = np.load(folder / "masks.npy", mmap_mode="r")

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Example:
        row = self._rows[index]
        targets = [
            self._target(mask, groundable)
            for mask, groundable in zip(row["sentence_mask"], row["sentence_groundable"], strict=True)
        ]
        owner = np.asarray(row["sentence"])
        per_sentence = np.stack([*targets, np.zeros(self.grid[0] * self.grid[1] + 1, np.float32)])
        return Example(self.image(index), np.array(row["ids"], np.int64), per_sentence[owner])

    def image(self, index: int) -> NDArray[np.uint8]:
        """The study's image, uint8 (size, size)."""
        image: NDArray[np.uint8] = np.array(self._images[self._image_of[index]])
        return image

    def mask(self, row: int) -> NDArray[np.bool_]:
        """A sentence's region at the input's resolution, (size, size); `row` is a row of masks.npy."""
        return np.unpackbits(self._masks[row]).astype(bool).reshape(self.size, self.size)

    def geometry(self, index: int) -> Geometry:
        return Geometry(**self._rows[index]["geometry"])

    def row(self, index: int) -> dict[str, Any]:
        """The study's row of studies.parquet."""
        return self._rows[index]

    def _target(self, mask_row: int, groundable: bool | None) -> NDArray[np.float32]:
        rows, columns = self.grid
        target = np.zeros(rows * columns + 1, np.float32)
        if mask_row >= 0:
            mask = self.mask(mask_row)
            pooled = mask.reshape(rows, self.size // rows, columns, self.size // columns).mean((1, 3), dtype=np.float32)
            target[:-1] = pooled.ravel() / max(float(pooled.sum()), 1e-9)
        elif groundable is False:
            target[-1] = 1.0
        return target


def collate(examples: list[Example]) -> Batch:
    """Pad to the longest report of the batch."""
    length = max(len(example.ids) for example in examples)
    ids = torch.full((len(examples), length), PAD_ID, dtype=torch.long)
    target = torch.zeros(len(examples), length, examples[0].target.shape[1])
    for index, example in enumerate(examples):
        ids[index, : len(example.ids)] = torch.from_numpy(example.ids)
        target[index, : len(example.ids)] = torch.from_numpy(example.target)
    return Batch(images_to_tensor(np.stack([e.image for e in examples])), ids, target)


def images_to_tensor(images: NDArray[np.uint8]) -> Tensor:
    """uint8 (B, size, size) -> float32 (B, 1, size, size) in [0, 1]"""
    return torch.from_numpy(images)[:, None].float() / 255


def prepared_config(folder: Path) -> dict[str, Any]:
    """Pixel parameters, token limit and vocabulary size of a prepared set."""
    config: dict[str, Any] = json.loads((folder / "config.json").read_text())
    return {**config, "vocab_size": len(ReportTokenizer.load(folder / "tokenizer.json"))}


def fingerprint(folder: Path) -> str:
    """sha256 over the prepared set's table, configuration and tokenizer: which data a checkpoint belongs to."""
    digest = hashlib.sha256()
    for name in ("studies.parquet", "config.json", "tokenizer.json"):
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()
