"""What happened is entered once, does not change, and leads back to what made it; text stands in one place."""

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from alembic import command
from alembic.config import Config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy import Engine, create_engine, func, select
from sqlalchemy.exc import IntegrityError

from records import tables
from records.database import MIGRATIONS, open_database, reading, writing
from records.errors import RecordsError
from records.models import enter_model, find_model
from records.predictions import (
    Prediction,
    Role,
    Sentence,
    enter_prediction,
    enter_study,
    find_prediction,
    packed,
    read_text,
    unpacked,
)
from records.reviews import enter_comparison, enter_review
from tests.records.drafts import (
    DRAFT,
    SENTENCE,
    SIGNED,
    begin,
    comparison_of,
    draft,
    enter,
    model,
    prediction,
    review_of,
    study,
)

GROWING = ("models", "studies", "reports", "predictions", "reviews", "comparisons")


@pytest.fixture
def drafted(engine: Engine) -> Engine:
    """One study, drafted, signed and compared."""
    with writing(engine) as connection:
        begin(connection)
        draft(connection, prediction())
    return engine


def count(engine: Engine, table: str) -> int:
    with reading(engine) as connection:
        return int(connection.execute(select(func.count()).select_from(tables.metadata.tables[table])).scalar_one())


def test_the_same_a_second_time_changes_nothing(drafted: Engine) -> None:
    with writing(drafted) as connection:
        begin(connection)
        draft(connection, prediction())
    assert {table: count(drafted, table) for table in GROWING} == dict.fromkeys(GROWING, 1) | {"reports": 2}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seconds": 3.0}, "another seconds"),
        ({"image": {"sharpness": 1.25}}, "another image"),
        ({"error": "timed_out"}, "another error, confidence, sentences, findings, words, image"),
    ],
)
def test_another_prediction_in_its_place_is_refused_by_the_columns_that_differ(
    drafted: Engine, changes: dict[str, object], said: str
) -> None:
    with pytest.raises(RecordsError, match=f"with {said};"), writing(drafted) as connection:
        enter(connection, prediction(**changes))
    assert count(drafted, "predictions") == 1


def test_another_draft_under_the_same_prediction_is_refused_without_showing_either(drafted: Engine) -> None:
    with pytest.raises(RecordsError, match="with another findings, impression") as refused, writing(drafted) as there:
        enter_prediction(there, prediction(), SIGNED)
    assert "heart" not in str(refused.value)
    assert "s1" not in str(refused.value)


def test_another_signed_report_of_a_study_is_refused(drafted: Engine) -> None:
    with pytest.raises(RecordsError, match="another reviewer"), writing(drafted) as connection:
        enter_review(connection, review_of(prediction(), reviewer="r2"), SIGNED)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (prediction(by="m9"), "its model: the records do not know it"),
        (prediction("s9"), "its study: the records do not know it"),
        (prediction(rollout="r9"), "its rollout: the records do not know it"),
    ],
)
def test_a_prediction_that_leads_nowhere_is_refused(drafted: Engine, made: Prediction, said: str) -> None:
    with pytest.raises(RecordsError, match=said), writing(drafted) as connection:
        enter(connection, made)


def test_a_failure_is_kept_by_its_reason_and_has_no_text(engine: Engine) -> None:
    failed = prediction(error="out_of_memory")
    with writing(engine) as connection:
        begin(connection)
        enter_study(connection, study())
        assert read_text(connection, enter(connection, failed)) is None
        assert find_prediction(connection, "s1", "m1", Role.LIVE) == failed.id
        assert find_prediction(connection, "s1", "m1", Role.SHADOW) is None
        with pytest.raises(RecordsError, match="either a draft or an error"):
            enter_prediction(connection, failed, DRAFT)
        with pytest.raises(RecordsError, match="it is no draft of that study"):
            enter_review(connection, review_of(failed), SIGNED)
        with pytest.raises(RecordsError, match="there is no such draft"):
            enter_comparison(connection, comparison_of(failed))


def test_a_shadow_draft_stands_beside_the_live_one(engine: Engine) -> None:
    with writing(engine) as connection:
        begin(connection, "m1", "m2")
        enter_study(connection, study())
        live, shadow = (
            enter(connection, prediction(by=by, role=role)) for by, role in (("m1", "live"), ("m2", "shadow"))
        )
        assert live != shadow
        assert read_text(connection, live) == read_text(connection, shadow) == DRAFT


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE {} SET {} = 'x'",
        "DELETE FROM {}",
        "INSERT OR REPLACE INTO {} SELECT * FROM {}",
    ],
)
@pytest.mark.parametrize("table", GROWING)
def test_what_was_entered_is_neither_changed_nor_removed(drafted: Engine, table: str, change: str) -> None:
    column = next(iter(tables.metadata.tables[table].primary_key)).name
    second = table if "INSERT" in change else column
    with pytest.raises(IntegrityError, match=f"{table} only grow"), writing(drafted) as connection:
        connection.exec_driver_sql(change.format(table, second))


