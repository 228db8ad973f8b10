"""The tables as they stand after the last migration."""

from sqlalchemy import Column, Integer, MetaData, String, Table, Text

metadata = MetaData()

ledger = Table(
    "ledger",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),  # 1, 2, 3 ... without a gap
    Column("key", String, nullable=False, unique=True),  # of idempotency: what happened once is entered once
    Column("kind", String, nullable=False),
    Column("entry", Text, nullable=False),  # canonical JSON, as it was hashed
    Column("prev_sha256", String(64), nullable=False, unique=True),  # unique: no entry has two successors
    Column("sha256", String(64), nullable=False, unique=True),
)
