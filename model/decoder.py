"""The text side: a pre-norm transformer decoder whose cross-attention may look away.

Every cross-attention has one learned *null* token beside the N patches. A word that rests on no region puts its mass
there, so that attention on the image is evidence and not a leftover of the softmax. The last layer's cross-attention is
the one that is supervised and shown; its softmax is in float32.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch  # noqa: TID253
from torch import Tensor, nn  # noqa: TID253

Layers = Sequence[Tensor]
"""A tensor a layer, first layer first. They stay apart: no step copies what the image gave."""


class Looked(NamedTuple):
    """Where each word looked, over the N patches and, last, the null token.

    Attributes:
        attention: (B, heads, T, N + 1), rows sum to 1.
        scores: (B, heads, T, N + 1), the logits whose softmax `attention` is.
    """

    attention: Tensor
    scores: Tensor


class Decoded(NamedTuple):
    """What T new tokens after P cached ones give.

    Attributes:
        logits: (B, T, V). looked: of the supervised layer, the last.
        key, value: of each layer (B, heads, P + T, d), the grown self-attention cache.
    """

    logits: Tensor
    looked: Looked
    key: Layers
    value: Layers


class TextDecoder(nn.Module):
    """What every decoder gives, so that drafting, generation and the ONNX graphs know no architecture.

    The image is read once: `keys_values`. Then each call of `forward` adds words to a cache that its caller holds.

    Args:
        layers, heads, head_width: of the self-attention cache.
    """

    def __init__(self, *, layers: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.depth, self.heads, self.head_width = layers, heads, head_width

    def keys_values(self, memory: Tensor) -> tuple[Layers, Layers]:
        """Memory (B, N, width) -> the layers' cross keys and values, each (B, heads, N + 1, d)."""
        raise NotImplementedError

    def empty_cache(self, batch: int, like: Layers) -> Layers:
        """The self-attention cache before the first token: of each layer (B, heads, 0, d)."""
        return [like[0].new_zeros(batch, self.heads, 0, self.head_width) for _ in range(self.depth)]

    def forward(
        self, ids: Tensor, cross_key: Layers, cross_value: Layers, past_key: Layers, past_value: Layers
    ) -> Decoded:
        """ids (B, T) after P cached tokens, of each layer (B, heads, P, d)."""
        raise NotImplementedError


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(B, T, width) -> (B, heads, T, width / heads)"""
    batch, length, width = x.shape
    return x.view(batch, length, heads, width // heads).transpose(1, 2)


def merge_heads(x: Tensor) -> Tensor:
    """(B, heads, T, d) -> (B, T, heads x d)"""
    return x.transpose(1, 2).flatten(2)


class SelfAttention(nn.Module):
    """Causal self-attention over past and new tokens."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, past_key: Tensor, past_value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """New tokens (B, T, width) after P cached ones (B, heads, P, d) -> output and the P + T keys and values."""
        query, key, value = (split_heads(part, self.heads) for part in self.qkv(x).chunk(3, dim=-1))
        key = torch.cat([past_key, key], dim=2)
        value = torch.cat([past_value, value], dim=2)
        past, new = past_key.shape[2], x.shape[1]
        seen = torch.arange(past + new, device=x.device)[None] <= torch.arange(new, device=x.device)[:, None] + past
        scores = (query @ key.transpose(2, 3) * query.shape[-1] ** -0.5).float().masked_fill(~seen, float("-inf"))
        return self.out(merge_heads(scores.softmax(dim=-1).to(value.dtype) @ value)), key, value


class CrossAttention(nn.Module):
    """Attention of the words over the N patches and the null token."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.null = nn.Parameter(torch.zeros(1, 1, width))
        self.out = nn.Linear(width, width)
        nn.init.normal_(self.null, std=0.02)

    def keys_values(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Memory (B, N, width) -> keys and values (B, heads, N + 1, d), the null token last. Once a study."""
        with_null = torch.cat([memory, self.null.expand(memory.shape[0], -1, -1)], dim=1)
        key, value = self.key_value(with_null).chunk(2, dim=-1)
        return split_heads(key, self.heads), split_heads(value, self.heads)

    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        """(B, heads, T, d), (B, heads, N + 1, d) -> logits (B, heads, T, N + 1)."""
        scores: Tensor = query @ key.transpose(2, 3) * query.shape[-1] ** -0.5
        return scores

    def forward(self, x: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Looked]:
        """(B, T, width) -> output, where it looked."""
        scores = self.scores(split_heads(self.query(x), self.heads), key).float()
        attention = scores.softmax(dim=-1)
        return self.out(merge_heads(attention.to(value.dtype) @ value)), Looked(attention, scores)


class PriorCrossAttention(CrossAttention):
    """Cross-attention whose logits begin at a prior over the patches, the memory's last channel.

    The prior travels as one more channel of the keys, so that a cache of keys and values holds it too.
    """

    def keys_values(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Memory (B, N, width + 1), as `model.regional.RegionalPrior` makes it -> keys one channel wider, values."""
        key, value = super().keys_values(memory[..., :-1])
        prior = nn.functional.pad(memory[..., -1], (0, 1))  # the null token has none
        return torch.cat([key, prior[:, None, :, None].expand(-1, self.heads, -1, 1)], dim=-1), value

    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        return super().scores(query, key[..., :-1]) + key[..., -1][:, :, None]


class DecoderLayer(nn.Module):
    def __init__(self, width: int, heads: int, dropout: float, cross_attention: type[CrossAttention]) -> None:
        super().__init__()
        self.self_norm, self.cross_norm, self.feed_norm = (nn.LayerNorm(width) for _ in range(3))
        self.self_attention = SelfAttention(width, heads)
        self.cross_attention = cross_attention(width, heads)
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Tensor, cross_key: Tensor, cross_value: Tensor, past_key: Tensor, past_value: Tensor
    ) -> tuple[Tensor, Looked, Tensor, Tensor]:
        mixed, key, value = self.self_attention(self.self_norm(x), past_key, past_value)
        x = x + self.dropout(mixed)
        seen, looked = self.cross_attention(self.cross_norm(x), cross_key, cross_value)
        x = x + self.dropout(seen)
        return x + self.dropout(self.feed(self.feed_norm(x))), looked, key, value


