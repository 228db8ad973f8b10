"""The monitors on the records: what was entered late, twice, wrongly or not at all has a clear outcome."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Connection, Engine

from monitoring.columns import NUMBERS, Family
from monitoring.invented import QUIET, Drift
from monitoring.reference import Reference
from monitoring.snapshot import Snapshot, snapshot
from monitoring.stream import read_reviews, read_stream
from monitoring.watched import Watched
from records.database import open_database, reading, writing
from records.predictions import Prediction, Study, Text, enter_prediction, enter_study
from records.reviews import Comparison, Review, enter_comparison, enter_review
from records.windows import serving
from tests.monitoring.conftest import POLICY, after, keys, studies
from tests.records.drafts import model

SIZE, TRAINING = 60, 300
FLOORS = POLICY.distances.model_copy(update={"number_floor": 0.3, "category_floor": 0.25})
FEW = POLICY.model_copy(update={"window_studies": SIZE, "distances": FLOORS})
NOISY = Drift(shifts={"image.noise": 2.0})
TEXT = Text(findings="The heart is large.", impression="Cardiomegaly.")


def prediction_of(row: Any, by: str, **changes: Any) -> Prediction:
    """A stream's row as whoever drafts enters it: two sentences, the even ones of the observations not mentioned."""
    spread = float(np.clip(0.5 + 0.1 * row["attention.entropy"], 0, 1))
    sentence = {"entropy": spread, "null_mass": 0.1, "score": 0.9, "verdict": "grounded"}
    found = {name.removeprefix("finding."): 1 for name in row.index if name.startswith("finding.") and row[name]}
    values: dict[str, Any] = {
        "study": row["study"],
        "model": by,
        "role": "live",
        "drafted_at": row["drafted_at"],
        "seconds": 5.0,
        "sentences": [sentence | {"kind": "finding"}, sentence | {"kind": "denial", "verdict": "weak"}],
        "findings": found or {"No Finding": 1},
        "words": {name.removeprefix("text."): float(row[name]) for name in NUMBERS[Family.TEXT]},
        "image": {name.removeprefix("image."): float(row[name]) for name in NUMBERS[Family.DATA]},
    }
    return Prediction.model_validate(values | changes)


def enter(connection: Connection, frame: pd.DataFrame, by: str = "m1", **changes: Any) -> None:
    for _, row in frame.iterrows():
        arrived = Study(
            study=row["study"],
            patient=row["patient"],
            arrived_at=row["arrived_at"],
            view=row["image.view"],
            device=row["image.device"],
        )
        enter_study(connection, arrived)
        made = prediction_of(row, by, **changes)
        embedding = None if made.error else np.asarray(row["embedding"])
        enter_prediction(connection, made, None if made.error else TEXT, embedding)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    records = open_database(f"sqlite:///{tmp_path_factory.mktemp('training') / 'records.db'}")
    with writing(records) as connection:
        from records.models import enter_model

        enter_model(connection, model("m1"))
        enter(connection, studies(QUIET, seed=300, size=TRAINING))
        frame = read_stream(connection, "m1", after(TRAINING + 1), FEW)
    return Watched("m1", Reference.of(frame, FEW), {})


@pytest.fixture
def records(engine: Engine) -> Iterator[Engine]:
    from records.models import enter_model

    with writing(engine) as connection:
        enter_model(connection, model("m1"))
    yield engine
    engine.dispose()


@pytest.fixture
def engine(tmp_path: Any) -> Engine:
    return open_database(f"sqlite:///{tmp_path / 'records.db'}")


@pytest.fixture(scope="module")
def quiet() -> pd.DataFrame:
    return studies(QUIET, QUIET, seed=400, size=SIZE)


def look(records: Engine, watched: Watched, studies_passed: float) -> Snapshot:
    as_of = after(studies_passed)
    with reading(records) as connection:
        stream = read_stream(connection, "m1", as_of, FEW)
        return snapshot(stream, read_reviews(connection, "m1", as_of, stream), watched, FEW, as_of)


def test_a_quiet_stream_raises_no_alarm_and_every_feature_is_judged(
    records: Engine, watched: Watched, quiet: pd.DataFrame
) -> None:
    with writing(records) as connection:
        enter(connection, quiet)
        assert serving(connection, after(2 * SIZE), 10) == "m1"
        assert serving(connection, after(0), 10) is None
    found = look(records, watched, 2 * SIZE)
    assert found.alarms == ()
    assert len(found.history) == 2
    assert len(found.history[-1].distances) == 29
    assert len(found.history[-1].counted) == 14


