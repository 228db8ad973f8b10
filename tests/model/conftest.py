"""A reporter small enough to run in milliseconds."""

import pytest
import torch

from model.reporter import Reporter

TINY = {
    "size": 64,
    "max_tokens": 24,
    "vocab_size": 40,
    "encoder": {
        "stem_channels": [8, 16],
        "stem_blocks": [0, 1],
        "depths": [1, 1],
        "num_heads": [2, 2],
        "window_size": 8,
    },
    "decoder": {"width": 32, "heads": 4, "layers": 2, "dropout": 0.1},
}


@pytest.fixture
def reporter() -> Reporter:
    torch.manual_seed(0)
    return Reporter(TINY).eval()
