"""Regional attention: how much each position of the image matters, before any word is written.

The published text weights the features by alpha = softmax(W_a F + b_a) and sums them. A sum leaves one vector, which
cannot feed the next step, a pooling of positions to tokens; here the weighted features stay N positions. They are
scaled by N, so that an even alpha leaves the features as they are and their size does not shrink with the grid.

Each component takes features (B, N, C) and gives the weighted features (B, N, C) and alpha (B, N), whose rows sum to 1.
"""

import torch  # noqa: TID253
from torch import Tensor, nn  # noqa: TID253


class Off(nn.Module):
    """Every position alike: the features pass unchanged."""

    def __init__(self, _width: int) -> None:
        super().__init__()

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        batch, positions, _ = features.shape
        return features, features.new_full((batch, positions), 1 / positions)


class Single(nn.Module):
    """alpha = softmax(W_a F + b_a), one weight a position."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.score = nn.Linear(width, 1)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        alpha = self.score(features)[..., 0].float().softmax(-1)
        return features * (alpha * alpha.shape[1])[..., None], alpha


class MultiHead(nn.Module):
    """One alpha a head, each for its share of the channels; the heads' mean is the map that is shown."""

    HEADS = 4

    def __init__(self, width: int) -> None:
        super().__init__()
        self.score = nn.Linear(width, self.HEADS)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        alpha = self.score(features).float().softmax(1)  # (B, N, heads)
        by_head = features.reshape(*features.shape[:-1], self.HEADS, -1)
        weighted = by_head * (alpha * alpha.shape[1])[..., None]
        return weighted.flatten(2), alpha.mean(-1)


class Gated(nn.Module):
    """alpha = softmax(w^T (tanh(V F) * sigmoid(U F))): Ilse et al. 2018, "Attention-based Deep Multiple Instance
    Learning" (ICML), equation 9, with a quarter of the channels inside."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.content, self.gate = nn.Linear(width, width // 4), nn.Linear(width, width // 4)
        self.score = nn.Linear(width // 4, 1)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        opened = self.content(features).tanh() * self.gate(features).sigmoid()
        alpha = self.score(opened)[..., 0].float().softmax(-1)
        return features * (alpha * alpha.shape[1])[..., None], alpha


REGIONAL: dict[str, type[Off] | type[Single] | type[MultiHead] | type[Gated]] = {
    "off": Off,
    "single": Single,
    "multi_head": MultiHead,
    "gated": Gated,
}


class RegionalWeights(nn.Module):
    """Memory (B, N, width) weighted by its regional attention: (B, N, width)."""

    def __init__(self, regional: nn.Module) -> None:
        super().__init__()
        self.regional = regional

    def forward(self, memory: Tensor) -> Tensor:
        weighted: Tensor = self.regional(memory)[0]
        return weighted


class RegionalPrior(nn.Module):
    """Memory (B, N, width) with its prior as one more channel, log(N alpha): (B, N, width + 1).

    `model.decoder.PriorCrossAttention` adds that channel to the logits of every word: the decoder then attends in
    proportion to alpha before it knows the word. The null token has none of it; an even alpha changes nothing.
    """

    def __init__(self, regional: nn.Module) -> None:
        super().__init__()
        self.regional = regional

    def forward(self, memory: Tensor) -> Tensor:
        alpha = self.regional(memory)[1]
        prior = (alpha * alpha.shape[1]).clamp_min(1e-9).log()
        return torch.cat([memory, prior[..., None].to(memory.dtype)], dim=-1)
