"""Any Swin or ViT of timm as the image side, for one grey channel and any size."""

from typing import Any

import timm  # noqa: TID253
from torch import Tensor, nn  # noqa: TID253

from model.encoder import ImageEncoder, sine_position
from model.errors import BadInput

GREY_MEAN, GREY_DEVIATION = 0.449, 0.226
"""ImageNet's mean and standard deviation, averaged over the three colours."""


class TimmEncoder(ImageEncoder):
    """Radiograph (B, 1, rows, columns) in [0, 1] -> features (B, N, C), N = grid rows x columns in reading order.

    A class token is left out: it lies nowhere.

    Args:
        name: a Swin or ViT in timm's registry. With pretrained weights, the three colours of the patch embedding are
            summed to one.
        size: input, px: a side, or (rows, columns).
        options: what timm's constructor takes. A Swin needs `window_size`: left to itself, timm makes it an eighth
            of the grid, so that it grows with the image.

    Raises:
        BadInput: no such name; a Swin without a window; a size that the encoder's strides do not divide.
    """

    def __init__(self, name: str, size: int | tuple[int, int], **options: Any) -> None:
        super().__init__()
        if not timm.is_model(name):
            raise BadInput(f"encoder {name}", "timm has no model of this name", "choose one of timm.list_models()")
        if "swin" in name and "window_size" not in options:
            raise BadInput(
                f"encoder {name} without window_size", "a Swin's window is stated", "set encoder.window_size"
            )
        self.made_with = {"img_size": size, "in_chans": 1, "num_classes": 0, **options}
        self.body = timm.create_model(name, **self.made_with)
        self.width = self.body.num_features
        stride = self.body.feature_info[-1]["reduction"]
        rows, columns = (size, size) if isinstance(size, int) else size
        if rows % stride or columns % stride:
            raise BadInput(f"size {rows} x {columns} px", f"{name} reads multiples of {stride} px", "set pixels.size")
        self.grid = (rows // stride, columns // stride)

    def checkpoint_gradients(self) -> None:
        self.body.set_grad_checkpointing(True)

    def forward(self, image: Tensor) -> Tensor:
        features: Tensor = self.body.forward_features((image - GREY_MEAN) / GREY_DEVIATION)
        if features.ndim == 4:  # Swin: (B, rows, columns, C)
            return features.flatten(1, 2)
        return features[:, self.body.num_prefix_tokens :]


class TimmMemory(ImageEncoder):
    """A timm encoder whose features become memory (B, N, width) as `model.encoder.SwinEncoder` makes it: projected,
    normalised, each position with its place."""

    def __init__(self, encoder: TimmEncoder, width: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.grid, self.width = encoder.grid, width
        self.project = nn.Linear(encoder.width, width)
        self.norm = nn.LayerNorm(width)
        self.register_buffer("position", sine_position(self.grid, width), persistent=False)

    def checkpoint_gradients(self) -> None:
        self.encoder.checkpoint_gradients()

    def forward(self, image: Tensor) -> Tensor:
        memory: Tensor = self.norm(self.project(self.encoder(image))) + self.position
        return memory
