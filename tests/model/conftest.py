"""A reporter small enough to run in milliseconds."""

import pytest
import torch

from model.reporter import Reporter
from tests.tiny import DECODER, ENCODER

TINY = {
    "size": 64,
    "max_tokens": 24,
    "vocab_size": 40,
    "encoder": ENCODER,
    "decoder": DECODER,
}


@pytest.fixture
def reporter() -> Reporter:
    torch.manual_seed(0)
    return Reporter(TINY).eval()
