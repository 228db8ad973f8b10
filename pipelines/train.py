"""Stage train: the reporter learns to write the reports and to look where it writes.

    trained/   the model artefact: weights, tokenizer, configuration, manifest, history.jsonl (one line an epoch)

Killed at any moment, it goes on from the last whole epoch: checkpoints/ is no output of the stage, so DVC leaves it.
"""

import argparse
import hashlib
import json
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.artefact import seal
from model.errors import BadInput
from pipelines.metrics import write_metrics
from pipelines.params import Params, load_params
from pipelines.progress import Meter
from pipelines.provenance import provenance

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler
    from torch.utils.data import DataLoader

    from model.reporter import Reporter
    from pipelines.prepared import PreparedSet

WEIGHTS = Path("weights")
"""Published weights that were downloaded: see `model.pretrained`."""

SORTED_TOGETHER = 16
"""Batches among which studies are sorted by the length of their report: few enough for batches to stay random."""


def train(prepared: Path, out: Path, checkpoints: Path, params: Params) -> dict[str, float | int | None]:
    """Train on the training split, stop by the validation split, keep the best epoch.

    Returns:
        the stage's figures: losses of the best epoch, epochs run, seconds, studies a second.

    Raises:
        BadInput: the training or the validation split is empty.
    """
    import torch
    from safetensors.torch import save_file

    from model.checkpoint import load_checkpoint, restore, save_checkpoint, weights
    from model.configurations import build_reporter
    from model.training import fast_precision, train_one_epoch, validate
    from pipelines.prepared import PreparedSet, fingerprint, prepared_config

    config = model_config(prepared_config(prepared), params)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(params.train.seed)
    model = build_reporter(config).to(device)
    if config["pretrained"]:
        from model.pretrained import load_pretrained

        load_pretrained(model, config["pretrained"], WEIGHTS)
    config["grid"] = model.grid
    training, validation = (PreparedSet(prepared, split, model.grid) for split in ("train", "validate"))
    for split, studies in (("train", training), ("validate", validation)):
        if not len(studies):
            raise BadInput(
                f"split {split} with 0 studies",
                "training needs studies to learn from and to stop by",
                "ingest more patients",
            )

    batches = -(-len(training) // params.train.batch_size)
    identity = hashlib.sha256(f"{fingerprint(prepared)} {params.train!r} {params.model!r}".encode()).hexdigest()
    path = checkpoints / "train.safetensors"
    history: list[dict[str, float]] = []
    resumed = load_checkpoint(path, identity)
    if resumed is not None:
        history = resumed[1]["history"]
        print(f"resuming after epoch {len(history)}")
    optimizer, schedule = make_optimizer(model, params, batches, done=len(history) * batches)
    best = weights(model) if resumed is None else restore(resumed[0], model, optimizer)

    lambdas = (params.train.lambda_ground, params.train.lambda_entropy)
    with Meter("epochs", params.train.epochs * batches) as meter:
        meter.advance(len(history) * batches)
        while len(history) < params.train.epochs and not exhausted(history, params.train.patience):
            epoch, started = len(history), time.monotonic()
            loader = epoch_loader(training, params, epoch)
            learned = train_one_epoch(
                model,
                (batch.to(device) for batch in loader),
                optimizer,
                *lambdas,
                schedule=schedule,
                clip_norm=params.train.clip_norm,
                precision=fast_precision(device),
                on_step=lambda loss, epoch=epoch: meter.advance(1, f"epoch {epoch + 1} loss {loss:.3f}"),  # type: ignore[misc]
            )
            seconds = time.monotonic() - started
            held = validate(model, (batch.to(device) for batch in epoch_loader(validation, params, None)), *lambdas)
            history.append(
                epoch_figures(epoch, learned, held, float(schedule.get_last_lr()[0]), len(training), seconds)
            )
            if history[-1]["validate_loss"] == min(line["validate_loss"] for line in history):
                best = weights(model)
            save_checkpoint(path, model, best, optimizer, {"fingerprint": identity, "history": history})
            print(summary(history[-1]), flush=True)

    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    save_file(best, out / "model.safetensors")
    shutil.copy(prepared / "tokenizer.json", out / "tokenizer.json")
    (out / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    (out / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in history))
    seal(out, provenance())
    path.unlink(missing_ok=True)
    return stage_figures(history)


def model_config(prepared: dict[str, Any], params: Params) -> dict[str, Any]:
    """What an artefact's config.json holds: everything needed to build the model and its pixels again."""
    return {
        "pixels": prepared["pixels"],
        "size": prepared["pixels"]["size"],
        "max_tokens": prepared["max_tokens"],
        "vocab_size": prepared["vocab_size"],
        **params.model.model_dump(mode="json", exclude_none=True),
    }


def make_optimizer(model: "Reporter", params: Params, batches: int, *, done: int) -> "tuple[Optimizer, LRScheduler]":
    """AdamW with decay on matrices alone; linear warm-up, then cosine to zero over all epochs.

    Args:
        batches: batches an epoch. done: batches that were trained before, where a run is resumed.
    """
    import math

    import torch

    matrices = [p for p in model.parameters() if p.ndim >= 2]
    vectors = [p for p in model.parameters() if p.ndim < 2]
    rate = params.train.learning_rate
    groups = [
        {"params": matrices, "weight_decay": params.train.weight_decay, "initial_lr": rate},
        {"params": vectors, "weight_decay": 0.0, "initial_lr": rate},
    ]
    optimizer = torch.optim.AdamW(groups, lr=rate, fused=True)
    total = params.train.epochs * batches
    warmup = max(1, int(params.train.warmup_fraction * total))

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))

    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, factor, last_epoch=done - 1)


