"""Monitors and releases read what was entered, in its order, by arrival, signing or rollout, and quickly."""

import time
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection, Engine

from records import tables
from records.database import reading, writing
from records.lineage import lineage
from records.predictions import Role, enter_prediction, enter_study
from records.reviews import enter_comparison
from records.windows import last_reviewed, statistics_of, window
from tests.records.conftest import NOW
from tests.records.drafts import (
    DRAFT,
    begin,
    comparison_of,
    draft,
    prediction,
    seconds,
    study,
)

HOUR = timedelta(hours=1)


def some(connection: Connection) -> None:
    """Five studies, ten seconds apart: the second failed, the fourth is not signed, the fifth is another model's."""
    begin(connection, "m1", "m2")
    for number in range(5):
        changes: dict[str, Any] = {"drafted_at": seconds(10 * number + 2), "image": {"sharpness": float(number)}}
        if number == 1:
            changes |= {"error": "timed_out"}
        made = prediction(f"s{number}", "m2" if number == 4 else "m1", **changes)
        draft(connection, made, signed=number not in (1, 3))


def test_a_window_holds_the_studies_that_arrived_in_it_in_their_order(engine: Engine) -> None:
    with writing(engine) as connection:
        some(connection)
        found = window(connection, seconds(0), seconds(30))
    assert list(found.predictions["study"]) == ["s0", "s1", "s2"]
    assert list(found.predictions["image.sharpness"]) == [0.0, 1.0, 2.0]
    assert list(found.predictions["error"].isna()) == [True, False, True]
    assert found.predictions["arrived_at"].iloc[2] == seconds(20)
    assert list(found.predictions["view"]) == ["PA"] * 3
    assert list(found.sentences["prediction"]) == list(found.predictions["prediction"][[0, 2]])
    assert list(found.sentences["entropy"]) == [0.4, 0.4]
    assert found.embeddings.shape == (3, 0)


def test_a_window_is_of_one_role_and_of_one_model_where_it_is_asked_for(engine: Engine) -> None:
    with writing(engine) as connection:
        some(connection)
        enter_prediction(connection, prediction("s0", "m2", role="shadow"), DRAFT)
        everything = (seconds(0), seconds(100))
        assert list(window(connection, *everything, model="m2").predictions["study"]) == ["s4"]
        assert list(window(connection, *everything, role=Role.SHADOW).predictions["model"]) == ["m2"]


def test_an_empty_window_has_the_columns_that_do_not_depend_on_what_is_in_it(engine: Engine) -> None:
    with reading(engine) as connection:
        found = window(connection, NOW, NOW + HOUR)
        assert last_reviewed(connection, 10, NOW).empty
    assert found.predictions.empty
    assert {"prediction", "arrived_at", "view", "error", "seconds"} <= set(found.predictions.columns)
    assert len(found.sentences) == len(found.embeddings) == 0


def test_what_has_no_embedding_is_nan_beside_what_has_one(engine: Engine) -> None:
    with writing(engine) as connection:
        begin(connection)
        for name, features in (("s0", np.array([1.0, 2.5])), ("s1", None)):
            enter_study(connection, study(name))
            enter_prediction(connection, prediction(name), DRAFT, features)
        rows = window(connection, NOW, NOW + HOUR)
    by_study = dict(zip(rows.predictions["study"], rows.embeddings.tolist(), strict=True))
    assert by_study["s0"] == [1.0, 2.5]
    assert np.isnan(by_study["s1"]).all()


def test_the_last_reviewed_are_those_that_were_signed_by_then_with_their_outcome(engine: Engine) -> None:
    with writing(engine) as connection:
        some(connection)
        assert last_reviewed(connection, 10, seconds(3599)).empty
        found = last_reviewed(connection, 10, seconds(3600), model="m1")
        assert len(last_reviewed(connection, 2, seconds(3600))) == 2
    assert set(found["study"]) == {"s0", "s2"}
    assert list(found["edit_rate"]) == [4 / 9, 4 / 9]
    assert list(found["missed"]) == [1, 1]
    assert found["shown"].all()
    assert statistics_of(found, "bleu_4").shape == (2, 10)
    assert statistics_of(found, "iou_norm_0.1").size == 0


