"""What a data scientist may tune of the model's input, and the hash that binds a model to it."""

import hashlib
import json
from dataclasses import asdict, dataclass

from model.errors import BadInput

ALGORITHM = "radassist-pixels-1"
"""Raise the number with every change that can move a pixel: models of the old number are then refused."""


@dataclass(frozen=True, slots=True)
class PixelParams:
    """The parameters of `to_model_input`.

    Args:
        size: side of the square input, px, >= 1.
        clahe_clip_limit: contrast limit of CLAHE as OpenCV counts it, >= 0; 0 leaves CLAHE out.
        clahe_tiles: CLAHE tiles a side, >= 1.

    Raises:
        BadInput: a value out of range.
    """

    size: int = 128
    clahe_clip_limit: float = 2.0
    clahe_tiles: int = 8

    def __post_init__(self) -> None:
        for name, least in (("size", 1), ("clahe_clip_limit", 0), ("clahe_tiles", 1)):
            if not getattr(self, name) >= least:
                raise BadInput(f"{name} {getattr(self, name)}", f"it is at least {least}", f"set pixels.{name}")

    def sha256(self) -> str:
        """Hex digest of the algorithm's version and the parameters as canonical JSON (2 and 2.0 are the same limit)."""
        canonical = {**asdict(self), "clahe_clip_limit": float(self.clahe_clip_limit), "algorithm": ALGORITHM}
        return hashlib.sha256(json.dumps(canonical, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
