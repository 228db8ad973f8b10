"""A decoder of transformers behind the interface of `model.decoder.TextDecoder`.

transformers keeps keys and values in cache objects; here they are tensors, so that the same decoder drafts in torch,
generates with beams and exports to ONNX. The memory's keys and values, the null token's among them, are made once and
put into the cache as already computed.
"""

from copy import copy

import torch  # noqa: TID253
from torch import Tensor, nn  # noqa: TID253
from transformers import AttentionInterface, DynamicCache, EncoderDecoderCache, PreTrainedConfig, PreTrainedModel  # noqa: TID253

from model.decoder import Decoded, Layers, Looked, TextDecoder, merge_heads, split_heads

LOOKING = "looking"
"""Name of `looking` among transformers' attention functions."""


def looking(
    _module: nn.Module, query: Tensor, key: Tensor, value: Tensor, _mask: Tensor | None, scaling: float, **_: object
) -> tuple[Tensor, Tensor]:
    """Cross-attention that hands out its logits, in float32 and without dropout: dropped attention is no evidence."""
    scores = (query @ key.transpose(2, 3) * scaling).float()
    return (scores.softmax(-1).to(value.dtype) @ value).transpose(1, 2), scores


AttentionInterface.register(LOOKING, looking)


class CachedDecoder(TextDecoder):
    """Base of the decoders that transformers builds.

    Args:
        body: a decoder stack with cross-attention, eager.
        cross_attentions: the stack's cross-attention modules, first layer first.
        width, heads, vocab_size: of the stack. tied: the head is the embedding, or one of its own.
    """

    def __init__(
        self,
        body: PreTrainedModel,
        cross_attentions: list[nn.Module],
        *,
        width: int,
        heads: int,
        vocab_size: int,
        tied: bool,
    ) -> None:
        super().__init__(layers=len(cross_attentions), heads=heads, head_width=width // heads)
        self.body = body
        for attention in cross_attentions:
            attention.config = copy_with_looking(body.config)
        self.null = nn.Parameter(torch.zeros(1, 1, width))
        nn.init.normal_(self.null, std=0.02)
        self.head = None if tied else nn.Linear(width, vocab_size, bias=False)

    def project(self, layer: int, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Memory (B, N + 1, width) -> one layer's cross keys and values, each (B, N + 1, width)."""
        raise NotImplementedError

    def keys_values(self, memory: Tensor) -> tuple[Layers, Layers]:
        with_null = torch.cat([memory, self.null.to(memory.dtype).expand(memory.shape[0], -1, -1)], dim=1)
        pairs = [self.project(layer, with_null) for layer in range(self.depth)]
        keys, values = ([split_heads(pair[side], self.heads) for pair in pairs] for side in (0, 1))
        return keys, values

    def forward(
        self, ids: Tensor, cross_key: Layers, cross_value: Layers, past_key: Layers, past_value: Layers
    ) -> Decoded:
        cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
        for layer in range(self.depth):
            cache.self_attention_cache.update(past_key[layer], past_value[layer], layer)
            cache.cross_attention_cache.update(cross_key[layer], cross_value[layer], layer)
            cache.is_updated[layer] = True
        out = self.body(
            input_ids=ids,
            encoder_hidden_states=merge_heads(cross_key[0]),  # stands for the memory, which is in the cache
            past_key_values=cache,
            use_cache=True,
            output_attentions=True,
        )
        scores = out.cross_attentions[-1]
        hidden = out.last_hidden_state
        logits = hidden @ self.body.get_input_embeddings().weight.T if self.head is None else self.head(hidden)
        grown = cache.self_attention_cache.layers
        return Decoded(
            logits,
            Looked(scores.softmax(-1), scores),
            [layer.keys for layer in grown],
            [layer.values for layer in grown],
        )


def copy_with_looking(config: PreTrainedConfig) -> PreTrainedConfig:
    """The same configuration for a cross-attention module, whose attention function alone is another."""
    looks = copy(config)
    looks._attn_implementation = LOOKING
    return looks
