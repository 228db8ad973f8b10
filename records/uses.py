"""How often a test set has been used: each model that is judged on it has seen it once, and none twice.

Of models that were chosen by one test set the best looks better than it is, the more so the more there were. The count
is entered in the ledger, where it cannot be taken back.
"""

from datetime import datetime

from sqlalchemy import Connection

from records.ledger import append, entries

TEST_USE = "test_use"  # kind of the entries


def enter_use(connection: Connection, name: str, test_sha256: str, model_sha256: str, now: datetime) -> int:
    """Enter that a model was judged on a test set, unless that is known, in a transaction of `database.writing`.

    Args:
        name, test_sha256: the test set's name, and the hash of what is in it. model_sha256: of the model's weights.

    Returns:
        which use of the set this is, 1 for the first: the same whenever it is asked again.
    """
    body = {"test_set": name, "test_sha256": test_sha256, "model_sha256": model_sha256}
    own = append(connection, TEST_USE, f"{TEST_USE}:{test_sha256}:{model_sha256}", body, now)
    uses = (entry for entry in entries(connection) if entry.kind == TEST_USE and entry.seq <= own.seq)
    return sum(entry.written.body["test_sha256"] == test_sha256 for entry in uses)
