"""Where a model came from: the data's md5, the commit, the policy, the lock. None where it cannot be known."""

import hashlib
import subprocess
from pathlib import Path

import yaml


def provenance(root: Path = Path()) -> dict[str, str | None]:
    """data_md5, git_commit, policy_sha256 and lock_sha256 of a checkout."""
    return {
        "data_md5": data_md5(root),
        "git_commit": git_commit(root),
        "policy_sha256": digest(root / "policy" / "gate.yaml"),
        "lock_sha256": digest(root / "requirements.lock"),
    }


def data_md5(root: Path = Path()) -> str | None:
    """The md5 that data.dvc records."""
    path = root / "data.dvc"
    return str(yaml.safe_load(path.read_text())["outs"][0]["md5"]) if path.is_file() else None


def git_commit(root: Path = Path()) -> str | None:
    """The commit that is checked out."""
    found = subprocess.run(["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return found.stdout.strip() if found.returncode == 0 else None


def digest(path: Path) -> str | None:
    """sha256 of a small file."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
