"""The smallest reporter that has every part, as the train and model sections of params.yaml describe it."""

from typing import Any

MODEL: dict[str, Any] = {
    "architecture": "grounded",
    "grounding_loss": "kl",
    "entropy": "unsupervised",
    "regional": "off",
    "regional_use": "weights",
    "tokens": "grid",
    "encoder": {
        "stem_channels": [8, 16],
        "stem_blocks": [0, 1],
        "depths": [1, 1],
        "num_heads": [2, 2],
        "window_size": 8,
    },
    "decoder": {"width": 32, "heads": 4, "layers": 2, "dropout": 0.1},
    "draft": {"beams": 1, "length_penalty": 1.0},
}
