"""BART's decoder (Lewis et al. 2020, "BART", ACL) as transformers builds it."""

from torch import Tensor  # noqa: TID253
from transformers import BartConfig  # noqa: TID253
from transformers.models.bart.modeling_bart import BartDecoder as BartStack  # noqa: TID253

from model.cached_decoder import CachedDecoder
from model.tokenizer import BOS_ID, EOS_ID, PAD_ID


class BartDecoder(CachedDecoder):
    """Post-norm decoder; BART-base has width 768, 12 heads, 6 layers.

    Args:
        vocab_size: rows of the token embedding. max_tokens: longest text, the prompt included.
        width, heads, layers, dropout: of the stack. tied: the head is the embedding, or one of its own.
    """

    def __init__(
        self, *, vocab_size: int, max_tokens: int, width: int, heads: int, layers: int, dropout: float, tied: bool
    ) -> None:
        config = BartConfig(
            vocab_size=vocab_size,
            max_position_embeddings=max_tokens,
            d_model=width,
            decoder_attention_heads=heads,
            decoder_layers=layers,
            encoder_layers=layers,
            decoder_ffn_dim=4 * width,
            dropout=dropout,
            attention_dropout=0.0,
            pad_token_id=PAD_ID,
            bos_token_id=BOS_ID,
            eos_token_id=EOS_ID,
            decoder_start_token_id=BOS_ID,
            attn_implementation="eager",
        )
        body = BartStack(config)
        super().__init__(
            body,
            [layer.encoder_attn for layer in body.layers],
            width=width,
            heads=heads,
            vocab_size=vocab_size,
            tied=tied,
        )

    def project(self, layer: int, memory: Tensor) -> tuple[Tensor, Tensor]:
        attention = self.body.layers[layer].encoder_attn
        return attention.k_proj(memory), attention.v_proj(memory)
