"""Monitors and releases read what was entered, in its order, by arrival, signing or rollout, and quickly."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, insert

from records import tables
from records.database import open_database, reading, writing
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
    """Five studies, ten seconds apart: the second one failed, the fourth is not signed, the fifth is another model's."""
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


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A year of a busy hospital: a study every five minutes, half of them signed."""
    folder: Path = tmp_path_factory.mktemp("many")
    engine = open_database(f"sqlite:///{folder / 'records.db'}")
    made = prediction("s0", image={f"statistic_{n}": 0.5 for n in range(8)}, sentences=prediction().sentences * 6)
    row = made.model_dump(mode="json") | {"embedding": bytes(256)}
    compared = comparison_of(made).model_dump(mode="json")

    def rows(kind: str, numbers: range) -> list[dict[str, Any]]:
        arrived = {number: NOW + timedelta(minutes=5 * number) for number in numbers}
        if kind == "studies":
            return [{"study": f"s{n}", "patient": "p", "arrived_at": at, "view": "PA"} for n, at in arrived.items()]
        if kind == "predictions":
            own = [{"prediction": f"{n:032x}", "study": f"s{n}", "drafted_at": at} for n, at in arrived.items()]
            return [row | one for one in own]
        if kind == "reports":
            return [{"report": f"a{n:031x}", "study": f"s{n}", "findings": "", "impression": ""} for n in numbers]
        if kind == "reviews":
            return [
                {"study": f"s{n}", "draft": f"{n:032x}", "report": f"a{n:031x}", "reviewer": "r", "signed_at": at + HOUR}
                for n, at in arrived.items()
            ]
        return [compared | {"prediction": f"{n:032x}"} for n in numbers]

    with writing(engine) as connection:
        begin(connection)
        for kind in ("studies", "predictions", "reports", "reviews", "comparisons"):
            step = 1 if kind in ("studies", "predictions") else 2
            for first in range(0, MANY, 20_000):
                numbers = range(first, first + 20_000, step)
                connection.execute(insert(tables.metadata.tables[kind]), rows(kind, numbers))
    yield engine
    engine.dispose()


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
    print({name: f"{1000 * one:.0f} ms" for name, one in took.items()})
    assert took["window"] < 1
    assert took["last reviewed"] < 1
    assert took["lineage"] < 0.1
