"""Stage train: the reporter learns to write the reports and to look where it writes.

    trained/   the model artefact: weights, tokenizer, configuration, manifest, history.jsonl (one line an epoch)

Killed at any moment, it goes on from the last checkpoint: checkpoints/ is no output of the stage, so DVC leaves it.
`train.processes` of one machine share each batch out, and so do those of `accelerate launch -m pipelines.cli train` on
several graphics cards, or of `torchrun` on several machines: the weights are those that one would have learned.
"""

import argparse
import hashlib
import json
import shutil
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.artefact import seal, sha256_of
from model.errors import BadInput
from pipelines.batches import batches_in_order, epoch_batches, epoch_views, loader, readers_for
from pipelines.metrics import write_metrics
from pipelines.params import Params, load_params
from pipelines.progress import Meter
from pipelines.provenance import provenance
from pipelines.ranks import ranks
from pipelines.schedules import exhausted, freeze, make_optimizer

if TYPE_CHECKING:
    from model.reporter import Reporter
    from model.training import Running
    from pipelines.prepared import PreparedSet

CHECKPOINT_SECONDS = 120.0
"""The most that a kill may cost."""

COLLAPSED = 0.95
"""Attention of this entropy, 1 being uniform, lies over three quarters of the patches or more: it points nowhere."""


