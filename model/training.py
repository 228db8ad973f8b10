"""The training loop, short enough to hold in the head."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Protocol

import torch  # noqa: TID253
from torch import Tensor  # noqa: TID253
from torch.optim import Optimizer  # noqa: TID253
from torch.optim.lr_scheduler import LRScheduler  # noqa: TID253

from model.losses import attention_entropy
from model.reporter import Reporter
from model.tokenizer import PAD_ID


class TrainingBatch(Protocol):
    """image (B, 1, size, size); text_ids (B, T); grounding_masks (B, T, N + 1); finding_masks (B, N, 14): see
    `Reporter.forward`."""

    @property
    def image(self) -> Tensor: ...
    @property
    def text_ids(self) -> Tensor: ...
    @property
    def grounding_masks(self) -> Tensor: ...
    @property
    def finding_masks(self) -> Tensor: ...


def fast_precision(device: torch.device) -> torch.dtype:
    """bfloat16 where the device multiplies it natively, else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    return torch.bfloat16 if torch.cpu.get_capabilities().get("avx512_bf16") else torch.float32


def train_one_epoch(
    model: Reporter,
    dataloader: Iterable[TrainingBatch],
    optimizer: Optimizer,
    lambda_ground: float = 0.1,
    lambda_entropy: float = 0.01,
    *,
    schedule: LRScheduler | None = None,
    clip_norm: float = 1.0,
    precision: torch.dtype = torch.float32,
    on_step: Callable[[float], None] | None = None,
) -> dict[str, float]:
    """One pass over the training split.

    Args:
        lambda_ground, lambda_entropy: weights of the grounding and the entropy term.
        schedule: stepped once a batch. clip_norm: largest gradient norm. precision: of the forward pass; weights,
            softmax and losses stay in float32. on_step: told each batch's loss.

    Returns:
        study-weighted means of `loss`, `ce`, `ground` and `entropy`.
    """
    model.train()
    means = _Means()
    for batch in dataloader:
        with torch.autocast(batch.image.device.type, precision, enabled=precision is not torch.float32):
            losses = model(batch.image, batch.text_ids, batch.grounding_masks, batch.finding_masks).losses
        loss = losses["ce"] + lambda_ground * losses["ground"] + lambda_entropy * losses["entropy"]
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
        optimizer.step()
        if schedule is not None:
            schedule.step()
        means.add(len(batch.image), loss=loss, **losses)
        if on_step is not None:
            on_step(loss.item())
    return means.values()


@torch.inference_mode()
def validate(
    model: Reporter, dataloader: Iterable[TrainingBatch], lambda_ground: float, lambda_entropy: float
) -> dict[str, float]:
    """The same means over a split that is not trained on, and `attention_entropy`: mean over words, 0 to 1."""
    model.eval()
    means = _Means()
    for batch in dataloader:
        out = model(batch.image, batch.text_ids, batch.grounding_masks, batch.finding_masks)
        loss = out.losses["ce"] + lambda_ground * out.losses["ground"] + lambda_entropy * out.losses["entropy"]
        spread = attention_entropy(torch.cat([out.attention, out.null[..., None]], dim=-1))
        means.add(len(batch.image), loss=loss, **out.losses, attention_entropy=spread[batch.text_ids != PAD_ID].mean())
    return means.values()


class _Means:
    def __init__(self) -> None:
        self._sums: dict[str, float] = defaultdict(float)
        self._count = 0

    def add(self, count: int, **values: Tensor) -> None:
        self._count += count
        for name, value in values.items():
            self._sums[name] += value.item() * count

    def values(self) -> dict[str, float]:
        return {name: total / max(self._count, 1) for name, total in self._sums.items()}