def test_a_drift_is_confirmed_and_an_earlier_look_stays_what_it_was(records: Engine, watched: Watched) -> None:
    drifted = studies(QUIET, NOISY, NOISY, seed=500, size=SIZE)
    with writing(records) as connection:
        enter(connection, drifted.head(2 * SIZE))
    early = look(records, watched, 2 * SIZE).to_json()
    with writing(records) as connection:
        enter(connection, drifted.tail(SIZE))
    assert look(records, watched, 2 * SIZE).to_json() == early
    assert "distance:image.noise" in keys(look(records, watched, 3 * SIZE))


def test_a_batch_that_is_entered_twice_changes_nothing(records: Engine, watched: Watched, quiet: pd.DataFrame) -> None:
    with writing(records) as connection:
        enter(connection, quiet)
    once = look(records, watched, 2 * SIZE).to_json()
    with writing(records) as connection:
        enter(connection, quiet.head(SIZE))
    assert look(records, watched, 2 * SIZE).to_json() == once


def test_an_empty_stream_is_a_snapshot_without_figures(records: Engine, watched: Watched) -> None:
    found = look(records, watched, 5)
    assert (found.history, found.alarms, found.running.n, found.quality.n) == ((), (), 0, 0)


def test_drafts_without_labels_are_named(records: Engine, watched: Watched, quiet: pd.DataFrame) -> None:
    with writing(records) as connection:
        enter(connection, quiet.head(SIZE), findings={})
    assert {f"finding.{name}" for name in ("Edema", "Fracture")} <= {
        key.removeprefix("input:") for key in keys(look(records, watched, SIZE))
    }


def test_a_clock_that_is_two_hours_ahead_keeps_studies_out_and_is_named(
    records: Engine, watched: Watched, quiet: pd.DataFrame
) -> None:
    ahead = quiet.assign(arrived_at=quiet["arrived_at"] + pd.Timedelta(hours=2))
    with writing(records) as connection:
        enter(connection, ahead.head(SIZE))
    found = look(records, watched, SIZE)
    assert (found.skewed, len(found.history)) == (SIZE, 0)
    assert keys(found) == {"input:clock"}


def test_statistics_under_other_names_are_named(records: Engine, watched: Watched, quiet: pd.DataFrame) -> None:
    with writing(records) as connection:
        enter(connection, quiet.head(SIZE), image={"blur": 1.0})
    assert {f"input:{name}" for name in NUMBERS[Family.DATA]} <= keys(look(records, watched, SIZE))


def test_a_constant_picture_is_as_far_as_can_be(records: Engine, watched: Watched, quiet: pd.DataFrame) -> None:
    constant = quiet.assign(**{"image.noise": 99.0})
    with writing(records) as connection:
        enter(connection, constant)
    found = look(records, watched, 2 * SIZE)
    assert found.history[-1].distances["image.noise"].effect == 1
    assert "distance:image.noise" in keys(found)


def test_a_review_counts_from_when_it_was_signed(records: Engine, watched: Watched, quiet: pd.DataFrame) -> None:
    three = quiet.head(3)
    with writing(records) as connection:
        enter(connection, three)
        for place, (_, row) in enumerate(three.iterrows()):
            draft = prediction_of(row, "m1").id
            signed_at = after(1000 if place == 2 else 10)
            review = Review(study=row["study"], draft=draft, reviewer="r", signed_at=signed_at, satisfaction=4)
            enter_review(connection, review, TEXT)
            counts = {"missed": 0, "false_alarms": 0, "words_changed": place, "words_signed": 10}
            enter_comparison(connection, Comparison(prediction=draft, compared_by="1", **counts))
    early, late = (look(records, watched, passed).quality for passed in (20, 1001))
    assert (early.n, early.pending, early.figures == {}) == (2, 1, True)  # of one patient: that does not vary
    assert (late.n, late.pending) == (3, 0)
    assert late.figures["edit_rate"].value == pytest.approx(3 / 30)
    assert late.figures["satisfaction"].value == 4


def test_who_waits_and_what_failed_is_told_of(records: Engine, watched: Watched, quiet: pd.DataFrame) -> None:
    with writing(records) as connection:
        enter(connection, quiet.head(1), gpu_use=0.5)
        enter(connection, quiet.iloc[1:2], gpu_use=0.7)
        enter(connection, quiet.iloc[2:3])
        failed = {"error": "timed_out", "sentences": (), "findings": {}}
        enter(connection, quiet.iloc[3:4], **failed)
        enter_study(connection, Study(study="waits", patient="p", arrived_at=after(3)))
        enter_study(connection, Study(study="long_ago", patient="p", arrived_at=after(0) - timedelta(days=9)))
    running = look(records, watched, 5).running
    assert (running.n, running.queue, running.error_rate) == (4, 1, 0.25)
    assert running.gpu_use == pytest.approx(0.6)  # of those drafted on a graphics card
