"""The smallest reporter that has every part, as the model section of params.yaml describes it."""

from typing import Any

ENCODER: dict[str, Any] = {
    "stem_channels": [8, 16],
    "stem_blocks": [0, 1],
    "depths": [1, 1],
    "num_heads": [2, 2],
    "window_size": 8,
}
DECODER: dict[str, Any] = {"width": 32, "heads": 4, "layers": 2, "dropout": 0.1}
