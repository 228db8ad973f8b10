"""The prepared set as a torch data set."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch  # noqa: TID253
from numpy.typing import NDArray
from torch import Tensor  # noqa: TID253
from torch.utils.data import Dataset  # noqa: TID253

from model.findings import OBSERVATIONS
from model.prompt import prompt_ids
from model.tokenizer import PAD_ID, ReportTokenizer
from pipelines.augmentation import View
from pipelines.prepared_studies import TABLE, PreparedStudies

Views = Callable[[int], View]


@dataclass(frozen=True, slots=True)
class Example:
    """image uint8 (size, size); ids (T); target float32 (T, N + 1), findings float32 (N, 14) and prompt
    (prompt_tokens): see `Reporter.forward`."""

    image: NDArray[np.uint8]
    ids: NDArray[np.int64]
    target: NDArray[np.float32]
    findings: NDArray[np.float32]
    prompt: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Batch:
    """image float32 (B, 1, size, size) in [0, 1]; text_ids (B, T) padded; grounding_masks (B, T, N + 1);
    finding_masks (B, N, 14); prompt (B, prompt_tokens)."""

    image: Tensor
    text_ids: Tensor
    grounding_masks: Tensor
    finding_masks: Tensor
    prompt: Tensor

    def to(self, device: torch.device) -> "Batch":
        return Batch(*(part.to(device) for part in self._parts()))

    def _parts(self) -> tuple[Tensor, ...]:
        return self.image, self.text_ids, self.grounding_masks, self.finding_masks, self.prompt

    def pieces(self, count: int) -> Iterator["Batch"]:
        """At most `count` batches, in order; none of a batch without studies."""
        if studies := len(self.image):
            size = -(-studies // count)
            yield from (Batch(*(part[at : at + size] for part in self._parts())) for at in range(0, studies, size))


class PreparedSet(Dataset[Example]):
    """One split of `prepared/` on a patch grid.

    Args:
        folder: what stage prepare wrote.
        split: train, validate or test.
        grid: rows and columns of the model's patches.
        views: how the study of an index is seen; None: as it was taken.
    """

    def __init__(self, folder: Path, split: str, grid: tuple[int, int], views: Views | None = None) -> None:
        self.studies = PreparedStudies(folder, split)
        self.grid = grid
        self.views = views
        self.prompt_tokens: int = json.loads((folder / "config.json").read_text())["prompt_tokens"]
        self._tokenizer = ReportTokenizer.load(folder / "tokenizer.json")

    def __len__(self) -> int:
        return len(self.studies)

    def __getitem__(self, index: int) -> Example:
        row = self.studies.row(index)
        image, masks = self.studies.picture(row)
        if self.views is not None:
            view = self.views(index)
            image, masks = view.image(image), view.masks(masks)
        of_mask = covered_shares(masks, self.grid)
        shares = [of_mask[mask] if mask >= 0 else None for mask in row["sentence_mask"]]
        patches = self.grid[0] * self.grid[1]
        targets = [target(*given, patches) for given in zip(shares, row["sentence_groundable"], strict=True)]
        writes = np.append(row["sentence"][1:], -1)  # row t of the attention writes token t + 1
        per_sentence = np.stack([*targets, np.zeros(patches + 1, np.float32)])
        findings = finding_patches(shares, row["sentence_findings"], patches)
        prompt = prompt_ids(self._tokenizer, row["prompt"], self.prompt_tokens)
        parts = (per_sentence[writes], findings, np.array(prompt, np.int64))
        return Example(image, np.array(row["ids"], np.int64), *parts)

    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each study's report."""
        return self.studies.lengths()


def covered_shares(masks: NDArray[np.bool_], grid: tuple[int, int]) -> NDArray[np.float32]:
    """How much of each patch every mask covers: (masks, size, size) to (masks, N), 0 to 1."""
    count, size, _ = masks.shape
    rows, columns = grid
    height, width = size // rows, size // columns
    down = masks.view(np.uint8).reshape(count * rows, height, size).sum(1, dtype=np.uint16)
    counted = down.reshape(count, rows * columns, width).sum(2, dtype=np.uint32)
    shares: NDArray[np.float32] = counted.astype(np.float32) / np.float32(height * width)
    return shares


def target(shares: NDArray[np.float32] | None, groundable: bool | None, patches: int) -> NDArray[np.float32]:
    """What the attention of a sentence should be, (patches + 1,): its region, the null token, or any (zeros)."""
    wanted = np.zeros(patches + 1, np.float32)
    if shares is not None:
        wanted[:-1] = shares / max(float(shares.sum()), 1e-9)
    elif groundable is False:
        wanted[-1] = 1.0
    return wanted


def finding_patches(
    shares: Sequence[NDArray[np.float32] | None], findings: Sequence[Sequence[int]], patches: int
) -> NDArray[np.float32]:
    """Where each observation lies, (patches, 14): 1 on the patches that a sentence's region covers at least half as
    much as its best one, else 0; NaN for an observation that is stated without a region, and where no region is known.
    """
    lies = np.zeros((patches, len(OBSERVATIONS)), np.float32)
    located = {o for share, stated in zip(shares, findings, strict=True) for o in stated if share is not None}
    lies[:, sorted({o for stated in findings for o in stated} - located)] = np.nan
    if all(share is None for share in shares):
        lies[:] = np.nan
    for share, stated in zip(shares, findings, strict=True):
        if share is not None:
            for observation in stated:
                lies[(share > 0) & (share >= 0.5 * share.max()), observation] = 1.0
    return lies


def collate(examples: list[Example]) -> Batch:
    """Pad to the longest report of the batch; of no examples, a batch without studies."""
    if not examples:
        words = torch.zeros(0, 1, dtype=torch.long)
        findings = torch.zeros(0, 1, len(OBSERVATIONS))
        return Batch(torch.zeros(0, 1, 1, 1), words, torch.zeros(0, 1, 2), findings, words)
    length = max(len(example.ids) for example in examples)
    ids = torch.full((len(examples), length), PAD_ID, dtype=torch.long)
    masks = torch.zeros(len(examples), length, examples[0].target.shape[1])
    for index, example in enumerate(examples):
        ids[index, : len(example.ids)] = torch.from_numpy(example.ids)
        masks[index, : len(example.ids)] = torch.from_numpy(example.target)
    findings = torch.from_numpy(np.stack([example.findings for example in examples]))
    prompt = torch.from_numpy(np.stack([example.prompt for example in examples]))
    return Batch(images_to_tensor(np.stack([e.image for e in examples])), ids, masks, findings, prompt)


def images_to_tensor(images: NDArray[np.uint8]) -> Tensor:
    """uint8 (B, size, size) -> float32 (B, 1, size, size) in [0, 1]"""
    return torch.from_numpy(images)[:, None].float() / 255


def prepared_config(folder: Path) -> dict[str, Any]:
    """Pixel parameters, token limits and vocabulary size of a prepared set."""
    config: dict[str, Any] = json.loads((folder / "config.json").read_text())
    return {**config, "vocab_size": len(ReportTokenizer.load(folder / "tokenizer.json"))}


def fingerprint(folder: Path) -> str:
    """sha256 over the prepared set's table, configuration and tokenizer: which data a checkpoint belongs to.

    The table holds the sha256 of each study's image and masks.
    """
    digest = hashlib.sha256()
    for name in (TABLE, "config.json", "tokenizer.json"):
        with (folder / name).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
