"""Memory of one training step of the preset `grounded_2048`: measured with a Swin-T on this machine's CPU, counted for
the preset itself on a graphics card.

A count runs the same step on tensors that have shapes and no bytes, and follows every one of them from its making to
its end. The measured step is counted, too: what the two differ by is what a count leaves out. A graphics card's
autocast keeps normalisation in float32, and with it the stream between the blocks, which a CPU's does not.

    python -m benchmarks.memory_2048

writes memory_2048.json and memory_2048.md beside this file. It takes some minutes and 6 GiB.
"""

import gc
import json
from contextlib import nullcontext
from pathlib import Path
from time import perf_counter
from typing import Any
from unittest import mock

import psutil
import torch  # noqa: TID253
from torch import Tensor  # noqa: TID253
from torch._subclasses.fake_tensor import FakeTensorMode  # noqa: TID253
from torch.distributed._tools.mem_tracker import MemTracker  # noqa: TID253
from torch.nn import functional  # noqa: TID253
from torch.optim import Optimizer  # noqa: TID253

from model.configurations import build_reporter
from model.findings import OBSERVATIONS
from model.reporter import Reporter
from model.training import fast_precision, peak_memory, train_one_epoch
from pipelines.machine import hardware
from pipelines.params import Params, Timm, load_presets
from pipelines.prepared import Batch
from pipelines.schedules import make_optimizer
from pipelines.train import model_config

HERE = Path(__file__).parent
PRESET = load_presets(HERE.parent / "params.yaml").presets["grounded_2048"]
SWIN_T = PRESET.model_copy(
    update={
        "model": PRESET.model.model_copy(update={"encoder": Timm(name="swin_tiny_patch4_window7_224", window_size=8)})
    }
)
VOCABULARY = 8192
STATES = {"weights_gib": "Parameter", "gradients_gib": "Gradient", "moments_gib": "Optstate"}


def built(params: Params) -> Reporter:
    """The model of a preset."""
    prepared = {"pixels": params.pixels.model_dump(), "max_tokens": params.prepare.max_tokens, "vocab_size": VOCABULARY}
    model = build_reporter(model_config(prepared, params))
    if params.train.gradient_checkpointing:
        model.encoder.checkpoint_gradients()
    return model


def optimizer_of(model: Reporter, params: Params) -> Optimizer:
    """Its optimizer with the moments in place, as before any step but the first."""
    optimizer, _ = make_optimizer(model, params.train, 1, done=0)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return optimizer


def study(params: Params, model: Reporter) -> Batch:
    """One study whose report is as long as may be, each word of it in the middle of the image."""
    size, words, (rows, columns) = params.pixels.size, params.prepare.max_tokens, model.grid
    masks = torch.zeros(1, words, rows * columns + 1)
    masks[..., rows * columns // 2] = 1.0
    ids = torch.full((1, words), VOCABULARY - 1)
    return Batch(torch.rand(1, 1, size, size), ids, masks, torch.zeros(1, rows * columns, len(OBSERVATIONS)))


def step(params: Params) -> float:
    """Build, and train one step on this machine's CPU; its seconds."""
    model = built(params)
    optimizer = optimizer_of(model, params)
    start = perf_counter()
    train_one_epoch(model, [study(params, model)], optimizer, precision=fast_precision(torch.device("cpu")))
    return perf_counter() - start


def measured(params: Params) -> dict[str, float]:
    """GiB that a step took beyond what the libraries hold once they have run, and its seconds."""
    step(params.model_copy(update={"pixels": params.pixels.model_copy(update={"size": 256})}))
    gc.collect()
    libraries = psutil.Process().memory_info().rss / 2**30
    seconds = step(params)
    return {"libraries_gib": libraries, "peak_gib": peak_memory(torch.device("cpu")) - libraries, "seconds": seconds}


def counted(params: Params, *, card: bool) -> dict[str, float]:
    """GiB at the step's peak, by kind; with `card` as a graphics card's autocast computes, else as this CPU's.

    The terms that teach the attention are left out: their shapes depend on the annotation. They hold a few maps.
    """
    precision = torch.bfloat16 if card else fast_precision(torch.device("cpu"))
    with torch.device("meta"):
        model = built(params)
    with FakeTensorMode(allow_non_fake_inputs=True):
        model.to_empty(device="cpu")
        optimizer = optimizer_of(model, params)
        image = torch.rand(1, 1, params.pixels.size, params.pixels.size)
        ids = torch.ones(1, params.prepare.max_tokens, dtype=torch.long)
        tracker = MemTracker()
        tracker.track_external(model, optimizer, image, ids)
        autocast = torch.autocast("cpu", precision, enabled=precision is not torch.float32)
        with tracker, norms_in_float32() if card else nullcontext():
            with autocast:
                loss = model(image, ids).losses["ce"]
            loss.backward()
            optimizer.step()
        peak = tracker.get_tracker_snapshot("peak")[torch.device("cpu")]
        parameters = sum(parameter.numel() for parameter in model.parameters())
    states = {name: peak[kind] / 2**30 for name, kind in STATES.items()}
    total = peak["Total"] / 2**30
    return {"parameters": parameters, **states, "activations_gib": total - sum(states.values()), "peak_gib": total}


def norms_in_float32() -> Any:
    """`layer_norm` reads and gives float32, as under a graphics card's autocast."""
    plain = functional.layer_norm

    def layer_norm(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return plain(x.float(), *args, **kwargs)

    return mock.patch.object(functional, "layer_norm", layer_norm)


def written(figures: dict[str, Any]) -> str:
    """The figures as a page."""
    here, check, card = (figures[name] for name in ("measured", "counted_here", "counted"))
    rows = [
        ("measured", "Swin-T", f"CPU, {figures['precision']}, checkpointed", here),
        ("counted", "Swin-T", "the same", check),
        ("counted", "Swin-B: `grounded_2048`", "a card, bfloat16, checkpointed", card),
    ]
    table = "\n".join(f"| {' | '.join(told)} | {found['peak_gib']:.1f} GiB |" for *told, found in rows)
    return f"""\
# A training step at 2048 x 2048

One study with a report of {PRESET.prepare.max_tokens} tokens, forward and backward, AdamW's moments in place.

| what | encoder | where | peak |
|---|---|---|---|
{table}

Of `grounded_2048`, {card["parameters"] / 1e6:.0f} million parameters: weights {card["weights_gib"]:.2f} GiB, AdamW's
moments {card["moments_gib"]:.2f} GiB, gradients {card["gradients_gib"]:.2f} GiB, activations and what is worked with
{card["activations_gib"]:.2f} GiB. The card's context and its kernels' working memory come on top: the measured step
took {here["peak_gib"] / check["peak_gib"]:.2f} times its count.

Measured on {figures["machine"]}, by `python -m benchmarks.memory_2048`.
"""


def main() -> None:
    machine = hardware()
    figures = {
        "machine": f"{machine['processor']}, {machine['cores']} cores",
        "precision": str(fast_precision(torch.device("cpu"))).removeprefix("torch."),
        "measured": measured(SWIN_T),
        "counted_here": counted(SWIN_T, card=False),
        "counted": counted(PRESET, card=True),
    }
    (HERE / "memory_2048.json").write_text(json.dumps(figures, indent=1) + "\n")
    (HERE / "memory_2048.md").write_text(written(figures))


if __name__ == "__main__":
    main()
