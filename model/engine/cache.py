"""The decoder's step with what it has read and written so far, kept on the device.

A graph says by its names what belongs together: a step's inputs of the encoder's output names are read of the image,
its outputs `X` beside logits and attention are the cache that the next step reads as `past_X`. Its shapes name the
axes `batch` and `past`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from model.engine.limits import Clock

DTYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
PAST = "past_"
WORDS = "logits"
LOOKED = "attention"

Values = dict[str, ort.OrtValue]


@dataclass(frozen=True, slots=True)
class StepGraph:
    """A decoder's step on a device."""

    graph: ort.InferenceSession
    device: str

    @property
    def past(self) -> dict[str, ort.NodeArg]:
        """The cache's inputs by the name of the output that each continues."""
        return {i.name.removeprefix(PAST): i for i in self.graph.get_inputs() if i.name.startswith(PAST)}

    @property
    def read(self) -> dict[str, ort.NodeArg]:
        """The inputs that an encoder fills."""
        return {i.name: i for i in self.graph.get_inputs() if i.name != "ids" and not i.name.startswith(PAST)}

    def held(self, rows: int, tokens: int) -> int:
        """Bytes that `rows` texts of `tokens` hold: what was read, the cache before and after a step, the logits."""
        kept = sum(_bytes(node, {"batch": rows}) for node in self.read.values())
        grown = sum(_bytes(node, {"batch": rows, "past": tokens}) for node in self.past.values())
        vocabulary = next(o.shape[-1] for o in self.graph.get_outputs() if o.name == WORDS)
        return int(kept + 2 * grown + 4 * rows * vocabulary)


class Writing:
    """Texts under way, a row each.

    Args:
        step: the graph. seen: what the encoder gave, by name, as many rows as texts. rows: texts.
    """

    def __init__(self, step: StepGraph, seen: Mapping[str, ort.OrtValue], rows: int, clock: Clock) -> None:
        self._step, self._clock = step, clock
        self._binding = step.graph.io_binding()
        for name, value in seen.items():
            self._binding.bind_ortvalue_input(name, value)
        self._past = step.past
        self._cache = {name: self._on_device(_empty(node, rows)) for name, node in self._past.items()}

    def __call__(self, ids: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Add tokens (rows, T) to the texts -> logits (rows, T, V), attention (rows, T, N + 1)."""
        binding = self._binding
        binding.bind_cpu_input("ids", np.ascontiguousarray(ids))
        for name, value in self._cache.items():
            binding.bind_ortvalue_input(PAST + name, value)
        for name in (WORDS, LOOKED):
            binding.bind_output(name, "cpu")
        for name in self._cache:
            binding.bind_output(name, self._step.device)
        self._clock.run(self._step.graph, binding)
        words, looked, *grown = binding.get_outputs()
        self._cache = dict(zip(self._cache, grown, strict=True))
        return words.numpy(), looked.numpy()

    def keep(self, rows: NDArray[np.intp]) -> None:
        """Go on from these rows' texts: row r continues what was row `rows[r]`."""
        if np.array_equal(rows, np.arange(len(rows))):
            return
        for name, node in self._past.items():
            kept = np.take(self._cache[name].numpy(), rows, axis=node.shape.index("batch"))
            self._cache[name] = self._on_device(kept)

    def _on_device(self, array: NDArray[np.generic]) -> ort.OrtValue:
        return ort.OrtValue.ortvalue_from_numpy(array, self._step.device)


def repeated(step: StepGraph, seen: Values, times: int) -> Values:
    """What was read of each study, `times` over: a row for each of its texts."""
    return {
        name: ort.OrtValue.ortvalue_from_numpy(
            np.repeat(seen[name].numpy(), times, axis=node.shape.index("batch")), step.device
        )
        for name, node in step.read.items()
    }


def _shape(node: ort.NodeArg, sizes: Mapping[str, int]) -> list[int]:
    return [size if isinstance(size, int) else sizes[size] for size in node.shape]


def _bytes(node: ort.NodeArg, sizes: Mapping[str, int]) -> int:
    return int(np.prod(_shape(node, sizes), dtype=np.int64)) * np.dtype(DTYPES[node.type]).itemsize


def _empty(node: ort.NodeArg, rows: int) -> NDArray[np.generic]:
    return np.zeros(_shape(node, {"batch": rows, "past": 0}), DTYPES[node.type])
