"""Which hardware runs the graphs. ONNX Runtime falls back to the CPU without an error; here that is one."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Any

import onnxruntime as ort

from model.errors import BadInput

CACHE_RESIDENT = 32 * 2**20
"""Bytes. A graph up to this size is over before a second thread has woken, unless it reads a large image: one thread is
faster."""
SMALL_IMAGE = 128
"""Side of the largest image, px, that is no large one."""

Chain = list[tuple[str, dict[str, Any]]]


class Provider(StrEnum):
    """Where the graphs run; the first of its chain is the one that must."""

    CPU = "cpu"
    CUDA = "cuda"
    TENSORRT = "tensorrt"

    @property
    def device(self) -> str:
        """Where its tensors lie, as ONNX Runtime calls it."""
        return "cpu" if self is Provider.CPU else "cuda"

    def chain(self) -> Chain:
        """ONNX Runtime's providers with their options, best first.

        CUDA: convolutions are chosen by rule and not by trial, which costs seconds at each new shape, and the arena
        grows by what is asked for. TensorRT: engines are built once in minutes, then read from the user's cache.
        """
        cuda = (
            "CUDAExecutionProvider",
            {"cudnn_conv_algo_search": "HEURISTIC", "arena_extend_strategy": "kSameAsRequested"},
        )
        if self is Provider.CPU:
            return [("CPUExecutionProvider", {})]
        if self is Provider.CUDA:
            return [cuda]
        built = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "radassist" / "tensorrt"
        built.mkdir(parents=True, exist_ok=True, mode=0o700)
        return [
            ("TensorrtExecutionProvider", {"trt_engine_cache_enable": True, "trt_engine_cache_path": str(built)}),
            cuda,
        ]


def threads_for(graph: Path, threads: int, size: int = 0) -> int:
    """Of so many threads, those that a graph is given.

    Args:
        size: side of the image that it reads, px; a decoder's step reads none.
    """
    small = graph.stat().st_size <= CACHE_RESIDENT and size <= SMALL_IMAGE
    return 1 if small else threads


def session(path: Path, chain: Chain, threads: int) -> ort.InferenceSession:
    """Open a graph and make sure that the first provider of the chain is the one that runs it.

    Args:
        threads: of the CPU.

    Raises:
        BadInput: the provider that was asked for is not the one in use.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    opened = ort.InferenceSession(path, options, providers=chain)
    wanted, runs = chain[0][0], opened.get_providers()[0]
    if runs != wanted:
        raise BadInput(
            f"provider {wanted}",
            f"this machine runs {path.name} on {runs}",
            "install the driver and libraries of that provider, or ask for cpu",
        )
    return opened
