"""`swin_bart`: the published captioner.

Swin-B (ImageNet) -> 7 x 7 x 1024 at 224 px -> regional attention over the 49 positions -> linear to 768 -> adaptive
pooling to 29 tokens -> BART-base decoder over PubMedBERT's vocabulary. Captions have up to 128 tokens.
"""

from typing import Any

from torch import Tensor, nn  # noqa: TID253

from model.bart_decoder import BartDecoder
from model.pooling import pooling
from model.regional import REGIONAL, RegionalWeights
from model.reporter import Reporter
from model.timm_encoder import TimmEncoder


class SwinBart(Reporter):
    """Image -> features -> regional weights -> projection -> pooled tokens -> BART.

    Args:
        config: beside `Reporter`'s: `encoder` (of `TimmEncoder`), `regional` (of `REGIONAL`), `tokens` (a number, or
            `grid`), `decoder` (of `BartDecoder`).
    """

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self.encoder = TimmEncoder(size=config["size"], **config["encoder"])
        self.regional = RegionalWeights(REGIONAL[config["regional"]](self.encoder.width))
        self.project = nn.Linear(self.encoder.width, config["decoder"]["width"])
        self.pooling = pooling(self.grid[0] * self.grid[1], config["tokens"])
        self.decoder = BartDecoder(vocab_size=config["vocab_size"], max_tokens=self.positions, **config["decoder"])

    def read(self, image: Tensor) -> tuple[Tensor, None]:
        return self.pooling(self.project(self.regional(self.encoder(image)))), None
