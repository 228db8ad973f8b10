"""The text side: a pre-norm transformer decoder whose cross-attention may look away.

Every cross-attention has one learned *null* token beside the N patches. A word that rests on no region puts its mass
there, so that attention on the image is evidence and not a leftover of the softmax. The last layer's cross-attention is
the one that is supervised and shown; its softmax is in float32.
"""

import torch  # noqa: TID253
from torch import Tensor, nn  # noqa: TID253


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

    def forward(self, x: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, width) -> output, attention (B, heads, T, N + 1) with rows that sum to 1."""
        query = split_heads(self.query(x), self.heads)
        scores = query @ key.transpose(2, 3) * query.shape[-1] ** -0.5
        attention = scores.float().softmax(dim=-1)
        return self.out(merge_heads(attention.to(value.dtype) @ value)), attention


class DecoderLayer(nn.Module):
    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.self_norm, self.cross_norm, self.feed_norm = (nn.LayerNorm(width) for _ in range(3))
        self.self_attention = SelfAttention(width, heads)
        self.cross_attention = CrossAttention(width, heads)
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Tensor, cross_key: Tensor, cross_value: Tensor, past_key: Tensor, past_value: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        mixed, key, value = self.self_attention(self.self_norm(x), past_key, past_value)
        x = x + self.dropout(mixed)
        seen, attention = self.cross_attention(self.cross_norm(x), cross_key, cross_value)
        x = x + self.dropout(seen)
        return x + self.dropout(self.feed(self.feed_norm(x))), attention, key, value


class Decoder(nn.Module):
    """Token ids and the image's keys and values -> logits, supervised attention, grown cache.

    Args:
        vocab_size: rows of the embedding, which is tied to the head. max_tokens: longest report.
        width, heads, layers, dropout: of the transformer.
    """

    def __init__(
        self, *, vocab_size: int, max_tokens: int, width: int, heads: int, layers: int, dropout: float
    ) -> None:
        super().__init__()
        self.heads, self.head_width, self.max_tokens = heads, width // heads, max_tokens
        self.embedding = nn.Embedding(vocab_size, width)
        self.position = nn.Embedding(max_tokens, width)
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(DecoderLayer(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        nn.init.normal_(self.embedding.weight, std=0.02)
        nn.init.normal_(self.position.weight, std=0.02)

    def keys_values(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Memory (B, N, width) -> the layers' cross keys and values, each (L, B, heads, N + 1, d)."""
        pairs = [layer.cross_attention.keys_values(memory) for layer in self.layers]  # type: ignore[union-attr, operator]
        return torch.stack([key for key, _ in pairs]), torch.stack([value for _, value in pairs])

    def empty_cache(self, batch: int, like: Tensor) -> Tensor:
        """The self-attention cache before the first token: (L, B, heads, 0, d)."""
        return like.new_zeros(len(self.layers), batch, self.heads, 0, self.head_width)

    def forward(
        self, ids: Tensor, cross_key: Tensor, cross_value: Tensor, past_key: Tensor, past_value: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """ids (B, T) after P cached tokens.

        Returns:
            logits (B, T, V); the last layer's attention (B, heads, T, N + 1), null token last; keys and values
            (L, B, heads, P + T, d).
        """
        past = past_key.shape[3]
        where = torch.arange(past, past + ids.shape[1], device=ids.device)
        x = self.dropout(self.embedding(ids) + self.position(where))
        keys, values = [], []
        for index, layer in enumerate(self.layers):
            x, attention, key, value = layer(
                x, cross_key[index], cross_value[index], past_key[index], past_value[index]
            )
            keys.append(key)
            values.append(value)
        logits = self.norm(x) @ self.embedding.weight.T
        return logits, attention, torch.stack(keys), torch.stack(values)
