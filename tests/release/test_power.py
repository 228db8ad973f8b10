"""The power of a single test, against textbook numbers, a simulation, and itself."""

import numpy as np
import pytest

from release.power import power, studies_needed


def test_two_thousand_an_arm_find_a_percentage_point_less_than_every_second_time() -> None:
    assert power(0.04, 0.01, 2000, 2000, 0.05) == pytest.approx(0.453, abs=5e-4)
    assert [studies_needed(base, 0.01, 0.8, 0.05) for base in (0.03, 0.04, 0.05)] == [4174, 5311, 6424]


def test_the_count_that_is_needed_gives_the_power_that_was_asked_for() -> None:
    for base, worse_by in ((0.04, 0.01), (0.1, 0.05), (0.02, 0.04)):
        n = studies_needed(base, worse_by, 0.8, 0.05)
        assert power(base, worse_by, n - 1, n - 1, 0.05) < 0.8 <= power(base, worse_by, n, n, 0.05)


def test_a_simulation_finds_it_as_often() -> None:
    rng = np.random.default_rng(0)
    n, runs = (500, 1500), 20_000
    worse, base = (rng.binomial(size, share, runs) / size for size, share in zip(n, (0.1, 0.06), strict=True))
    error = np.sqrt(worse * (1 - worse) / n[0] + base * (1 - base) / n[1])
    assert np.mean((worse - base) / error > 1.6449) == pytest.approx(power(0.06, 0.04, *n, 0.05), abs=0.02)
