"""`to_model_input` in a process of its own, for files that nobody vouches for."""

from pathlib import Path
from types import TracebackType

import numpy as np

from model.pixels.geometry import Geometry
from model.pixels.model_input import ModelInput, to_model_input
from model.pixels.params import PixelParams
from model.pixels.refusal import PixelsRefused, Refusal
from model.workers import LIMITS, Limits, Lost, Worker

_Plain = tuple[bytes, Geometry, str, str | None, tuple[str, ...]]


class ConfinedPixels:
    """A process that turns one file after another into the model's input. The first costs its start, about a second.

    What it answers is read as plain data (`model.workers`): a file that takes the process over gets no further.
    """

    def __init__(self, limits: Limits = LIMITS) -> None:
        self._limits = limits
        self._worker: Worker[tuple[Path | bytes, PixelParams], _Plain | PixelsRefused] = Worker(
            _plain, limits, answers=(Geometry, PixelsRefused, Refusal)
        )

    def to_model_input(self, source: Path | bytes, params: PixelParams) -> ModelInput:
        """`model.pixels.to_model_input`, under the limits.

        Raises:
            PixelsRefused: the file is no readable radiograph, or meets a limit.
            OSError: `source` is a path that cannot be read.
        """
        try:
            answer = self._worker((source, params))
        except Lost as lost:
            allowed = f"{self._limits.memory >> 20} MiB and {self._limits.seconds:g} s are allowed"
            raise PixelsRefused(Refusal(lost.why.value), f"decoding was ended: {allowed}") from None
        if isinstance(answer, PixelsRefused):
            raise answer
        content, geometry, sha256, view, flags = answer
        image = np.frombuffer(content, np.uint8).reshape(params.size, params.size)
        return ModelInput(image, geometry, sha256, view, flags)

    def close(self) -> None:
        """End the process."""
        self._worker.close()

    def __enter__(self) -> "ConfinedPixels":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()


def _plain(request: tuple[Path | bytes, PixelParams]) -> _Plain | PixelsRefused:
    try:
        made = to_model_input(*request)
    except PixelsRefused as refused:
        return refused
    return made.image.tobytes(), made.geometry, made.sha256, made.view, made.flags
