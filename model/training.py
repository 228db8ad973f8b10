"""The training loop, short enough to hold in the head.

A step's loss is a mean over the words and patches of its whole batch. Where several processes, or several pieces of a
batch one after the other, each see a share of it, a share's terms are weighted by its part of those words and patches:
the shares add up to the batch, however it is shared out.
"""

import math
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, Self

import torch  # noqa: TID253
from torch import Tensor, nn  # noqa: TID253
from torch.optim import Optimizer  # noqa: TID253
from torch.optim.lr_scheduler import LRScheduler  # noqa: TID253

from model.losses import attention_entropy
from model.reporter import Reporter
from model.tokenizer import PAD_ID

TERMS = ("loss", "ce", "ground", "findings", "entropy")

Sum = Callable[[Tensor], Tensor]
"""The sum of a tensor over all processes, the same in each."""

EXCHANGED = 8_388_608
"""Most gradients that the processes sum at once: 32 MB, so that few exchanges wait and little is held twice."""


class TrainingBatch(Protocol):
    """image (B, 1, size, size); text_ids (B, T); grounding_masks (B, T, N + 1); finding_masks (B, N, 14); prompt
    (B, prompt_tokens): see `Reporter.forward`. B may be 0 where another process has the batch's last studies."""

    @property
    def image(self) -> Tensor: ...
    @property
    def text_ids(self) -> Tensor: ...
    @property
    def grounding_masks(self) -> Tensor: ...
    @property
    def finding_masks(self) -> Tensor: ...
    @property
    def prompt(self) -> Tensor: ...
    def pieces(self, count: int) -> Iterator[Self]:
        """At most `count` batches that make up this one."""


@dataclass(slots=True)
class Running:
    """An epoch up to a step, in plain numbers, so that a checkpoint can hold it.

    Attributes:
        sums: of each figure, over studies. norms: sum of the gradients' norms before clipping. largest: of them.
        seconds: that its steps took, reading included.
    """

    steps: int = 0
    studies: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    norms: float = 0.0
    largest: float = 0.0
    seconds: float = 0.0
    last_loss: float = 0.0

    def add(self, studies: int, values: Mapping[str, float]) -> None:
        self.steps += 1
        self.studies += studies
        self.last_loss = values["loss"]
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value * studies

    def means(self) -> dict[str, float]:
        """Study-weighted."""
        return {name: total / max(self.studies, 1) for name, total in self.sums.items()}


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
    accumulation: int = 1,
    summed: Sum | None = None,
    running: Running | None = None,
    on_step: Callable[[Running], None] | None = None,
) -> dict[str, float]:
    """One pass over the training split.

    Args:
        dataloader: this process's share of each batch.
        lambda_ground, lambda_entropy: weights of the grounding and the entropy term.
        schedule: stepped once a batch. clip_norm: largest gradient norm. precision: of the forward pass; weights,
            softmax and losses stay in float32.
        accumulation: pieces that a batch goes through the model in: less memory, the same step.
        summed: None where this process is alone.
        running: the epoch so far, where it was interrupted. on_step: told the epoch up to each step.

    Returns:
        study-weighted means of `loss`, `ce`, `ground`, `findings` and `entropy`; `gradient_norm` and its largest.
    """
    model.train()
    running = Running() if running is None else running
    began = time.monotonic() - running.seconds
    for batch in dataloader:
        whole = everywhere(counts(batch), summed)
        optimizer.zero_grad(set_to_none=True)
        terms = nothing(batch)
        for piece in batch.pieces(accumulation):
            with torch.autocast(piece.image.device.type, precision, enabled=precision is not torch.float32):
                out = model(piece.image, piece.text_ids, piece.grounding_masks, piece.finding_masks, piece.prompt)
            share = total(shares(out.losses, counts(piece), whole), lambda_ground, lambda_entropy)
            share["loss"].backward()  # type: ignore[no-untyped-call]
            for name, value in share.items():
                terms[name] += value.detach()
        if summed is not None:
            sum_gradients(model, summed)
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), clip_norm).item()
        optimizer.step()
        if schedule is not None:
            schedule.step()
        running.add(int(whole["studies"]), {name: value.item() for name, value in everywhere(terms, summed).items()})
        running.norms, running.largest = running.norms + norm, max(running.largest, norm)
        running.seconds = time.monotonic() - began
        if on_step is not None:
            on_step(running)
    norms = {"gradient_norm": running.norms / max(running.steps, 1), "gradient_norm_max": running.largest}
    return running.means() | norms


