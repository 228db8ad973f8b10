"""Each model uses a test set once, whatever is repeated, and the count only grows."""

from sqlalchemy import Engine

from records.database import reading, writing
from records.ledger import append, check, entries
from records.uses import enter_use
from tests.records.conftest import NOW

FIRST, SECOND = "1" * 64, "2" * 64


def use(engine: Engine, test: str, model: str) -> int:
    with writing(engine) as connection:
        return enter_use(connection, "a frozen set", test, model, NOW)


def test_each_model_counts_once_and_keeps_its_number(engine: Engine) -> None:
    models = [str(number) * 64 for number in (3, 4, 5)]
    assert [use(engine, FIRST, model) for model in models] == [1, 2, 3]
    assert [use(engine, FIRST, model) for model in models] == [1, 2, 3]


def test_test_sets_are_counted_apart_and_other_entries_do_not_count(engine: Engine) -> None:
    with writing(engine) as connection:
        append(connection, "note", "one", {"test_sha256": FIRST}, NOW)
    assert use(engine, FIRST, "a" * 64) == 1
    assert use(engine, SECOND, "a" * 64) == 1
    assert use(engine, FIRST, "b" * 64) == 2
    with reading(engine) as connection:
        assert check(entries(connection)) is None
