"""Figures of the last reviews, and the thresholds as specified."""

import numpy as np
import pandas as pd
import pytest

from model.metrics.bootstrap import Estimate
from model.metrics.text import bleu_statistics
from monitoring.operations import running
from monitoring.quality import beyond, fallen, rolling
from tests.monitoring.conftest import POLICY, after

QUALITY = POLICY.quality.model_copy(update={"reviewed": 4})


def reviews(*changed: float | None, first: int = 0) -> pd.DataFrame:
    """One review a study, in order, of so many words changed of ten."""
    numbers = range(first, first + len(changed))
    return pd.DataFrame(
        {
            "study": [f"study-{n}" for n in numbers],
            "patient": [f"patient-{n}" for n in numbers],
            "reviewed_at": pd.to_datetime([after(n) for n in numbers], utc=True),
            "edit_rate": pd.Series([None if c is None else np.array([c, 10.0]) for c in changed], dtype=object),
        }
    )


def estimate(value: float, half: float = 0.001) -> Estimate:
    return Estimate(value, value - half, value + half)


def test_the_last_reviews_count_and_an_earlier_one_of_a_study_does_not() -> None:
    given = pd.concat([reviews(9, 9, 1, 1, 1), reviews(3, first=4).assign(reviewed_at=after(5))])
    found = rolling(given, 8, after(6), QUALITY)
    assert (found.n, found.pending) == (4, 3)
    assert found.figures["edit_rate"].value == pytest.approx((9 + 1 + 1 + 3) / 40)
    assert found.figures["edit_rate"].low < found.figures["edit_rate"].value < found.figures["edit_rate"].high


def test_a_late_review_counts_from_when_it_came() -> None:
    given = pd.concat([reviews(1, 1), reviews(9, first=2).assign(reviewed_at=after(100))])
    assert rolling(given, 3, after(50), QUALITY).pending == 1
    assert rolling(given, 3, after(50), QUALITY).figures["edit_rate"].value == pytest.approx(0.1)
    assert rolling(given, 3, after(100), QUALITY).figures["edit_rate"].value == pytest.approx(11 / 30)


def test_a_study_without_a_figure_adds_nothing_and_none_at_all_is_no_figure() -> None:
    assert rolling(reviews(1, None, 3), 3, after(9), QUALITY).figures["edit_rate"].value == pytest.approx(0.2)
    assert rolling(reviews(None, None), 2, after(9), QUALITY).figures == {}
    assert rolling(reviews(1), 1, after(9), QUALITY).figures == {}  # one patient does not vary
    assert rolling(reviews(None, 1, None), 3, after(9), QUALITY).figures == {}  # nor does the only one of known edits


def test_bleu_is_the_corpus_figure_of_its_statistics() -> None:
    rows = bleu_statistics(["no acute disease is seen"] * 3, ["no acute disease is seen", "no acute disease", "x"])
    given = reviews(0, 0, 0).assign(bleu_4=list(rows))
    assert 0 < rolling(given, 3, after(9), QUALITY).figures["bleu_4"].value < 1


def test_the_thresholds_are_as_specified() -> None:
    validated = {"bleu_4": estimate(0.30), "edit_rate": estimate(0.20)}
    for bleu, edited, found in ((0.251, 0.219, set[str]()), (0.249, 0.219, {"bleu_4"}), (0.30, 0.221, {"edit_rate"})):
        now = {"bleu_4": estimate(bleu), "edit_rate": estimate(edited)}
        assert set(fallen(now, validated, QUALITY)) == found
        assert set(beyond(now, validated, QUALITY)) == found


def test_what_may_be_chance_is_beyond_the_threshold_and_no_alarm() -> None:
    now, validated = {"edit_rate": estimate(0.23, 0.02)}, {"edit_rate": estimate(0.20)}
    assert beyond(now, validated, QUALITY)
    assert not fallen(now, validated, QUALITY)
    assert fallen({"edit_rate": estimate(0.30, 0.02)}, validated, QUALITY)


def test_a_better_figure_and_an_unknown_one_do_not_alarm() -> None:
    validated = {"bleu_4": estimate(0.30), "edit_rate": estimate(0.20)}
    assert not fallen({"bleu_4": estimate(0.5), "edit_rate": estimate(0.0)}, validated, QUALITY)
    assert not fallen({}, validated, QUALITY)
    assert not fallen(validated, {}, QUALITY)


def stream(seconds: list[float]) -> pd.DataFrame:
    drafted = pd.Series(pd.to_datetime([after(n / 100) for n in range(len(seconds))], utc=True))
    return pd.DataFrame({"arrived_at": drafted, "drafted_at": drafted.copy(), "seconds": seconds, "failed": 0.0})


def test_the_slowest_of_a_hundred_drafts_alarms_above_fifteen_seconds() -> None:
    slow, bearable = ([4.0] * 190 + [seconds] * 10 for seconds in (16.0, 15.0))
    found = running(stream(slow), after(5), POLICY.operations)
    assert (found.n, found.p50, found.p99) == (200, 4.0, 16.0)
    assert "16.0 s, more than 15 s" in str(found.slow(POLICY.operations))
    assert running(stream(bearable), after(5), POLICY.operations).slow(POLICY.operations) is None
    assert running(stream(slow[-99:]), after(5), POLICY.operations).slow(POLICY.operations) is None


def test_queue_and_errors_are_those_of_now() -> None:
    frame = stream([4.0] * 10)
    frame.loc[8, ["seconds", "failed"]] = [np.nan, 1.0]
    frame.loc[9, "drafted_at"] = pd.NaT
    found = running(frame, after(5), POLICY.operations)
    assert (found.n, found.queue, found.error_rate, found.gpu_use) == (9, 1, pytest.approx(1 / 9), None)
    assert running(frame, after(1000), POLICY.operations).p99 is None
