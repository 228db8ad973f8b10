"""GPT-2 (Radford et al. 2019) with cross-attention inserted into every block, as transformers builds it."""

from torch import Tensor  # noqa: TID253
from transformers import GPT2Config, GPT2Model  # noqa: TID253

from model.cached_decoder import CachedDecoder
from model.tokenizer import BOS_ID, EOS_ID, PAD_ID


class Gpt2Decoder(CachedDecoder):
    """Pre-norm decoder, head tied to the embedding; GPT-2 has width 768, 12 heads, 12 layers.

    Args:
        vocab_size: rows of the token embedding. max_tokens: longest text, the prompt included.
        width, heads, layers, dropout: of the stack.
    """

    def __init__(
        self, *, vocab_size: int, max_tokens: int, width: int, heads: int, layers: int, dropout: float
    ) -> None:
        config = GPT2Config(
            vocab_size=vocab_size,
            n_positions=max_tokens,
            n_embd=width,
            n_head=heads,
            n_layer=layers,
            embd_pdrop=dropout,
            resid_pdrop=dropout,
            attn_pdrop=0.0,
            add_cross_attention=True,
            pad_token_id=PAD_ID,
            bos_token_id=BOS_ID,
            eos_token_id=EOS_ID,
            attn_implementation="eager",
        )
        body = GPT2Model(config)
        super().__init__(
            body,
            [block.crossattention for block in body.h],
            width=width,
            heads=heads,
            vocab_size=vocab_size,
            tied=True,
        )

    def project(self, layer: int, memory: Tensor) -> tuple[Tensor, Tensor]:
        key, value = self.body.h[layer].crossattention.c_attn(memory).chunk(2, dim=-1)
        return key, value
