"""Training state on disk without pickle: weights, AdamW's moments and random states in one safetensors file.

What a step does follows from the weights, the moments, the random state and the place in the epoch, so a run that goes
on from a checkpoint ends with the weights of one that was never stopped, bit for bit.
"""

import json
from pathlib import Path
from typing import Any

import torch  # noqa: TID253
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor  # noqa: TID253
from torch.optim import Optimizer  # noqa: TID253

from model.reporter import Reporter


def save_checkpoint(
    path: Path,
    model: Reporter,
    best: dict[str, Tensor],
    optimizer: Optimizer,
    random: dict[str, Tensor],
    state: dict[str, Any],
) -> None:
    """Write atomically: a kill leaves the previous checkpoint whole.

    Args:
        best: the weights of the best epoch so far. random: `random_state`, a row for each process.
        state: JSON values (fingerprint, history, the epoch so far ...).
    """
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"best.{name}": value for name, value in best.items()}
    tensors |= {f"random.{name}": value for name, value in random.items()}
    for index, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value for name, value in moments.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    copied = {name: value.detach().to("cpu", copy=True).contiguous() for name, value in tensors.items()}
    save_file(copied, unfinished, {"state": json.dumps(state)})
    unfinished.replace(path)


def load_checkpoint(path: Path, fingerprint: str) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Tensors and state of a checkpoint, or None where there is none of this fingerprint."""
    if not path.is_file():
        return None
    with safe_open(path, "pt") as file:
        state: dict[str, Any] = json.loads(file.metadata()["state"])
        if state["fingerprint"] != fingerprint:
            return None
        return {name: file.get_tensor(name) for name in file.keys()}, state  # noqa: SIM118


def restore(tensors: dict[str, Tensor], model: Reporter, optimizer: Optimizer) -> dict[str, Tensor]:
    """Put a checkpoint's weights and moments back; return the best epoch's weights."""
    model.load_state_dict(part(tensors, "model."))
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in part(tensors, "optimizer.").items():
        index, moment = name.split(".", 1)
        moments.setdefault(int(index), {})[moment] = value
    optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
    return part(tensors, "best.")


def random_state(device: torch.device) -> dict[str, Tensor]:
    """The states of torch's generators that training draws from, uint8."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def set_random_state(states: dict[str, Tensor], device: torch.device) -> None:
    torch.set_rng_state(states["cpu"].clone())  # torch reads a row of a larger tensor from that tensor's start
    if device.type == "cuda":
        torch.cuda.set_rng_state(states["cuda"].clone(), device)


def part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def weights(model: Reporter) -> dict[str, Tensor]:
    """A copy of the model's weights."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}