def train(
    prepared: Path,
    out: Path,
    checkpoints: Path,
    params: Params,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    start: Path | None = None,
) -> dict[str, float | int | None]:
    """Train on the training split, stop by the validation split, keep the best epoch.

    SIGINT and SIGTERM wait for a checkpoint at the end of the step.

    Args:
        start: a model folder whose weights it starts from.

    Returns:
        the stage's figures: losses of the best epoch, epochs run, seconds, studies a second.

    Raises:
        BadInput: the training or the validation split is empty; the model has no module that `params` freezes;
            `start` has another vocabulary.
    """
    import torch
    from accelerate import Accelerator
    from safetensors.torch import save_file

    from model.configurations import build_reporter
    from model.training import fast_precision, peak_memory, train_one_epoch, validate
    from pipelines.course import Course
    from pipelines.prepared import PreparedSet, fingerprint, prepared_config

    # Its own mixed precision would reach into the validation, too.
    accelerator = Accelerator(mixed_precision="no", cpu=not torch.cuda.is_available())
    device, main = accelerator.device, accelerator.is_main_process
    processes = accelerator.num_processes
    came_from = provenance()  # as it is before anything is learned: the gate holds the policy to it
    place = (accelerator.process_index, processes, readers_for(device, processes))
    summed = accelerator.reduce if processes > 1 else None

    settings = params.train
    config = model_config(prepared_config(prepared), params)
    torch.manual_seed(settings.seed)
    model = build_reporter(config).to(device)
    load_weights(model, config["pretrained"], start, prepared)
    config["grid"] = model.grid
    if settings.gradient_checkpointing:
        model.encoder.checkpoint_gradients()
    training, validation = (PreparedSet(prepared, split, model.grid) for split in ("train", "validate"))
    check_splits(train=training, validate=validation)

    batches = -(-len(training) // settings.batch_size)
    begun = "" if start is None else sha256_of(start / "model.safetensors")
    asked = settings.model_copy(update={"processes": 1})  # a checkpoint goes on with another number of them
    same = f"{fingerprint(prepared)} {asked!r} {params.model!r}{begun} {came_from['policy_sha256']}"
    identity = hashlib.sha256(same.encode()).hexdigest()
    course = Course(checkpoints / "train.safetensors", identity, model, accelerator)
    optimizer, schedule = make_optimizer(model, settings, batches, done=course.steps(batches))
    course.resume(optimizer)
    if main and course.steps(batches):
        print(f"resuming after epoch {len(course.history)} and {course.running.steps} batches", flush=True)

    lambdas = (settings.lambda_ground, settings.lambda_entropy)
    with Meter("epochs", settings.epochs * batches) if main else nullcontext() as meter:

        def shown(running: "Running") -> None:
            if meter is not None:
                meter.advance(1, f"epoch {len(course.history) + 1} loss {running.last_loss:.3f}")

        if meter is not None:
            meter.advance(course.steps(batches))
        while len(course.history) < settings.epochs and not exhausted(course.history, settings.patience):
            epoch = len(course.history)
            freeze(model, settings.freeze, epoch)
            rows = epoch_batches(training, settings, epoch)[course.running.steps :]
            training.views = epoch_views(settings, config["size"], epoch)
            with course.kept(checkpoint_seconds, shown) as on_step:
                learned = train_one_epoch(
                    model,
                    (batch.to(device) for batch in course.as_it_was(loader(training, rows, *place))),
                    optimizer,
                    *lambdas,
                    schedule=schedule,
                    clip_norm=settings.clip_norm,
                    precision=fast_precision(device),
                    accumulation=settings.accumulation,
                    summed=summed,
                    running=course.running,
                    on_step=on_step,
                )
            course.save()
            in_order = batches_in_order(len(validation), -(-settings.batch_size // settings.accumulation))
            held = validate(
                model, (batch.to(device) for batch in loader(validation, in_order, *place)), *lambdas, summed=summed
            )
            rate = float(schedule.get_last_lr()[0])
            course.close_epoch(epoch_figures(epoch, learned, held, rate, course.running, peak_memory(device)))
            if main:
                print(summary(course.history[-1]), flush=True)
                warn_of_collapse(course.history[-1])

    if main:
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        save_file(course.best, out / "model.safetensors")
        shutil.copy(prepared / "tokenizer.json", out / "tokenizer.json")
        (out / "config.json").write_text(json.dumps(config, indent=1) + "\n")
        (out / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in course.history))
        seal(out, came_from)
    course.end()
    return stage_figures(course.history)


def model_config(prepared: dict[str, Any], params: Params) -> dict[str, Any]:
    """What an artefact's config.json holds: everything needed to build the model and its pixels again."""
    return {
        "pixels": prepared["pixels"],
        "size": prepared["pixels"]["size"],
        "max_tokens": prepared["max_tokens"],
        "prompt_tokens": prepared["prompt_tokens"],
        "vocab_size": prepared["vocab_size"],
        **params.model.model_dump(mode="json", exclude_none=True),
    }


def load_weights(model: "Reporter", published: dict[str, str], start: Path | None, prepared: Path) -> None:
    """What a training begins with: published weights of the model's parts, or all weights of the model at `start`."""
    if published:
        from model.pretrained import load_pretrained
        from model.published import WEIGHTS

        load_pretrained(model, published, WEIGHTS)
    if start is None:
        return
    if (start / "tokenizer.json").read_bytes() != (prepared / "tokenizer.json").read_bytes():
        raise BadInput(
            f"{start} and {prepared}",
            "weights go on with the vocabulary that they were learned with",
            "prepare both sets with one tokenizer",
        )
    from safetensors.torch import load_file

    model.load_state_dict(load_file(start / "model.safetensors"))


def check_splits(**splits: "PreparedSet") -> None:
    for split, studies in splits.items():
        if not len(studies):
            raise BadInput(
                f"split {split} with 0 studies",
                "training needs studies to learn from and to stop by",
                "ingest more patients",
            )


def epoch_figures(
    epoch: int, learned: dict[str, float], held: dict[str, float], rate: float, running: "Running", memory: float
) -> dict[str, float]:
    """One line of history.jsonl."""
    attention = {name: value for name, value in held.items() if name.startswith("attention_entropy")}
    norms = {name: value for name, value in learned.items() if name.startswith("gradient_norm")}
    return {
        "epoch": epoch + 1,
        **{f"train_{name}": value for name, value in learned.items() if name not in norms},
        **{f"validate_{name}": value for name, value in held.items() if name not in attention},
        **attention,
        **norms,
        "learning_rate": rate,
        "images_per_second": running.studies / running.seconds,
        "seconds": running.seconds,
        "peak_memory_gib": memory,
    }


def warn_of_collapse(line: dict[str, float]) -> None:
    """One line on standard error where the words that have a region look everywhere."""
    if (entropy := line.get("attention_entropy_located", 0.0)) > COLLAPSED:
        print(
            f"warning: attention has collapsed to uniform: in epoch {line['epoch']:.0f} words with a region have an "
            f"entropy of {entropy:.3f} of 1, more than {COLLAPSED}; raise train.lambda_ground",
            file=sys.stderr,
            flush=True,
        )


def summary(line: dict[str, float]) -> str:
    return (
        f"epoch {line['epoch']:.0f}: train {line['train_loss']:.3f}, validate {line['validate_loss']:.3f} "
        f"(words {line['validate_ce']:.3f}, grounding {line['validate_ground']:.3f}, "
        f"findings {line['validate_findings']:.3f}), "
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
        "validate_findings": best["validate_findings"],
        "attention_entropy": best["attention_entropy"],
        "attention_entropy_std": best["attention_entropy_std"],
        "attention_entropy_located": best.get("attention_entropy_located"),
        "gradient_norm": best["gradient_norm"],
        "gradient_norm_max": max(line["gradient_norm_max"] for line in history),
        "peak_memory_gib": max(line["peak_memory_gib"] for line in history),
        "seconds": sum(line["seconds"] for line in history),
        "images_per_second": sum(line["images_per_second"] for line in history) / len(history),
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--prepared", type=Path, default=Path("prepared"), help="what prepare wrote")
    parser.add_argument("--out", type=Path, default=Path("trained"), help="where to write the model")
    parser.add_argument(
        "--checkpoints", type=Path, default=Path("checkpoints"), help="where an interrupted run goes on from"
    )
    parser.add_argument(
        "--checkpoint-seconds",
        type=float,
        default=CHECKPOINT_SECONDS,
        metavar="S",
        help=f"the most that a kill may cost (default: {CHECKPOINT_SECONDS:.0f})",
    )


def main(args: argparse.Namespace) -> int:
    import torch
    from accelerate import PartialState

    params = load_params()
    processes = 1 if torch.cuda.is_available() else params.train.processes
    again = [sys.executable, "-m", "pipelines.cli", "train", "--prepared", str(args.prepared), "--out", str(args.out)]
    again += ["--checkpoints", str(args.checkpoints), "--checkpoint-seconds", str(args.checkpoint_seconds)]
    with ranks(processes, again, args.checkpoints / "meeting"):
        figures = train(args.prepared, args.out, args.checkpoints, params, args.checkpoint_seconds)
        if PartialState().is_main_process:
            write_metrics("train", figures)
    return 0