def test_report_text_stands_in_one_table_alone(drafted: Engine) -> None:
    said = {*DRAFT.model_dump().values(), *SIGNED.model_dump().values()}
    with closing(sqlite3.connect(str(drafted.url.database))) as connection:
        for table in ("models", "studies", "predictions", "reviews", "comparisons", "outcomes", "ledger"):
            for row in connection.execute(f"SELECT * FROM {table}"):  # noqa: S608 - names of this test
                assert not any(text in str(value) for text in said for value in row)


@pytest.mark.parametrize(
    "values",
    [
        {"study": "Doe^Jane"},
        {"study": "Doe Jane"},
        {"error": "cannot read Doe^Jane.dcm"},
        {"sentences": ({**SENTENCE.model_dump(), "text": "Doe, Jane: effusion"},)},
        {"words": {"Doe, Jane": 1.0}},
    ],
)
def test_names_and_texts_do_not_fit_into_a_prediction_nor_into_its_error(values: dict[str, object]) -> None:
    whole = {"study": "s1", "model": "m1", "role": "live", "drafted_at": "2026-03-01T09:30Z", "seconds": 1} | values
    with pytest.raises(ValidationError) as refused:
        Prediction.model_validate(whole)
    shown = str(refused.value).replace("words.Doe, Jane", "")  # a key of a mapping is its place
    assert "Doe" not in shown


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"error": "timed_out", "confidence": 0.5}, "an error has no draft"),
        ({"arm": "candidate"}, "without a rollout"),
        ({"weight": 0.05}, "without a rollout"),
        ({"seconds": float("nan")}, "finite"),
        ({"drafted_at": "2026-03-01T09:30"}, "timezone"),
    ],
)
def test_a_prediction_that_cannot_be_is_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        prediction(**values)


finite = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    image=st.dictionaries(st.from_regex(r"[a-z][a-z0-9_.]{0,8}", fullmatch=True), finite, max_size=4),
    entropies=st.lists(st.floats(0, 1), max_size=4),
    took=st.floats(0, 1e9),
    drafted_at=st.datetimes(timezones=st.timezones()),
)
def test_whatever_is_entered_is_read_back_and_is_the_same_when_entered_again(
    engine: Engine, image: dict[str, float], entropies: list[float], took: float, drafted_at: object
) -> None:
    sentences = tuple(Sentence.model_validate(SENTENCE.model_dump() | {"entropy": entropy}) for entropy in entropies)
    made = prediction(image=image, sentences=sentences, seconds=took, drafted_at=drafted_at)
    with engine.execution_options(writes=True).connect() as connection, connection.begin() as transaction:
        begin(connection)
        enter_study(connection, study())
        assert enter(connection, made) == enter(connection, made) == made.id
        row = connection.execute(select(tables.predictions)).mappings().one()
        assert (row["image"], row["seconds"], row["drafted_at"]) == (image, took, made.drafted_at)
        assert [sentence["entropy"] for sentence in row["sentences"]] == entropies
        transaction.rollback()


def test_an_embedding_keeps_what_float16_keeps_and_what_is_beyond_is_refused() -> None:
    features = np.random.default_rng(0).normal(size=64)
    assert np.array_equal(unpacked(packed(features, "it")), features.astype(np.float16).astype(np.float32))
    for bad in (np.array([1e6]), np.array([np.nan]), np.zeros((2, 2))):
        with pytest.raises(RecordsError, match="one row of numbers within float16"):
            packed(bad, "it")


def test_records_of_the_schema_before_are_brought_forward_with_what_is_in_them(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'records.db'}"
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    older = create_engine(url)
    with older.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        connection.exec_driver_sql("INSERT INTO ledger VALUES (1, 'k', 'kind', '{}', 'p', 's')")
        row = "'r1', 1, 1, 'shadowing', -1, 0.0, 'm2', 'm1', '[]', NULL, 't', 't', '{}', 'p', 's'"
        connection.exec_driver_sql(f"INSERT INTO rollouts VALUES ({row})")  # noqa: S608 - this test's
    older.dispose()
    engine = open_database(url)
    assert (count(engine, "ledger"), count(engine, "rollouts"), count(engine, "predictions")) == (1, 1, 0)
    with writing(engine) as connection:
        begin(connection)
        enter_study(connection, study())
        enter(connection, prediction(rollout="r1", shadowed=True))
    assert count(engine, "predictions") == 1


def test_a_model_has_one_origin(drafted: Engine) -> None:
    with writing(drafted) as connection:
        assert find_model(connection, "m1") == model()
        assert find_model(connection, "m2") is None
        with pytest.raises(RecordsError, match="model 'm1': it was entered before, with another git_commit"):
            enter_model(connection, model(git_commit="9" * 40))