class Decoder(TextDecoder):
    """Token ids and the image's keys and values -> logits, supervised attention, grown cache.

    Args:
        vocab_size: rows of the embedding, which is tied to the head. max_tokens: longest text, the prompt included.
        width, heads, layers, dropout: of the transformer. cross_attention: how the words look at the image.
    """

    def __init__(
        self,
        *,
        vocab_size: int,
        max_tokens: int,
        width: int,
        heads: int,
        layers: int,
        dropout: float,
        cross_attention: type[CrossAttention] = CrossAttention,
    ) -> None:
        super().__init__(layers=layers, heads=heads, head_width=width // heads)
        self.embedding = nn.Embedding(vocab_size, width)
        self.position = nn.Embedding(max_tokens, width)
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(DecoderLayer(width, heads, dropout, cross_attention) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        nn.init.normal_(self.embedding.weight, std=0.02)
        nn.init.normal_(self.position.weight, std=0.02)

    def keys_values(self, memory: Tensor) -> tuple[Layers, Layers]:
        pairs = [layer.cross_attention.keys_values(memory) for layer in self.layers]  # type: ignore[union-attr, operator]
        return [key for key, _ in pairs], [value for _, value in pairs]

    def forward(
        self, ids: Tensor, cross_key: Layers, cross_value: Layers, past_key: Layers, past_value: Layers
    ) -> Decoded:
        past = past_key[0].shape[2]
        where = torch.arange(past, past + ids.shape[1], device=ids.device)
        x = self.dropout(self.embedding(ids) + self.position(where))
        keys, values = [], []
        for index, layer in enumerate(self.layers):
            x, looked, key, value = layer(x, cross_key[index], cross_value[index], past_key[index], past_value[index])
            keys.append(key)
            values.append(value)
        logits = self.norm(x) @ self.embedding.weight.T
        return Decoded(logits, looked, keys, values)
