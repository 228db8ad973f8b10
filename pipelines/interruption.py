"""A signal that waits for the step to end."""

import signal
from types import FrameType, TracebackType
from typing import Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(Exception):
    """Leaves what a signal interrupted; the signal itself is raised behind it."""


class Interruption:
    """Within this context SIGINT and SIGTERM are only noted. They do what they would have done when it ends."""

    def __init__(self) -> None:
        self.received: int | None = None

    def __enter__(self) -> Self:
        heeded = (number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN)
        self._before = {number: signal.signal(number, self._note) for number in heeded}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self.received is not None:
            signal.raise_signal(self.received)

    def _note(self, number: int, _: FrameType | None) -> None:
        self.received = number
