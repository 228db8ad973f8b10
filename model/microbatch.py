"""Studies that arrive one by one, drafted in small batches, in the process that serves them.

A batch begins with the study that has waited longest and takes those that come within a short wait. The queue is
bounded: a study that finds it full is turned away at once, so that the caller can say so instead of hanging.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Generic, Self, TypeVar

from model.errors import RadAssistError

T = TypeVar("T")
R = TypeVar("R")

MOST = 4
"""Studies of a batch."""
WAIT = 0.020
"""Seconds that the first study of a batch waits for others."""
QUEUE = 64
"""Studies that may wait."""


class Busy(RadAssistError):
    """The queue is full; the study was not taken."""


class MicroBatcher(Generic[T, R]):
    """A thread that hands batches to a function.

    Args:
        work: one result an item, in order. It is called by one thread alone.
        most, wait, queue: see MOST, WAIT and QUEUE.
    """

    def __init__(
        self, work: Callable[[Sequence[T]], Sequence[R]], most: int = MOST, wait: float = WAIT, queue: int = QUEUE
    ) -> None:
        self._work, self._most, self._wait, self._queue = work, most, wait, queue
        self._waiting: deque[tuple[T, Future[R]]] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="micro-batcher", daemon=True)
        self._thread.start()

    def submit(self, item: T) -> "Future[R]":
        """The item's result to come, or the error that the item alone gives. Cancelled before its batch begins, the
        item is left out.

        Raises:
            Busy: the queue is full, or the batcher is closed.
        """
        future: Future[R] = Future()
        with self._changed:
            if self._closed or len(self._waiting) >= self._queue:
                raise Busy("closed" if self._closed else f"{self._queue} studies wait already: send it again later")
            self._waiting.append((item, future))
            self._changed.notify_all()
        return future

    def close(self) -> None:
        """Take no more, do what waits, and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _serve(self) -> None:
        while batch := self._next():
            begun = [(item, future) for item, future in batch if future.set_running_or_notify_cancel()]
            if begun:
                self._answer(begun)

    def _next(self) -> list[tuple[T, "Future[R]"]]:
        """The next batch; empty when there will be none any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            until = time.monotonic() + self._wait
            while len(self._waiting) < self._most and not self._closed and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)
            return [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]

    def _answer(self, batch: Sequence[tuple[T, "Future[R]"]]) -> None:
        """A batch that fails is done again item by item: the error stays with its own study."""
        try:
            answered = list(zip(batch, self._work([item for item, _ in batch]), strict=True))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised where the result is waited for
            if len(batch) == 1:
                batch[0][1].set_exception(error)
                return
            for alone in batch:
                self._answer([alone])
            return
        for (_, future), result in answered:
            future.set_result(result)
