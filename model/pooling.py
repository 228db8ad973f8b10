"""From the N positions of the grid to the K tokens that the decoder reads, and back.

Attention over K tokens is shown, scored and taught on the grid, so each pooling knows its way back. The null token,
always last, is no position and passes unchanged.
"""

from typing import Literal

import torch  # noqa: TID253
import torch.nn.functional as F  # noqa: TID253
from torch import Tensor, nn  # noqa: TID253


class GridTokens(nn.Module):
    """Every position is a token."""

    def __init__(self, positions: int) -> None:
        super().__init__()
        self.tokens = positions

    def forward(self, features: Tensor) -> Tensor:
        return features

    def spread(self, attention: Tensor) -> Tensor:
        return attention

    def lift(self, scores: Tensor) -> Tensor:
        return scores


class AdaptivePooling(nn.Module):
    """(B, N, C) -> (B, tokens, C): means over even, overlapping runs of positions, as `nn.AdaptiveAvgPool1d` cuts them.

    The runs follow reading order: 29 tokens of a 7 x 7 grid are no grid themselves.
    """

    def __init__(self, positions: int, tokens: int) -> None:
        super().__init__()
        self.tokens = tokens
        share = F.adaptive_avg_pool1d(torch.eye(positions), tokens).T  # (tokens, positions), rows sum to 1
        self.share: Tensor
        self.register_buffer("share", share, persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        return self.share.to(features.dtype) @ features

    def spread(self, attention: Tensor) -> Tensor:
        """Attention (..., tokens + 1) -> (..., N + 1): each token's mass evenly over its run; rows keep their sum."""
        return torch.cat([attention[..., :-1] @ self.share.to(attention.dtype), attention[..., -1:]], dim=-1)

    def lift(self, scores: Tensor) -> Tensor:
        """Logits (..., tokens + 1) -> (..., N + 1): each position has the mean of the tokens that read it."""
        mean = (self.share / self.share.sum(0)).to(scores.dtype)
        return torch.cat([scores[..., :-1] @ mean, scores[..., -1:]], dim=-1)


def pooling(positions: int, tokens: int | Literal["grid"]) -> GridTokens | AdaptivePooling:
    """The grid's positions as a number of tokens, or as they are."""
    return GridTokens(positions) if tokens == "grid" else AdaptivePooling(positions, tokens)
