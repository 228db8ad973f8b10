"""What a study may cost. A draft that passes a limit is refused with an error of its own; nothing waits for it."""

import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import onnxruntime as ort

from model.errors import RadAssistError

NO_MEMORY = ("allocate memory", "out of memory")
"""How ONNX Runtime and CUDA say it."""


class LimitPassed(RadAssistError):
    """A study cost more than it may; `reason` is its short name."""

    reason: str


class TooLong(LimitPassed):
    """The draft did not end within its tokens."""

    reason = "too_many_tokens"


class TooSlow(LimitPassed):
    """The draft was not ready in time."""

    reason = "too_slow"


class TooBig(LimitPassed):
    """The draft would hold more memory than it may, or the device has none left."""

    reason = "too_much_memory"


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one study.

    Attributes:
        tokens: that a draft has at most; None: as many as the model was trained on, where its text is cut instead.
        seconds: from pixels to words; a batch has as many times more.
        mebibytes: that the image's keys and values, the cache and the logits take at the longest draft.
    """

    tokens: int | None = None
    seconds: float = 120.0
    mebibytes: float = 4096.0

    def hold(self, held: int, studies: int) -> None:
        """Refuse a batch that would hold too many bytes.

        Raises:
            TooBig: before anything is done.
        """
        each = held / studies / 2**20
        if each > self.mebibytes:
            raise TooBig(f"a draft holds {each:.0f} MiB: {self.mebibytes:.0f} MiB may be held")

    def clock(self, studies: int) -> "Clock":
        return Clock(self.seconds * studies)


class Clock:
    """Stops what runs under its options once the seconds are over, in the midst of a graph too.

    Raises:
        TooBig: on leaving it, where whatever was done under it found no memory left.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.options = ort.RunOptions()
        self._over = threading.Event()
        self._timer = threading.Timer(seconds, self._stop)
        self._timer.daemon = True

    def _stop(self) -> None:
        self._over.set()
        self.options.terminate = True

    def run(self, graph: ort.InferenceSession, binding: ort.IOBinding) -> None:
        """Run a graph, or stop it.

        Raises:
            TooSlow: the time is over.
        """
        try:
            if not self._over.is_set():
                graph.run_with_iobinding(binding, self.options)
        except Exception:
            if not self._over.is_set():
                raise
        if self._over.is_set():
            raise TooSlow(f"no draft after {self.seconds:g} s")

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if isinstance(error, MemoryError) or any(words in str(error) for words in NO_MEMORY):
            raise TooBig("the device has no memory left for this draft") from error
