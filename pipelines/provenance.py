"""Where a model came from: the data's md5, the commit, the policy, the lock. None where it cannot be known."""

import hashlib
from pathlib import Path

from pipelines.git import ask
from pipelines.versioning import data_md5


def provenance(root: Path = Path()) -> dict[str, str | None]:
    """data_md5, git_commit, policy_sha256 and lock_sha256 of a checkout."""
    return {
        "data_md5": data_md5(root),
        "git_commit": ask(root, "rev-parse", "HEAD"),
        "policy_sha256": digest(root / "policy" / "gate.yaml"),
        "lock_sha256": digest(root / "requirements.lock"),
    }


def digest(path: Path) -> str | None:
    """sha256 of a small file."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
