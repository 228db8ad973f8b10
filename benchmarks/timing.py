"""Times that can be compared on a machine that does other things too: peers in turn, medians of ratios."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from time import perf_counter


@dataclass(frozen=True, slots=True)
class Row:
    """One figure against its bar; `met` is None where the bar could not be put to the test here."""

    figure: str
    bar: str
    measured: str
    met: bool | None


def timed(peers: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each peer in each round, the peers in turn, after one round that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in peers}
    for turn in range(rounds + 1):
        for name, work in peers.items():
            began = perf_counter()
            work()
            if turn:
                seconds[name].append(perf_counter() - began)
    return seconds


def ratio(of: list[float], to: list[float]) -> float:
    """Median over the rounds of how many times longer the one takes than the other."""
    return median(a / b for a, b in zip(of, to, strict=True))