def test_a_shadow_draft_is_compared_and_is_not_the_one_that_was_read(engine: Engine) -> None:
    live, shadow = prediction(), prediction(by="m2", role="shadow")
    with writing(engine) as connection:
        begin(connection, "m1", "m2")
        draft(connection, live)
        enter_prediction(connection, shadow, DRAFT)
        enter_comparison(connection, comparison_of(shadow, missed=3, words_signed=0))
        assert list(last_reviewed(connection, 10, seconds(3600))["prediction"]) == [live.id]
        rows = connection.execute(tables.outcomes.select().order_by(tables.outcomes.c.missed)).mappings().all()
    assert [(row["missed"], row["shown"], row["edit_rate"]) for row in rows] == [(1, True, 4 / 9), (3, False, None)]


MANY = 100_000
NUMBERED = """
    CREATE TEMP TABLE numbers AS
    WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < :many)
    SELECT n, 's' || n AS study, printf('%032x', n) AS draft, printf('a%031x', n) AS signed,
           strftime(:form, '2026-03-01 09:30', (5 * n) || ' minutes') AS at,
           strftime(:form, '2026-03-01 10:30', (5 * n) || ' minutes') AS later
    FROM counted
"""
COPIED = (  # a study every five minutes, every second one signed an hour later
    "INSERT INTO studies SELECT study, 'p', at, 'DX', 'PA', NULL, NULL, NULL, NULL FROM numbers",
    """INSERT INTO predictions
       SELECT draft, numbers.study, model, role, rollout, arm, weight, shadowed, at, seconds, timings, error,
              confidence, sentences, findings, words, image, zeroblob(256), input_sha256, software, gpu_use
       FROM numbers, predictions""",
    "INSERT INTO reports SELECT signed, study, '', '' FROM numbers WHERE n % 2 = 0",
    "INSERT INTO reviews SELECT study, draft, signed, 'r', 30, NULL, later FROM numbers WHERE n % 2 = 0",
    """INSERT INTO comparisons
       SELECT draft, missed, false_alarms, words_changed, words_signed, statistics, compared_by
       FROM numbers, comparisons WHERE n % 2 = 0""",
)


@pytest.fixture
def many(engine: Engine) -> Engine:
    """A year of a hospital, all of it like one study that was drafted and signed before."""
    made = prediction("before", drafted_at=NOW - HOUR, image={f"statistic_{n}": 0.5 for n in range(8)})
    with writing(engine) as connection:
        begin(connection)
        draft(connection, made.model_copy(update={"sentences": made.sentences * 6}))
        connection.exec_driver_sql(NUMBERED, {"many": MANY, "form": "%Y-%m-%dT%H:%M:%S.000000+00:00"})
        for statement in COPIED:
            connection.exec_driver_sql(statement)
    return engine


def test_of_100_000_predictions_a_window_the_last_reviewed_and_a_lineage_are_found_at_once(many: Engine) -> None:
    start = NOW + timedelta(minutes=5) * (MANY // 2)
    with reading(many) as connection:
        began = time.process_time()
        found = window(connection, start, start + timedelta(minutes=5 * 1000))
        windowed = time.process_time()
        reviewed = last_reviewed(connection, 1000, start, model="m1")
        read = time.process_time()
        chain = lineage(connection, f"a{MANY // 2:031x}")
        ended = time.process_time()
    assert (len(found.predictions), len(found.sentences), found.embeddings.shape) == (1000, 6000, (1000, 128))
    assert len(reviewed) == 1000
    assert chain.prediction == f"{MANY // 2:032x}"
    took = {"window": windowed - began, "last reviewed": read - windowed, "lineage": ended - read}
    print(", ".join(f"{name} {1000 * one:.0f} ms" for name, one in took.items()))
    assert took["window"] < 1
    assert took["last reviewed"] < 1
    assert took["lineage"] < 0.1
