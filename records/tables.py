"""The tables as they stand after the last migration."""

from sqlalchemy import JSON, Boolean, Column, Float, Integer, MetaData, String, Table, Text

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

rollouts = Table(
    "rollouts",
    metadata,
    Column("id", String, primary_key=True),
    Column("revision", Integer, nullable=False),  # who changes a row names the revision that they read
    Column("open", Boolean, unique=True),  # true, or null where it has ended: one rollout is open at a time
    Column("phase", String, nullable=False),
    Column("step", Integer, nullable=False),  # -1 is shadow
    Column("weight", Float, nullable=False),  # the candidate's share of live studies, as routers read it
    Column("candidate", String, nullable=False),
    Column("champion", String),
    Column("makers", JSON, nullable=False),  # names, as runs are triggered and commits written under
    Column("held_by", String),
    Column("started_at", String, nullable=False),  # ISO 8601, UTC
    Column("since", String, nullable=False),
    Column("policy", Text, nullable=False),  # canonical JSON, as it was promised
    Column("policy_sha256", String(64), nullable=False),
    Column("salt", String(64), nullable=False),  # 32 bytes in hexadecimal digits: who knows it knows each study's arm
)
