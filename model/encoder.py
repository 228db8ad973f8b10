"""The image side: convolutions halve the radiograph down to its patch grid, and a Swin transformer works on the grid.

A transformer that is trained from nothing learns in far fewer steps behind convolutions than behind cut-out patches:
Xiao et al. 2021, "Early Convolutions Help Transformers See Better" (NeurIPS). Liu et al. 2021, "Swin Transformer:
Hierarchical Vision Transformer using Shifted Windows" (ICCV), as timm builds it.
"""

from collections.abc import Sequence

import torch  # noqa: TID253
from timm.models.swin_transformer import SwinTransformer  # noqa: TID253
from torch import Tensor, nn  # noqa: TID253


class ImageEncoder(nn.Module):
    """What every image side has: the `grid`, rows x columns, and the `width`, channels, of what it gives."""

    grid: tuple[int, int]
    width: int

    def checkpoint_gradients(self) -> None:
        """Keep block borders alone between the passes and compute the rest again: less memory, a third more time."""
        raise NotImplementedError


class SwinEncoder(ImageEncoder):
    """Radiograph (B, 1, size, size) in [0, 1] -> memory (B, N, width), N = grid rows x columns in reading order.

    Args:
        size: side of the input, px.
        stem_channels, stem_blocks: channels and residual blocks after each halving by convolutions. What they leave are
            Swin's patches.
        depths: Swin blocks a stage; every stage after the first halves the grid and doubles the channels.
        num_heads: attention heads a stage.
        window_size: side of the attention windows, patches.
        width: channels of the memory that the decoder reads.
    """

    def __init__(
        self,
        *,
        size: int,
        stem_channels: Sequence[int],
        stem_blocks: Sequence[int],
        depths: Sequence[int],
        num_heads: Sequence[int],
        window_size: int,
        width: int,
    ) -> None:
        super().__init__()
        patch_size = 2 ** len(stem_channels)
        stride = patch_size * 2 ** (len(depths) - 1)
        self.grid, self.width = (size // stride, size // stride), width
        self.swin = SwinTransformer(
            img_size=size,
            patch_size=patch_size,
            in_chans=1,
            num_classes=0,
            embed_dim=stem_channels[-1],
            depths=tuple(depths),
            num_heads=tuple(num_heads),
            window_size=window_size,
        )
        self.swin.patch_embed.proj = stem(stem_channels, stem_blocks)
        self.project = nn.Linear(self.swin.num_features, width)
        self.norm = nn.LayerNorm(width)
        self.register_buffer("position", sine_position(self.grid, width), persistent=False)

    def checkpoint_gradients(self) -> None:
        self.swin.set_grad_checkpointing(True)

    def forward(self, image: Tensor) -> Tensor:
        features = self.swin.forward_features((image - 0.5) / 0.25)  # (B, rows, columns, C)
        memory: Tensor = self.norm(self.project(features.flatten(1, 2))) + self.position
        return memory


def stem(channels: Sequence[int], blocks: Sequence[int]) -> nn.Sequential:
    """(B, 1, size, size) -> (B, channels[-1], size / 2^n, size / 2^n), halving by halving, `blocks` after each."""
    layers: list[nn.Module] = []
    narrow = 1
    for wide, count in zip(channels, blocks, strict=True):
        layers += [nn.Conv2d(narrow, wide, 3, stride=2, padding=1, bias=False), nn.GroupNorm(1, wide), nn.GELU()]
        layers += [ResidualBlock(wide) for _ in range(count)]
        narrow = wide
    return nn.Sequential(*layers, nn.Conv2d(narrow, narrow, 1))


class ResidualBlock(nn.Module):
    """A depthwise 3 x 3 convolution and two pointwise ones around a GELU, added to what came in: (B, C, H, W).

    Liu et al. 2022, "A ConvNet for the 2020s" (CVPR), with a smaller kernel and half the expansion.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.change = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
            nn.GroupNorm(1, channels),
            nn.Conv2d(channels, 2 * channels, 1),
            nn.GELU(),
            nn.Conv2d(2 * channels, channels, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = x + self.change(x)
        return changed


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
