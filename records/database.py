"""The database: how it is opened, and its two kinds of transaction.

SQLite keeps its rollback journal: a reader waits some milliseconds for a writer, and in return the records are one file
that can be copied, sent to an auditor and opened where nothing may be written. A commit is on the disk when it returns.
A transaction that writes takes the write lock at its beginning, so that what it read is still so when it writes; one
that reads sees one state throughout. PostgreSQL is told to do the same.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError

from records.errors import RecordsError

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK_SECONDS = 60.0  # how long a process waits for the others before it gives up
BEGIN = {  # of a transaction that reads, and of one that writes; the advisory lock asks for no right on a table
    "sqlite": (("BEGIN",), ("BEGIN IMMEDIATE",)),
    "postgresql": (
        ("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",),
        (
            f"SET LOCAL lock_timeout = '{LOCK_SECONDS:.0f}s'",
            f"SELECT pg_advisory_xact_lock({int.from_bytes(b'records')})",
        ),
    ),
}


def open_database(url: str) -> Engine:
    """Open the records at `url` and bring their schema up to date; an SQLite file is made where there is none.

    Raises:
        RecordsError: `url` names no database that can be used here, or one that a later version wrote.
    """
    way_out = "use sqlite:////ABSOLUTE/PATH, or the URL of a database whose driver is installed"
    try:
        place = make_url(url)
        local = place.get_backend_name() == "sqlite"
        engine = create_engine(place, connect_args={"timeout": LOCK_SECONDS} if local else {})
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise RecordsError(f"records {url!r}", str(error).splitlines()[0], way_out) from error
    if local:
        if not place.database or not Path(place.database).is_absolute():
            raise RecordsError(f"records {url!r}", "several processes share the records by an absolute path", way_out)
        Path(place.database).parent.mkdir(parents=True, exist_ok=True)
        event.listen(engine, "connect", _configure)
    if engine.dialect.name in BEGIN:
        event.listen(engine, "begin", _begin)
    try:
        _migrate(engine)
    except DatabaseError as error:
        raise RecordsError(f"records {url!r}", f"they cannot be opened: {error.orig}", way_out) from error
    return engine


def exists(url: str) -> bool:
    """False where `url` names an SQLite file that is not there; a server answers for itself."""
    place = make_url(url)
    return place.get_backend_name() != "sqlite" or Path(place.database or "").is_file()


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that sees one state of the records."""
    with engine.begin() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that changes the records, whole or not at all."""
    with engine.execution_options(writes=True).begin() as connection:
        yield connection


def _configure(connection: Any, record: object) -> None:  # noqa: ARG001 - SQLAlchemy's signature
    connection.isolation_level = None  # the driver begins nothing of its own accord: `_begin` does
    # with recursive triggers INSERT OR REPLACE deletes nothing that may not be deleted
    for pragma in ("synchronous = FULL", "foreign_keys = ON", "recursive_triggers = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    reads, writes = BEGIN[connection.dialect.name]
    for statement in writes if connection.get_execution_options().get("writes") else reads:
        connection.exec_driver_sql(statement)


def _migrate(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)
    newest = scripts.get_current_head()
    with reading(engine) as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    if found == newest:
        return
    if found is not None and found not in {script.revision for script in scripts.walk_revisions()}:
        value, rule = f"records {engine.url!r}", f"their schema {found} is of a later version than this program"
        raise RecordsError(value, rule, "use that version")
    with writing(engine) as connection:  # where another process was first, nothing is left to do
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
