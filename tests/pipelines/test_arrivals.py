"""The evidence of a rollout is read from the records as the studies were sent, whoever stepped in."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Connection, Engine

from pipelines.arrivals import arrivals
from pipelines.rollout.courses import beside, drafted
from records.database import open_database, reading, writing
from records.predictions import Prediction, enter_study
from records.reviews import enter_comparison, enter_review
from records.windows import of_rollout
from release.evidence import Evidence, studied
from release.state import State
from release.store import start
from tests.records.drafts import SIGNED, begin, comparison_of, enter, prediction, review_of, study
from tests.release.conftest import NOW, POLICY, hours, release_first

ROLLOUT = State.begin("r1", "m2", "m1", POLICY, ["tom"], NOW)
SLOW = POLICY.slow_seconds


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """Records in which m1 was released first, and a rollout of m2 has begun."""
    engine = open_database(f"sqlite:///{tmp_path / 'records.db'}")
    with writing(engine) as connection:
        begin(connection, "m1", "m2")
    release_first(engine)
    start(engine, ROLLOUT, POLICY, "5a" * 32, NOW)
    return engine


def answers(connection: Connection, number: int, *made: Prediction, missed: tuple[int, ...] = ()) -> None:
    """The answers to a study that arrived `number` minutes after the start; signed an hour later where `missed` says
    how many findings each of them lacks. The first of them that is a draft was read."""
    enter_study(connection, study(made[0].study, arrived_at=NOW + timedelta(minutes=number)))
    for one in made:
        enter(connection, one)
    drafts = [one for one in made if one.error is None]
    if missed:
        enter_review(connection, review_of(drafts[0], signed_at=NOW + timedelta(minutes=number + 60)), SIGNED)
    for one, lacks in zip(drafts, missed, strict=bool(missed)):
        enter_comparison(connection, comparison_of(one, missed=lacks, words_changed=9 * lacks))


def shadowed(name: str, by: str = "m1", role: str = "live", **changes: object) -> Prediction:
    return prediction(name, by, role=role, rollout="r1", shadowed=True, **changes)


def sent(name: str, arm: str, by: str, **changes: object) -> Prediction:
    return prediction(name, by, rollout="r1", arm=arm, weight=0.05, **changes)


def test_in_shadow_both_models_answer_and_one_that_does_not_is_a_fault(engine: Engine) -> None:
    with writing(engine) as connection:
        answers(connection, 0, shadowed("both"), shadowed("both", "m2", "shadow"), missed=(0, 2))
        failed = shadowed("failed", "m2", "shadow", error="out_of_memory")
        answers(connection, 1, shadowed("failed"), failed, missed=(1,))
        answers(connection, 2, shadowed("dead"))
        slow = shadowed("slow", "m2", "shadow", seconds=SLOW + 1)
        answers(connection, 3, shadowed("slow"), slow)
        answers(connection, 4, prediction("outside"))
        shadow, canary = arrivals(of_rollout(connection, "r1"), ROLLOUT, SLOW)
    assert shadow.is_shadow
    assert shadow.arrived.tolist() == [NOW.timestamp() + 60 * number for number in range(4)]
    assert np.array_equal(shadow.signed - shadow.arrived, [3600, 3600, np.nan, np.nan], equal_nan=True)
    nan = np.nan
    assert np.array_equal(shadow.missed, [[0, 1], [1, nan], [nan, nan], [nan, nan]], equal_nan=True)
    assert np.array_equal(shadow.edit_rate, [[0, 2], [1, nan], [nan, nan], [nan, nan]], equal_nan=True)
    assert shadow.faulted.tolist() == [[0, 0], [0, 1], [0, 1], [0, 1]]
    assert canary.arrived.size == 0


def test_with_traffic_a_study_counts_for_the_model_that_it_was_sent_to(engine: Engine) -> None:
    with writing(engine) as connection:
        answers(connection, 0, sent("a", "candidate", "m2"), missed=(1,))
        answers(connection, 1, sent("b", "champion", "m1"), missed=(0,))
        died = sent("c", "candidate", "m2", error="timed_out")
        answers(connection, 2, died, sent("c", "candidate", "m1"), missed=(3,))
        shadow, canary = arrivals(of_rollout(connection, "r1"), ROLLOUT, SLOW)
    assert not canary.is_shadow
    assert shadow.arrived.size == 0
    assert canary.by_candidate.tolist() == [True, False, True]
    assert canary.weight.tolist() == [0.05] * 3
    assert np.array_equal(canary.missed, [1, 0, np.nan], equal_nan=True)
    assert canary.faulted.tolist() == [0, 0, 1]
    assert np.isfinite(canary.signed).all()


def test_a_model_that_died_without_a_word_is_at_fault_for_the_study_in_which_another_stepped_in(
    engine: Engine,
) -> None:
    with writing(engine) as connection:
        answers(connection, 0, sent("a", "candidate", "m1"), missed=(2,))
        answers(connection, 1, sent("b", "champion", "m1"), missed=(0,))
        answers(connection, 2, sent("c", "candidate", "m1"))
        _, canary = arrivals(of_rollout(connection, "r1"), ROLLOUT, SLOW)
    assert canary.arrived.tolist() == [NOW.timestamp() + 60 * number for number in range(3)]
    assert canary.by_candidate.tolist() == [True, False, True]
    assert canary.faulted.tolist() == [1, 0, 1]
    assert np.array_equal(canary.missed, [np.nan, 0, np.nan], equal_nan=True)
    assert np.array_equal(canary.edit_rate, [np.nan, 0, np.nan], equal_nan=True)
    assert np.array_equal(canary.signed - canary.arrived, [3600, 3600, np.nan], equal_nan=True)


def test_side_by_side_each_model_has_its_own_figures_whoever_stepped_in(engine: Engine) -> None:
    with writing(engine) as connection:
        answers(connection, 0, sent("a", "candidate", "m2"), missed=(0,))
        died = sent("b", "candidate", "m2", error="timed_out")
        answers(connection, 1, died, sent("b", "candidate", "m1"), missed=(3,))
        answers(connection, 2, sent("c", "candidate", "m1"), missed=(3,))
        answers(connection, 3, sent("d", "champion", "m1"), missed=(1,))
        answers(connection, 4, shadowed("e"), missed=(1,))
        figures = beside(of_rollout(connection, "r1"), drafted(connection, "r1"), ROLLOUT)
    of = {(row["stage"], row["model"]): row for row in figures.to_dict("records")}
    assert {name: (row["studies"], row["missed"]) for name, row in of.items() if row["signed"]} == {
        ("shadow", "m1"): (1, 1),
        ("traffic", "m1"): (1, 1),
        ("traffic", "m2"): (3, 0),
    }
    assert {name: row["errors"] for name, row in of.items()} == {
        ("shadow", "m1"): 0,
        ("shadow", "m2"): 1,
        ("traffic", "m1"): 0,
        ("traffic", "m2"): pytest.approx(2 / 3),
    }


def test_the_evidence_is_counted_from_them(engine: Engine) -> None:
    with writing(engine) as connection:
        for number in range(20):
            name = f"s{number}"
            answers(connection, number, shadowed(name), shadowed(name, "m2", "shadow"), missed=(0, number % 2))
    with reading(engine) as connection:
        shadow, _ = arrivals(of_rollout(connection, "r1"), ROLLOUT, SLOW)
    found = studied(Evidence(NOW + hours(13), POLICY.sha256), shadow, NOW, POLICY)
    assert (found.studies, found.unsigned, found.faults.n) == (20, 0.0, 20)
    assert found.misses.estimate == 0.5


def test_a_rollout_without_studies_has_none(engine: Engine) -> None:
    with reading(engine) as connection:
        shadow, canary = arrivals(of_rollout(connection, "r1"), ROLLOUT, SLOW)
    assert shadow.missed.shape == (0, 2)
    assert canary.missed.shape == (0,)
