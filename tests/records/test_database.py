"""The records open with the schema that the code speaks of, and refuse what they cannot read."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from records.database import exists, open_database, reading, writing
from records.errors import RecordsError
from records.tables import metadata


def test_the_migrations_lead_from_nothing_to_the_tables_of_the_code(engine: Engine) -> None:
    with reading(engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        assert MigrationContext.configure(connection).get_current_revision() == "0004"


def test_a_second_opening_changes_nothing_and_a_copy_opens_where_nothing_may_be_written(
    engine: Engine, url: str
) -> None:
    file = Path(str(engine.url.database))
    before = file.read_bytes()
    open_database(url).dispose()
    assert file.read_bytes() == before
    with closing(sqlite3.connect(f"file:{file}?mode=ro&immutable=1", uri=True)) as connection:
        assert connection.execute("SELECT count(*) FROM ledger").fetchone() == (0,)


def test_a_transaction_that_fails_leaves_nothing(engine: Engine) -> None:
    def twice(connection: Connection) -> None:
        for _ in range(2):
            connection.exec_driver_sql("INSERT INTO ledger VALUES (1, 'k', 'kind', '{}', 'p', 's')")

    with pytest.raises(IntegrityError), writing(engine) as connection:
        twice(connection)
    with reading(engine) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM ledger").scalar_one() == 0


def test_a_commit_reaches_the_disk_and_the_records_stay_one_file(engine: Engine, tmp_path: Path) -> None:
    with writing(engine) as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "delete"
    assert [path.name for path in tmp_path.iterdir()] == ["records.db"]


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("sqlite:///records.db", "an absolute path"),
        ("sqlite://", "an absolute path"),
        ("nonsense", "Could not parse"),
        ("nodatabase://here/records", "nodatabase"),
    ],
)
def test_a_url_that_names_no_shared_database_is_refused(named: str, said: str) -> None:
    with pytest.raises(RecordsError, match=said):
        open_database(named)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "records.db").write_text("Dear auditor, " * 100)
    with pytest.raises(RecordsError, match="cannot be opened"):
        open_database(f"sqlite:///{tmp_path / 'records.db'}")


def test_records_of_a_later_version_are_refused(engine: Engine, url: str) -> None:
    with writing(engine) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(RecordsError, match="schema 9999 is of a later version"):
        open_database(url)


def test_a_file_that_is_not_there_is_told_from_one_that_is(url: str) -> None:
    assert not exists(url)
    open_database(url)
    assert exists(url)
