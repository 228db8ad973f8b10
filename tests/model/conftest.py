"""Reporters small enough to run in milliseconds, one of each architecture."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model.configurations import build_reporter
from model.pixels import PixelParams
from model.reporter import Reporter
from model.tokenizer import ReportTokenizer
from tests.exported import PROMPTS, sharpened, write_exported
from tests.tiny import MODEL

SHARED = {"size": 64, "max_tokens": 24, "vocab_size": 40, "entropy": "unsupervised"}

TINY: dict[str, Any] = {**SHARED, **MODEL}

TINY_SWIN = {
    "name": "swin_tiny_patch4_window7_224",
    "embed_dim": 16,
    "depths": [1, 1],
    "num_heads": [2, 2],
    "window_size": 4,
}

TINY_SWIN_BART: dict[str, Any] = {
    **SHARED,
    "architecture": "swin_bart",
    "grounding_loss": "kl",
    "regional": "single",
    "tokens": 29,
    "encoder": TINY_SWIN,
    "decoder": {"width": 32, "heads": 4, "layers": 2, "dropout": 0.1, "tied": True},
}

TINY_BASELINE: dict[str, Any] = {
    **SHARED,
    "architecture": "baseline",
    "grounding_loss": "none",
    "encoder": {"name": "vit_tiny_patch16_224", "embed_dim": 16, "depth": 2, "num_heads": 2},
    "decoder": {"width": 32, "heads": 4, "layers": 2, "dropout": 0.1},
}

CONFIGURATIONS = {
    "grounded": TINY,
    "grounded with timm's Swin": {**TINY, "encoder": TINY_SWIN},
    "grounded with a gated prior on 12 tokens": {**TINY, "regional": "gated", "regional_use": "prior", "tokens": 12},
    "grounded with a prompt": {**TINY, "prompt_tokens": 6},
    "swin_bart": TINY_SWIN_BART,
    "swin_bart with a head of its own, sigmoid loss": {
        **TINY_SWIN_BART,
        "regional": "multi_head",
        "grounding_loss": "sigmoid_bce",
        "decoder": {**TINY_SWIN_BART["decoder"], "tied": False},
    },
    "baseline": TINY_BASELINE,
}


def make(config: dict[str, Any]) -> Reporter:
    torch.manual_seed(0)
    return build_reporter(config).eval()


@pytest.fixture
def reporter() -> Reporter:
    return make(TINY)


@pytest.fixture(params=CONFIGURATIONS)
def any_reporter(request: pytest.FixtureRequest) -> Reporter:
    """Each configuration in turn."""
    return make(CONFIGURATIONS[request.param])


@pytest.fixture
def make_reporter() -> Callable[[str], Reporter]:
    """Build a configuration of the list above by its name."""
    return lambda name: make(CONFIGURATIONS[name])


@pytest.fixture(scope="session", params=["grounded", "swin_bart", "baseline"])
def architecture(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The tiny configuration of each architecture in turn."""
    return CONFIGURATIONS[request.param]


@pytest.fixture(scope="session")
def trained(architecture: dict[str, Any]) -> tuple[Reporter, ReportTokenizer]:
    return sharpened(architecture)


@pytest.fixture(scope="session")
def exported(
    architecture: dict[str, Any], trained: tuple[Reporter, ReportTokenizer], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """`trained` in every variant, to be read alone: written once, whichever test process comes first."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    folder = shared / f"exported-{architecture['architecture']}"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            made = tmp_path_factory.mktemp("exported")
            write_exported(made, *trained, PixelParams(size=SHARED["size"]), variants=True).rename(folder)
    return folder


@pytest.fixture
def images() -> NDArray[np.uint8]:
    """One for each of PROMPTS."""
    size = SHARED["size"]
    return np.random.default_rng(0).integers(0, 255, (len(PROMPTS), size, size), dtype=np.uint8)
