"""A map over several processes: results in the order of the items, few items in memory, no item that stops the rest."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

AHEAD = 4  # items in work or waiting, per process


def map_in_order(
    function: Callable[[T], R], items: Iterable[T], crashed: Callable[[T], R], processes: int
) -> Iterator[R]:
    """Yield `function(item)` for each item, computed by `processes` processes, or in this one where that is 0.

    An item whose process dies (a decoder's segmentation fault, the memory killer) yields `crashed(item)`.
    """
    if processes == 0:
        yield from map(function, items)
        return
    source = iter(items)
    waiting: deque[tuple[T, Future[R]]] = deque()
    pool = _pool(processes)
    try:
        while True:
            for item in islice(source, AHEAD * processes - len(waiting)):
                waiting.append((item, _submit(pool, function, item)))
            if not waiting:
                return
            item, future = waiting.popleft()
            if _broken(future):
                pool.shutdown()
                pool = _pool(processes)
                waiting = deque((i, _submit(pool, function, i) if _broken(f) else f) for i, f in waiting)
                yield _alone(function, item, crashed)
            else:
                yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _pool(processes: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), initializer=_end_with_the_parent)


def _submit(pool: ProcessPoolExecutor, function: Callable[[T], R], item: T) -> Future[R]:
    try:
        return pool.submit(function, item)
    except BrokenProcessPool as error:
        failed: Future[R] = Future()
        failed.set_exception(error)
        return failed


def _broken(future: Future[R]) -> bool:
    return isinstance(future.exception(), BrokenProcessPool)


def _alone(function: Callable[[T], R], item: T, crashed: Callable[[T], R]) -> R:
    """Run an item that was at work when a process died: it may be the one, or only its neighbour."""
    with _pool(1) as pool:
        future = _submit(pool, function, item)
        return crashed(item) if _broken(future) else future.result()


def _end_with_the_parent() -> None:
    """A killed parent cannot stop its workers, so each watches for its end; Ctrl-C is the parent's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_watch_parent, daemon=True).start()


def _watch_parent() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)
