"""`grounded`: the reporter that is taught where to look, from 128 to 2048 px.

A Swin encoder behind convolutions, or one of timm's, makes a memory of N = (size / stride)^2 positions. A head for
findings reads every position, and what it finds is added as evidence. Each cross-attention of the decoder has a null
token. At 2048 px a Swin-B of window 8 gives 64 x 64 positions of 32 px.
"""

from typing import Any

import torch  # noqa: TID253
from torch import Tensor, nn  # noqa: TID253

from model.decoder import CrossAttention, Decoder, PriorCrossAttention
from model.encoder import SwinEncoder
from model.findings import OBSERVATIONS
from model.pooling import pooling
from model.regional import REGIONAL, RegionalPrior, RegionalWeights
from model.reporter import Reporter
from model.timm_encoder import TimmEncoder, TimmMemory

RARE = -4.6
"""Logit of the share of patches that a finding is thought to lie on before training: 1 % (Lin et al. 2017, 4.1)."""

REGIONAL_USES: dict[str, tuple[type[RegionalWeights] | type[RegionalPrior], type[CrossAttention]]] = {
    "weights": (RegionalWeights, CrossAttention),
    "prior": (RegionalPrior, PriorCrossAttention),
}
"""What regional attention does to the memory, and the cross-attention that reads such a memory."""


class Grounded(Reporter):
    """Image -> memory with evidence -> regional attention -> pooled tokens -> decoder.

    Args:
        config: beside `Reporter`'s: `encoder` (of `SwinEncoder`, or of `TimmEncoder` where it has a `name`), `regional`
            (of `REGIONAL`), `regional_use` (of `REGIONAL_USES`), `tokens` (a number, or `grid`), `decoder`.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        width = config["decoder"]["width"]
        self.encoder = make_encoder(config["encoder"], config["size"], width)
        self.findings = nn.Linear(width, len(OBSERVATIONS))  # of one patch
        nn.init.constant_(self.findings.bias, RARE)
        self.evidence = nn.Linear(2 * len(OBSERVATIONS), width, bias=False)
        use, cross_attention = REGIONAL_USES[config["regional_use"]]
        self.regional = use(REGIONAL[config["regional"]](width))
        self.pooling = pooling(self.grid[0] * self.grid[1], config["tokens"])
        self.decoder = Decoder(
            vocab_size=config["vocab_size"],
            max_tokens=self.positions,
            cross_attention=cross_attention,
            **config["decoder"],
        )

    def read(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Each patch carries what the findings' head makes of it, and what it makes of the patch where it is surest: a
        word about a finding then has one direction to look for, wherever the finding lies."""
        memory = self.encoder(image)
        lies = self.findings(memory)
        seen = torch.cat([lies, lies.amax(1, keepdim=True).expand_as(lies)], dim=-1).sigmoid()
        return self.pooling(self.regional(memory + self.evidence(seen))), lies


def make_encoder(settings: dict[str, Any], size: int, width: int) -> SwinEncoder | TimmMemory:
    """timm's where a name is given, else the one behind convolutions."""
    if "name" in settings:
        return TimmMemory(TimmEncoder(size=size, **settings), width)
    return SwinEncoder(size=size, width=width, **settings)
