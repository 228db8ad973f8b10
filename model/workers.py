"""Work in other processes, under limits: an item may crash, swell or hang there and costs its own result alone.

Trust goes one way. A process that decodes an untrusted file may be taken over by it, so what it answers is read by an
unpickler that knows plain data and the classes that the caller names, and no function. What it is sent is the caller's.
"""

import builtins
import multiprocessing
import os
import pickle
import resource
import signal
import threading
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from itertools import islice
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from queue import SimpleQueue
from typing import Generic, TypeVar

import psutil

from model.errors import RadAssistError

T = TypeVar("T")
R = TypeVar("R")

AHEAD = 4  # items in work or waiting, per process

_SPAWN = multiprocessing.get_context("spawn")


class Loss(StrEnum):
    """Why an item has no result."""

    CRASHED = "crashed"
    """Its process died (a decoder's segmentation fault, the memory killer), or answered what no worker would."""
    OUT_OF_MEMORY = "out_of_memory"
    TIME_OUT = "time_out"


class Lost(RadAssistError):
    """An item without a result."""

    def __init__(self, why: Loss) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Limits:
    """What one item may take.

    Args:
        memory: bytes beyond those that its process has when it is ready to work, as RLIMIT_DATA counts them: what may
            be written. RLIMIT_AS would count what allocators and threads merely reserve, too.
        seconds: wall clock, the process's start not counted.
    """

    memory: int
    seconds: float


LIMITS = Limits(memory=2 << 30, seconds=60.0)
"""Twice what the largest image that is decoded at all takes."""


class Worker(Generic[T, R]):
    """A process that calls a function, started by the first call and again after a loss. One call at a time.

    Args:
        function: importable by name; so are the items' classes.
        limits: of each call.
        answers: the classes that an answer holds beside plain data (None, bool, numbers, str, bytes, collections).
    """

    def __init__(
        self,
        function: Callable[[T], R],
        limits: Limits = LIMITS,
        answers: Collection[type] = (),
    ) -> None:
        self._function, self._limits = function, limits
        self._answers = {(cls.__module__, cls.__qualname__): cls for cls in answers}
        self._running: tuple[SpawnProcess, Connection] | None = None

    def __call__(self, item: T) -> R:
        """`function(item)`; a built-in exception that it raises is raised here.

        Raises:
            Lost: it died, or met a limit.
        """
        process, connection = self._running = self._running or self._start()
        clock = threading.Timer(self._limits.seconds, process.kill)
        clock.start()
        try:
            connection.send(item)
            done, answer = _Answer(connection.recv_bytes(self._limits.memory), self._answers).load()
        except (EOFError, OSError, pickle.UnpicklingError, AttributeError, LookupError, TypeError, ValueError):
            timed_out = clock.finished.is_set()
            self.close()
            raise Lost(Loss.TIME_OUT if timed_out else Loss.CRASHED) from None
        finally:
            clock.cancel()
        if done:
            result: R = answer
            return result
        if isinstance(answer, MemoryError):
            raise Lost(Loss.OUT_OF_MEMORY)
        raise answer

    def close(self) -> None:
        """End the process, at work or not."""
        if self._running:
            process, connection = self._running
            self._running = None
            process.kill()
            process.join()
            connection.close()

    def _start(self) -> tuple[SpawnProcess, Connection]:
        ours, theirs = _SPAWN.Pipe()
        process = _SPAWN.Process(target=_serve, args=(theirs, self._function, self._limits.memory), daemon=True)
        process.start()
        theirs.close()
        ours.recv_bytes()  # it has imported what it needs
        return process, ours


def map_in_order(
    function: Callable[[T], R],
    items: Iterable[T],
    lost: Callable[[T, Loss], R],
    processes: int,
    limits: Limits = LIMITS,
    answers: Collection[type] = (),
) -> Iterator[R]:
    """Yield `function(item)` for each item in order, computed by `processes` workers; few items are in memory.

    An item that dies or meets a limit yields `lost(item, why)`, and no other is lost with it. `processes` 0 computes in
    this process, without limits.
    """
    if processes == 0:
        yield from map(function, items)
        return
    workers = [Worker(function, limits, answers) for _ in range(processes)]
    idle: SimpleQueue[Worker[T, R]] = SimpleQueue()
    for worker in workers:
        idle.put(worker)

    def result(item: T) -> R:
        worker = idle.get()
        try:
            return worker(item)
        except Lost as loss:
            return lost(item, loss.why)
        finally:
            idle.put(worker)

    source = iter(items)
    waiting: deque[Future[R]] = deque()
    threads = ThreadPoolExecutor(processes)
    try:
        while True:
            for item in islice(source, AHEAD * processes - len(waiting)):
                waiting.append(threads.submit(result, item))
            if not waiting:
                return
            yield waiting.popleft().result()
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        for worker in workers:
            worker.close()


class _Answer(pickle.Unpickler):
    """An answer of a process that may not be ours any more."""

    def __init__(self, data: bytes, classes: dict[tuple[str, str], type]) -> None:
        super().__init__(BytesIO(data))
        self._classes = classes

    def find_class(self, module: str, name: str) -> type:
        fault = getattr(builtins, name, None) if module == "builtins" else None
        if isinstance(fault, type) and issubclass(fault, Exception):
            return fault
        if (module, name) not in self._classes:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of an answer")
        return self._classes[module, name]


def _serve(connection: Connection, function: Callable[[T], R], memory: int) -> None:
    """The worker's process: answer items until the caller is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the caller's to handle
    threading.Thread(target=_end_with_the_caller, daemon=True).start()
    warnings.simplefilter("ignore")  # a parser's warning quotes whatever a wrong length made it read
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would show the patient
    most = psutil.Process().memory_info().data + memory
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    connection.send_bytes(b"started")
    while True:
        try:
            request = connection.recv_bytes()
        except EOFError:
            return
        try:
            item = pickle.loads(request)  # noqa: S301 -- the caller's own
            del request  # a second copy of a file would count against its limit
            answer = pickle.dumps((True, function(item)))
        except Exception as fault:  # noqa: BLE001 -- not swallowed: raised again where the caller waits
            fault.add_note("".join(traceback.format_exception(fault)))
            answer = pickle.dumps((False, fault))
        connection.send_bytes(answer)


def _end_with_the_caller() -> None:
    """A killed caller cannot stop a process that is at work, so each watches for its end."""
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)
