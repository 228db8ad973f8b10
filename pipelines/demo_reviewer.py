"""The demo's reviewer, who is nobody.

Their key follows from a seed that everybody can read, so that their signature proves nothing; it is marked DEMO, and it
counts for a model of phantoms alone, see `pipelines.sign_off`.
"""

from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pipelines.checkout import records_url
from records.database import open_database, writing
from records.keys import write_key
from records.signatures import enter_key

NAME, ROLE = "Demo Reviewer", "radiologist"
SEED = b"RadAssist's demo, nobody's key. "  # 32 bytes


def demo_key(root: Path) -> Path:
    """The reviewer's key file, in var/demo of the project at `root`, whose ledger knows them from now on."""
    key, path = Ed25519PrivateKey.from_private_bytes(SEED), root / "var" / "demo" / "reviewer.pem"
    with writing(open_database(records_url(root))) as connection:
        enter_key(connection, key, NAME, ROLE, datetime.now(UTC), demo=True)
    if not path.is_file():
        write_key(key, path)
    return path