@torch.inference_mode()
def validate(
    model: Reporter,
    dataloader: Iterable[TrainingBatch],
    lambda_ground: float,
    lambda_entropy: float,
    *,
    summed: Sum | None = None,
) -> dict[str, float]:
    """The same means over a split that is not trained on, and how the words' attention spreads, 0 (one patch) to 1.

    Returns:
        also `attention_entropy`, its mean over words, `attention_entropy_std`, its standard deviation, and, where a
        word has a region, `attention_entropy_located`, its mean over those words.
    """
    model.eval()
    running = Running()
    spread = torch.zeros(5, dtype=torch.float64, device=next(model.parameters()).device)
    for batch in dataloader:
        whole = everywhere(counts(batch), summed)
        terms = nothing(batch)
        for piece in batch.pieces(1):
            out = model(piece.image, piece.text_ids, piece.grounding_masks, piece.finding_masks, piece.prompt)
            terms |= total(shares(out.losses, counts(piece), whole), lambda_ground, lambda_entropy)
            entropy = attention_entropy(torch.cat([out.attention, out.null[..., None]], dim=-1)).double()
            words, located = piece.text_ids != PAD_ID, piece.grounding_masks[..., :-1].sum(-1) > 0
            sums = (words.sum(), entropy[words].sum(), entropy[words].square().sum())
            spread += torch.stack([*sums, located.sum(), entropy[located].sum()])
        running.add(int(whole["studies"]), {name: value.item() for name, value in everywhere(terms, summed).items()})
    count, first, second, located_count, located_sum = (spread if summed is None else summed(spread)).tolist()
    mean = first / max(count, 1)
    figures = running.means() | {
        "attention_entropy": mean,
        "attention_entropy_std": math.sqrt(max(second / max(count, 1) - mean**2, 0.0)),
    }
    return figures | ({"attention_entropy_located": located_sum / located_count} if located_count else {})


def nothing(batch: TrainingBatch) -> dict[str, Tensor]:
    """The terms of a process that has none of a batch's studies."""
    return {name: torch.zeros((), device=batch.image.device) for name in TERMS}


def counts(batch: TrainingBatch) -> dict[str, Tensor]:
    """What each loss term is a mean over: words, supervised words, patches with a finding, free words; and studies."""
    supervised, words = batch.grounding_masks.sum(-1) > 0, batch.text_ids != PAD_ID
    return {
        "studies": torch.tensor(len(batch.image), device=batch.image.device),
        "ce": words[:, 1:].sum(),
        "ground": supervised.sum(),
        "findings": (batch.finding_masks == 1).sum(),
        "entropy": (words & ~supervised).sum(),
    }


def shares(losses: Mapping[str, Tensor], part: Mapping[str, Tensor], whole: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What a part of a batch adds to each of the batch's loss terms."""
    return {name: loss * (part[name].clamp_min(1) / whole[name].clamp_min(1)) for name, loss in losses.items()}


def total(terms: Mapping[str, Tensor], lambda_ground: float, lambda_entropy: float) -> dict[str, Tensor]:
    """The terms, and `loss`: L = CE + lambda_ground (L_ground + L_findings) + lambda_entropy L_entropy.

    A model without a findings' head has no term of that name.
    """
    ground = terms["ground"] + terms["findings"] if "findings" in terms else terms["ground"]
    return {"loss": terms["ce"] + lambda_ground * ground + lambda_entropy * terms["entropy"], **terms}


def everywhere(values: dict[str, Tensor], summed: Sum | None) -> dict[str, Tensor]:
    """Scalars, each summed over the processes, in one exchange."""
    if summed is None:
        return values
    return dict(zip(values, summed(torch.stack(list(values.values()))), strict=True))


def sum_gradients(model: nn.Module, summed: Sum) -> None:
    """Every process's gradients become their sum, many in one exchange. A process without studies adds zeros.

    DDP would average them, want the same parameters to learn in every epoch, and wait for a process without studies.
    """
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameters in exchanges(learning):
        own = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        together = summed(torch.cat([gradient.flatten() for gradient in own]))
        parts = torch.split(together, [gradient.numel() for gradient in own])
        for parameter, part in zip(parameters, parts, strict=True):
            parameter.grad = part.view_as(parameter)


def exchanges(parameters: Iterable[nn.Parameter]) -> Iterator[list[nn.Parameter]]:
    """The parameters in order, in runs of at most EXCHANGED values; a larger one is a run of its own."""
    run: list[nn.Parameter] = []
    values = 0
    for parameter in parameters:
        if run and values + parameter.numel() > EXCHANGED:
            yield run
            run, values = [], 0
        run.append(parameter)
        values += parameter.numel()
    if run:
        yield run


def peak_memory(device: torch.device) -> float:
    """GiB: the most that was allocated on a graphics card, or that this process held."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30
