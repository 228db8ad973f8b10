"""A ledger in a temporary file, and people whose keys it knows."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine

from records.database import open_database

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
REPORT, PAGE = "a" * 64, "b" * 64


def key_of(number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'records.db'}"


@pytest.fixture
def engine(url: str) -> Engine:
    return open_database(url)
