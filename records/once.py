"""Rows that are entered once: the same a second time changes nothing, and something else in its place is refused."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table, insert, select

from records.errors import RecordsError


def enter_once(connection: Connection, table: Table, row: Mapping[str, Any], name: str) -> bool:
    """Add a row, in a transaction of `database.writing`; False where it was there.

    Args:
        name: what the row is called in an error, which names neither a study nor a patient.

    Raises:
        RecordsError: another row has its key. The error names the columns that differ.
    """
    key = [column == row[column.name] for column in table.primary_key]
    found = connection.execute(select(table).where(*key)).mappings().one_or_none()
    if found is None:
        connection.execute(insert(table).values(**row))
        return True
    if other := [column for column, value in row.items() if found[column] != value]:
        rule = f"it was entered before, with another {', '.join(other)}"
        raise RecordsError(name, rule, "what is kept does not change: enter what happened, once")
    return False


def demand(connection: Connection, table: Table, key: str, name: str, way_out: str) -> None:
    """
    Raises:
        RecordsError: the table has no row of that key.
    """
    (column,) = table.primary_key
    if connection.execute(select(column).where(column == key)).one_or_none() is None:
        raise RecordsError(name, "the records do not know it", way_out)
