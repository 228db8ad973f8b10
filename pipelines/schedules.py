"""What changes as training goes on: the learning rate, which modules learn, and when it has learned enough."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from model.errors import BadInput
from pipelines.params import Train

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler

    from model.reporter import Reporter


def make_optimizer(model: "Reporter", params: Train, batches: int, *, done: int) -> "tuple[Optimizer, LRScheduler]":
    """The optimizer that `params` names, with decay on matrices alone; its rate warms up, then falls to 0 by a cosine.

    Args:
        batches: batches an epoch. done: batches that were trained before, where a run is resumed.
    """
    import torch

    from model.muon import Muon, inner_matrices
    from model.training import fast_precision

    rate, decay = params.learning_rate, params.weight_decay
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    vectors = [p for p in model.parameters() if p.ndim < 2]
    optimizer: Optimizer
    if params.optimizer == "muon":
        inner = inner_matrices(model, model.config["vocab_size"])
        tables = [p for p in matrices if all(p is not other for other in inner)]
        precision = fast_precision(matrices[0].device)
        optimizer = Muon(inner, tables, vectors, lr=rate, weight_decay=decay, precision=precision)
    else:
        groups = [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, lr=rate, fused=True)
    for group in optimizer.param_groups:
        group["initial_lr"] = rate
    total = params.epochs * batches
    warmup = max(1, int(params.warmup_fraction * total))

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))

    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, factor, last_epoch=done - 1)


def freeze(model: "nn.Module", epochs: Mapping[str, int], epoch: int) -> None:
    """Hold the modules still that do not learn in `epoch`, counted from 0, and let the others that are named learn.

    Args:
        epochs: by a module's dotted name, for how many of the first epochs it is frozen.

    Raises:
        BadInput: the model has no module of that name.
    """
    modules = dict(model.named_modules())
    for name in epochs:
        if name not in modules:
            shown = ", ".join(sorted(child for child, _ in model.named_children()))
            raise BadInput(f"train.freeze {name}", f"the model's modules are {shown} and what is within", "name one")
        modules[name].requires_grad_(True)
    for name, frozen in epochs.items():
        if epoch < frozen:
            modules[name].requires_grad_(False)


def exhausted(history: Sequence[Mapping[str, float]], patience: int) -> bool:
    """True once the validation loss has not improved for `patience` epochs."""
    losses = [line["validate_loss"] for line in history]
    return bool(losses) and len(losses) - 1 - losses.index(min(losses)) >= patience
