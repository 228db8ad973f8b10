"""Work in other processes, by what a caller relies on: order, no loss, an item that misbehaves costs itself alone."""

import operator
import os
import pickle
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from model.workers import AHEAD, Limits, Loss, Lost, Worker, map_in_order

Item = Callable[[], object]

SMALL = Limits(memory=256 << 20, seconds=1.0)

SLOW: Item = partial(time.sleep, 0.2)
DEADLY: Item = partial(os._exit, 1)
ENDLESS: Item = partial(time.sleep, 3600)
GREEDY: Item = partial(bytearray, 1 << 30)


class Swelling:
    """An item that takes more than anybody has as soon as it is unpacked."""

    def __reduce__(self) -> tuple[type[bytearray], tuple[int]]:
        return bytearray, (1 << 50,)


def square(number: int) -> Item:
    return partial(pow, number, 2)


def called(items: list[Item], processes: int = 2) -> list[object]:
    return list(map_in_order(operator.call, items, lambda item, why: why, processes, SMALL))


@pytest.mark.parametrize("processes", [0, 2])
def test_results_keep_the_order_of_the_items(processes: int) -> None:
    items = [square(0), SLOW, *map(square, range(2, 30))]  # the slow one's neighbours overtake it
    assert called(items, processes) == [0, None, *(n * n for n in range(2, 30))]


def test_few_items_wait() -> None:
    drawn = 0

    def items() -> Iterator[Item]:
        nonlocal drawn
        for number in range(100):
            drawn += 1
            yield square(number)

    for done, _ in enumerate(map_in_order(operator.call, items(), lambda item, why: why, 2)):
        assert drawn - done <= AHEAD * 2


def test_an_item_that_dies_swells_or_hangs_is_lost_alone_and_says_why() -> None:
    bad = {3: DEADLY, 4: GREEDY, 5: ENDLESS, 11: DEADLY}
    why = {3: Loss.CRASHED, 4: Loss.OUT_OF_MEMORY, 5: Loss.TIME_OUT, 11: Loss.CRASHED}
    assert called([bad.get(n, square(n)) for n in range(14)]) == [why.get(n, n * n) for n in range(14)]


def test_an_item_too_large_to_be_unpacked_is_out_of_memory_and_its_process_goes_on() -> None:
    worker: Worker[Swelling | str, int] = Worker(os.path.getsize, SMALL)  # type: ignore[arg-type]
    with pytest.raises(Lost) as lost:
        worker(Swelling())
    assert lost.value.why is Loss.OUT_OF_MEMORY
    assert worker(os.devnull) == 0
    worker.close()


def test_a_fault_of_the_function_is_the_callers() -> None:
    with pytest.raises(TypeError, match="unsupported operand") as fault:
        called([square(1), partial(pow, "x", 2)])  # type: ignore[call-overload]
    assert "in _serve" in fault.value.__notes__[0]


def test_a_caller_that_stops_early_leaves_no_process_at_work(tmp_path: Path) -> None:
    beat = tmp_path / "beat"
    touching: Item = partial(exec, f"import pathlib\nwhile True: pathlib.Path({str(beat)!r}).touch()")
    results = map_in_order(operator.call, [square(3), touching], lambda item, why: why, 2)
    assert next(iter(results)) == 9
    while not beat.exists():
        time.sleep(0.01)
    del results
    last = beat.stat().st_mtime_ns
    time.sleep(0.1)
    assert beat.stat().st_mtime_ns == last


def test_an_answer_can_run_nothing_in_the_caller(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    payload = f"type('P', (), {{'__reduce__': lambda _: (__import__('os').mkdir, ({str(taken)!r},))}})()"
    worker: Worker[Item, object] = Worker(operator.call, SMALL, answers=(Limits,))
    try:
        assert worker(partial(Limits, 4, 0.5)) == Limits(4, 0.5)
        with pytest.raises(Lost, match="crashed"):
            worker(partial(eval, payload))
        assert worker(square(4)) == 16
    finally:
        worker.close()
    assert not taken.exists()
    pickle.loads(pickle.dumps(eval(payload)))  # noqa: S301, S307 -- what a plain unpickler makes of it
    assert taken.exists()
