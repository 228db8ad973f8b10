"""The image side: a Swin transformer whose last feature map keeps a grid of at least 16 x 16 patches.

Liu et al. 2021, "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows" (ICCV), as timm builds it.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch  # noqa: TID253
from timm.models.swin_transformer import SwinTransformer  # noqa: TID253
from torch import Tensor, nn  # noqa: TID253


class SwinEncoder(nn.Module):
    """Radiograph (B, 1, size, size) in [0, 1] -> memory (B, N, width), N = grid rows x columns in reading order.

    Args:
        size: side of the input, px.
        patch_size: side of the first patches, px; every stage after the first halves the grid.
        embed_dim: channels of the first stage; every stage after it doubles them.
        depths: blocks a stage. num_heads: attention heads a stage.
        window_size: side of the attention windows, patches.
        width: channels of the memory that the decoder reads.
    """

    def __init__(
        self,
        *,
        size: int,
        patch_size: int,
        embed_dim: int,
        depths: Sequence[int],
        num_heads: Sequence[int],
        window_size: int,
        width: int,
    ) -> None:
        super().__init__()
        stride = patch_size * 2 ** (len(depths) - 1)
        self.grid = (size // stride, size // stride)
        self.swin = SwinTransformer(
            img_size=size,
            patch_size=patch_size,
            in_chans=1,
            num_classes=0,
            embed_dim=embed_dim,
            depths=tuple(depths),
            num_heads=tuple(num_heads),
            window_size=window_size,
        )
        self.swin.patch_embed.proj = early_convolutions(patch_size, embed_dim)
        self.project = nn.Linear(self.swin.num_features, width)
        self.norm = nn.LayerNorm(width)
        self.register_buffer("position", sine_position(self.grid, width), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        features = self.swin.forward_features((image - 0.5) / 0.25)  # (B, rows, columns, C)
        memory: Tensor = self.norm(self.project(features.flatten(1, 2))) + self.position
        return memory


def early_convolutions(patch_size: int, channels: int) -> nn.Sequential:
    """(B, 1, size, size) -> (B, channels, size / patch_size, size / patch_size), halving by halving.

    Overlapping 3 x 3 convolutions in the place of one of the patch's size: a transformer that is trained from nothing
    learns in fewer steps behind them. Xiao et al. 2021, "Early Convolutions Help Transformers See Better" (NeurIPS).

    Args:
        patch_size: a power of 2.
    """
    halvings = patch_size.bit_length() - 1
    widths = [1, *(channels >> (halvings - 1 - step) for step in range(halvings))]
    layers: list[nn.Module] = []
    for narrow, wide in pairwise(widths):
        layers += [nn.Conv2d(narrow, wide, 3, stride=2, padding=1, bias=False), nn.GroupNorm(1, wide), nn.GELU()]
    return nn.Sequential(*layers, nn.Conv2d(channels, channels, 1))


def sine_position(grid: tuple[int, int], width: int) -> Tensor:
    """Fixed position code (rows x columns, width): sines and cosines of the row, then of the column.

    Vaswani et al. 2017, section 3.5, once per axis.
    """
    rows, columns = grid
    frequency = 1.0 / 100 ** (torch.arange(width // 4) / (width // 4))

    def axis(count: int) -> Tensor:
        angle = torch.arange(count)[:, None] * frequency
        return torch.cat([angle.sin(), angle.cos()], dim=1)  # (count, width / 2)

    by_row = axis(rows)[:, None].expand(rows, columns, -1)
    by_column = axis(columns)[None].expand(rows, columns, -1)
    return torch.cat([by_row, by_column], dim=2).flatten(0, 1)