def epoch_loader(studies: "PreparedSet", params: Params, epoch: int | None) -> "DataLoader[Any]":
    """Batches of a training epoch in an order that (seed, epoch) fixes, dropout seeded with it; None: in order.

    Reports of like length share a batch, so that little of it is padding.
    """
    import numpy as np
    import torch
    from torch.utils.data import DataLoader

    from pipelines.prepared import collate

    if epoch is None:
        return DataLoader(studies, batch_size=params.train.batch_size, collate_fn=collate)
    seed = params.train.seed * 1_000_003 + epoch
    torch.manual_seed(seed)
    batches = batches_of_like_length(studies.lengths(), params.train.batch_size, np.random.default_rng(seed))
    return DataLoader(studies, batch_sampler=batches, collate_fn=collate)


def batches_of_like_length(lengths: "NDArray[np.int64]", size: int, order: "np.random.Generator") -> list[list[int]]:
    """Every study once, in random batches of `size`: within each SORTED_TOGETHER batches' worth, sorted by length."""
    shuffled, reach = order.permutation(len(lengths)), SORTED_TOGETHER * size
    rows = [row for at in range(0, len(lengths), reach) for row in sorted(shuffled[at : at + reach], key=lengths.take)]
    batches = [[int(row) for row in rows[at : at + size]] for at in range(0, len(rows), size)]
    return [batches[index] for index in order.permutation(len(batches))]


def exhausted(history: list[dict[str, float]], patience: int) -> bool:
    """True once the validation loss has not improved for `patience` epochs."""
    losses = [line["validate_loss"] for line in history]
    return bool(losses) and len(losses) - 1 - losses.index(min(losses)) >= patience


def epoch_figures(
    epoch: int, learned: dict[str, float], held: dict[str, float], rate: float, studies: int, seconds: float
) -> dict[str, float]:
    """One line of history.jsonl."""
    return {
        "epoch": epoch + 1,
        **{f"train_{name}": value for name, value in learned.items()},
        **{f"validate_{name}": held[name] for name in ("loss", "ce", "ground")},
        "attention_entropy": held["attention_entropy"],
        "learning_rate": rate,
        "images_per_second": studies / seconds,
        "seconds": seconds,
    }


def summary(line: dict[str, float]) -> str:
    return (
        f"epoch {line['epoch']:.0f}: train {line['train_loss']:.3f}, validate {line['validate_loss']:.3f} "
        f"(words {line['validate_ce']:.3f}, grounding {line['validate_ground']:.3f}), "
        f"{line['images_per_second']:.0f} images/s"
    )


def stage_figures(history: list[dict[str, float]]) -> dict[str, float | int | None]:
    best = min(history, key=lambda line: line["validate_loss"])
    return {
        "epochs": len(history),
        "best_epoch": best["epoch"],
        "train_loss": best["train_loss"],
        "validate_loss": best["validate_loss"],
        "validate_ce": best["validate_ce"],
        "validate_ground": best["validate_ground"],
        "attention_entropy": best["attention_entropy"],
        "seconds": sum(line["seconds"] for line in history),
        "images_per_second": sum(line["images_per_second"] for line in history) / len(history),
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--prepared", type=Path, default=Path("prepared"), help="what prepare wrote")
    parser.add_argument("--out", type=Path, default=Path("trained"), help="where to write the model")
    parser.add_argument(
        "--checkpoints", type=Path, default=Path("checkpoints"), help="where an interrupted run goes on from"
    )


def main(args: argparse.Namespace) -> int:
    write_metrics("train", train(args.prepared, args.out, args.checkpoints, load_params()))
    return 0
