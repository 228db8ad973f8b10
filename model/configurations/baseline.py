"""`baseline`: a plain captioner to hold the others against.

ViT-B/16 and GPT-2 with cross-attention inserted. Nobody teaches it where to look.
"""

from typing import Any

from torch import Tensor, nn  # noqa: TID253

from model.gpt2_decoder import Gpt2Decoder
from model.pooling import pooling
from model.reporter import Reporter
from model.timm_encoder import TimmEncoder


class Baseline(Reporter):
    """Image -> features -> projection -> GPT-2.

    Args:
        config: beside `Reporter`'s: `encoder` (of `TimmEncoder`), `decoder` (of `Gpt2Decoder`).
    """

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self.encoder = TimmEncoder(size=config["size"], **config["encoder"])
        self.project = nn.Linear(self.encoder.width, config["decoder"]["width"])
        self.pooling = pooling(self.grid[0] * self.grid[1], "grid")
        self.decoder = Gpt2Decoder(vocab_size=config["vocab_size"], max_tokens=self.positions, **config["decoder"])

    def read(self, image: Tensor) -> tuple[Tensor, None]:
        return self.project(self.encoder(image)), None
