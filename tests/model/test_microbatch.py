import threading
import time
from collections.abc import Iterator, Sequence
from itertools import chain

import pytest

from model.microbatch import Busy, MicroBatcher


class Recorder:
    """Doubles numbers, keeps the batches that it was given, and holds the first one until it is let go."""

    def __init__(self, *, held: bool = False) -> None:
        self.batches: list[list[int]] = []
        self.go = threading.Event()
        if not held:
            self.go.set()

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        assert self.go.wait(10)
        if any(item < 0 for item in items):
            raise ValueError(f"{min(items)} is negative")
        return [2 * item for item in items]


@pytest.fixture
def held() -> Iterator[Recorder]:
    recorder = Recorder(held=True)
    yield recorder
    recorder.go.set()


def waiting_for(condition: object) -> None:
    until = time.monotonic() + 10
    while not condition() and time.monotonic() < until:  # type: ignore[operator]
        time.sleep(0.001)


def test_every_study_gets_its_own_result() -> None:
    recorder = Recorder()
    with MicroBatcher(recorder) as batcher:
        futures = [batcher.submit(number) for number in range(30)]
        assert [future.result(10) for future in futures] == [2 * number for number in range(30)]
    assert list(chain(*recorder.batches)) == list(range(30))
    assert max(map(len, recorder.batches)) <= 4


def test_those_that_come_while_it_works_make_one_batch(held: Recorder) -> None:
    with MicroBatcher(held) as batcher:
        first = batcher.submit(1)
        waiting_for(lambda: held.batches)
        later = [batcher.submit(number) for number in (2, 3, 4, 5, 6)]
        held.go.set()
        assert [future.result(10) for future in (first, *later)] == [2, 4, 6, 8, 10, 12]
    assert held.batches == [[1], [2, 3, 4, 5], [6]]


def test_one_study_alone_waits_no_longer_than_it_was_told() -> None:
    with MicroBatcher(Recorder(), wait=0.02) as batcher:
        began = time.monotonic()
        batcher.submit(1).result(10)
        assert 0.015 < time.monotonic() - began < 5


def test_an_error_stays_with_its_own_study(held: Recorder) -> None:
    with MicroBatcher(held) as batcher:
        batcher.submit(0)
        waiting_for(lambda: held.batches)
        good, bad, other = batcher.submit(1), batcher.submit(-7), batcher.submit(2)
        held.go.set()
        assert (good.result(10), other.result(10)) == (2, 4)
        with pytest.raises(ValueError, match="-7 is negative"):
            bad.result(10)


def test_work_that_answers_for_too_few_fails_and_the_next_is_still_taken() -> None:
    with MicroBatcher[int, int](lambda items: []) as batcher:
        for number in (1, 2):
            with pytest.raises(ValueError, match="argument 2 is shorter"):
                batcher.submit(number).result(10)


def test_a_full_queue_turns_away_at_once_and_loses_nothing(held: Recorder) -> None:
    with MicroBatcher(held, queue=2) as batcher:
        first = batcher.submit(1)
        waiting_for(lambda: held.batches)
        taken = [batcher.submit(2), batcher.submit(3)]
        with pytest.raises(Busy, match="2 studies wait already"):
            batcher.submit(4)
        held.go.set()
        assert [future.result(10) for future in (first, *taken)] == [2, 4, 6]


def test_a_study_that_is_given_up_costs_no_work(held: Recorder) -> None:
    with MicroBatcher(held) as batcher:
        batcher.submit(1)
        waiting_for(lambda: held.batches)
        given_up, wanted = batcher.submit(2), batcher.submit(3)
        assert given_up.cancel()
        held.go.set()
        assert wanted.result(10) == 6
    assert held.batches == [[1], [3]]


def test_what_waits_is_done_before_it_closes_and_then_it_takes_no_more(held: Recorder) -> None:
    batcher = MicroBatcher(held)
    futures = [batcher.submit(number) for number in range(6)]
    threading.Timer(0.05, held.go.set).start()
    batcher.close()
    assert [future.result(0) for future in futures] == [0, 2, 4, 6, 8, 10]
    with pytest.raises(Busy, match="closed"):
        batcher.submit(1)
