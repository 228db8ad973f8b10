"""A map over processes, by what its caller relies on: order, no loss, a dead worker costs one item."""

import operator
import os
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from pipelines.workers import AHEAD, map_in_order

Item = Callable[[], float | None]

SLOW: Item = partial(time.sleep, 0.2)
DEADLY: Item = partial(os._exit, 1)


def square(number: int) -> Item:
    return partial(pow, number, 2)


def called(items: list[Item], processes: int) -> list[float | None]:
    return list(map_in_order(operator.call, items, lambda item: -1, processes))


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

    for done, _ in enumerate(map_in_order(operator.call, items(), lambda item: -1, 2)):
        assert drawn - done <= AHEAD * 2


def test_an_item_that_kills_its_process_stops_no_other() -> None:
    items = [DEADLY if n in (3, 4, 11) else square(n) for n in range(14)]
    assert called(items, 2) == [-1 if n in (3, 4, 11) else n * n for n in range(14)]


def test_a_fault_of_the_function_is_the_callers() -> None:
    with pytest.raises(TypeError):
        called([square(1), partial(pow, "x", 2)], 2)  # type: ignore[call-overload]
