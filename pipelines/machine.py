"""What a stage ran on: the versions of the libraries that shape a result, and the hardware."""

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

LIBRARIES: tuple[str, ...] = (
    "torch",
    "timm",
    "tokenizers",
    "onnx",
    "onnxruntime-gpu",
    "numpy",
    "scipy",
    "opencv-python-headless",
    "pydicom",
    "nltk",
    "pandas",
    "dvc",
    "mlflow",
    "apache-airflow",
)


def library_versions() -> dict[str, str]:
    """Name and version of each of LIBRARIES that is installed, and of Python."""
    installed = {d.metadata["Name"].lower(): d.version for d in metadata.distributions()}
    return {"python": platform.python_version()} | {n: installed[n] for n in LIBRARIES if n in installed}


def hardware() -> dict[str, Any]:
    """The processor, the cores that this process may use, memory in GiB, NVIDIA cards, the system."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    cards = sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
    return {
        "processor": names[0] if names else platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "graphics_cards": [card.read_text().partition("Model:")[2].splitlines()[0].strip() for card in cards],
        "system": platform.platform(),
    }
