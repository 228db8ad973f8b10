"""What one model version's stream is held against, in one file that travels with the model.

    NAME.safetensors    the numbers' sorted values and the embeddings' axes; all else is JSON in its header

No name of a patient or study is in it, and no report: the most frequent ones are known by their fingerprints.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from model.errors import BadInput
from model.metrics.bootstrap import Estimate
from monitoring.projection import Projection
from monitoring.reference import Counted, Moments, Reference
from records.canonical import sha256

FOLDER, FILE = "reference", "reference.safetensors"  # as stage reference writes it
_MEAN, _AXES = "projection.mean", "projection.axes"


@dataclass(frozen=True, slots=True)
class Watched:
    """A model version, the reference that its stream is held against, and its validated figures by name. `templates`
    are the fingerprints of the training set's most frequent reports."""

    model_version: str
    reference: Reference
    validated: Mapping[str, Estimate]
    templates: frozenset[str] = frozenset()

    @property
    def sha256(self) -> str:
        """Of the file."""
        return sha256(self._packed())

    def save(self, path: Path) -> None:
        path.write_bytes(self._packed())

    def _packed(self) -> bytes:
        """The same is the same bytes."""
        reference = self.reference
        tensors: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]] = dict(reference.numbers)
        if reference.projection:
            mean, axes = reference.projection.mean, np.ascontiguousarray(reference.projection.axes)
            tensors |= {_MEAN: mean, _AXES: axes}
        counted = {
            "model_version": self.model_version,
            "validated": {name: asdict(estimate) for name, estimate in self.validated.items()},
            "templates": sorted(self.templates),
            "moments": {name: asdict(moments) for name, moments in reference.moments.items()},
            "categories": reference.categories,
            "findings": {name: asdict(counted) for name, counted in reference.findings.items()},
            "usual": reference.usual,
        }
        return save(tensors, metadata={"counted": json.dumps(counted, sort_keys=True)})

    @classmethod
    def load(cls, path: Path) -> Self:
        """
        Raises:
            BadInput: no such file, or it holds something else.
        """
        if not path.is_file():
            raise BadInput(
                f"reference {path}", "a stream is held against its model's", "write it: radassist monitor reference"
            )
        try:
            with safe_open(path, framework="numpy") as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
                counted = json.loads(file.metadata()["counted"])
            mean, axes = tensors.pop(_MEAN, None), tensors.pop(_AXES, None)
            reference = Reference(
                numbers=tensors,
                moments={name: Moments(**moments) for name, moments in counted["moments"].items()},
                categories=counted["categories"],
                findings={name: Counted(**positives) for name, positives in counted["findings"].items()},
                projection=None if mean is None or axes is None else Projection(mean, axes),
                usual=counted["usual"],
            )
            validated = {name: Estimate(**estimate) for name, estimate in counted["validated"].items()}
            return cls(counted["model_version"], reference, validated, frozenset(counted["templates"]))
        except (SafetensorError, KeyError, TypeError) as error:
            raise BadInput(f"reference {path}", f"it is no reference: {error}", "write it anew") from error
