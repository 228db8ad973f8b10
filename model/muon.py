"""Muon for the matrices within a network, AdamW for the rest.

A matrix's update is its momentum, made orthogonal: all directions that the gradients ask for get the same step, not the
loudest alone (Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks"). `torch.optim.Muon` takes
nothing but matrices and works on one at a time; here a convolution counts as the matrix of its kernels, matrices of one
shape are worked on together, and what is no matrix within (look-up tables, the head over the vocabulary, biases,
norms) has AdamW's step. The step is scaled to the size of AdamW's, so one learning rate serves both (Liu et al. 2025,
"Muon is Scalable for LLM Training", 2.2).
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch  # noqa: TID253
from torch import Tensor, nn  # noqa: TID253
from torch.optim import Optimizer  # noqa: TID253
from torch.optim.adamw import adamw  # noqa: TID253

MOMENTUM = 0.95
BETAS = (0.9, 0.999)
EPSILON = 1e-8
QUINTIC = (3.4445, -4.7750, 2.0315)
"""Of one Newton-Schulz step: steep at 0, so that few steps bring every singular value near 1."""
STEPS = 5
RMS = 0.2
"""Root mean square of an AdamW update, which an orthogonal one is scaled to."""


class Muon(Optimizer):
    """One optimizer over both kinds of parameters, with one learning rate.

    Args:
        matrices: parameters of two dimensions or more; of more, the first against all others.
        tables: further parameters that decay. vectors: those that do not.
        precision: of the orthogonalisation's products.
    """

    def __init__(
        self,
        matrices: Iterable[nn.Parameter],
        tables: Iterable[nn.Parameter],
        vectors: Iterable[nn.Parameter],
        *,
        lr: float,
        weight_decay: float,
        precision: torch.dtype = torch.float32,
    ) -> None:
        groups = [
            {"params": list(matrices), "orthogonal": True, "weight_decay": weight_decay},
            {"params": list(tables), "orthogonal": False, "weight_decay": weight_decay},
            {"params": list(vectors), "orthogonal": False, "weight_decay": 0.0},
        ]
        super().__init__([group for group in groups if group["params"]], {"lr": lr})
        self._precision = precision

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step of every parameter that has a gradient; the loss, where a closure computes it."""
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            learning = [parameter for parameter in group["params"] if parameter.grad is not None]
            gradients = [parameter.grad for parameter in learning]
            (self._orthogonal if group["orthogonal"] else self._adaptive)(learning, gradients, group)
        return loss

    def _orthogonal(self, parameters: list[Tensor], gradients: list[Tensor], group: dict[str, Any]) -> None:
        alike: dict[torch.Size, list[tuple[Tensor, Tensor]]] = {}
        for parameter, gradient in zip(parameters, gradients, strict=True):
            direction = self._momentum(parameter, gradient).flatten(1)
            alike.setdefault(direction.shape, []).append((parameter, direction))
        for shape, same in alike.items():
            directions = torch.stack([direction for _, direction in same])
            updates = orthogonal(directions.to(self._precision)).to(directions.dtype)
            for (parameter, _), update in zip(same, updates, strict=True):
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.sub_(update.view_as(parameter), alpha=group["lr"] * RMS * max(shape) ** 0.5)

    def _momentum(self, parameter: Tensor, gradient: Tensor) -> Tensor:
        """Nesterov's."""
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        state["momentum"].lerp_(gradient, 1 - MOMENTUM)
        return gradient.lerp(state["momentum"], MOMENTUM)

    def _adaptive(self, parameters: list[Tensor], gradients: list[Tensor], group: dict[str, Any]) -> None:
        for parameter in parameters:
            if not self.state[parameter]:
                zero = {"exp_avg": torch.zeros_like(parameter), "exp_avg_sq": torch.zeros_like(parameter)}
                self.state[parameter] |= zero | {"step": torch.zeros((), device=parameter.device)}
        states = [self.state[parameter] for parameter in parameters]
        adamw(
            parameters,
            gradients,
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            [state["step"] for state in states],
            fused=True,
            amsgrad=False,
            beta1=BETAS[0],
            beta2=BETAS[1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=EPSILON,
            maximize=False,
        )


def orthogonal(matrices: Tensor) -> Tensor:
    """The nearest matrices with orthonormal rows or columns, roughly: singular values between about 0.7 and 1.2.

    Args:
        matrices: (count, rows, columns).
    """
    wide: Tensor = matrices if matrices.shape[1] <= matrices.shape[2] else matrices.mT
    wide = wide / wide.norm(dim=(1, 2), keepdim=True).clamp_min(1e-7)
    a, b, c = QUINTIC
    for _ in range(STEPS):
        gram = wide @ wide.mT
        wide = a * wide + (b * gram + c * gram @ gram) @ wide
    return wide if matrices.shape[1] <= matrices.shape[2] else wide.mT


def inner_matrices(model: nn.Module, vocabulary: int) -> list[nn.Parameter]:
    """The weights of linear layers and convolutions, but for those that are, or are tied to, a row for each word."""
    layers = (layer for layer in model.modules() if not isinstance(layer, nn.Embedding))
    named = (pair for layer in layers for pair in layer.named_parameters(recurse=False))
    return [weight for name, weight in named if name == "weight" and weight.ndim >= 2 and len(weight) != vocabulary]
