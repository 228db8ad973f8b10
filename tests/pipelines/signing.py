"""A run as git has it, and people who sign its report."""

import os
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pipelines.checkout import records_url
from pipelines.environment import quiet_environment
from pipelines.origin import snapshot_message
from records.canonical import sha256
from records.database import open_database, writing
from records.sign_off import Automatic
from records.signatures import Meaning, enter_key, sign


def git(root: Path, *arguments: str, author: str = "John Roe <john@example.org>") -> None:
    name, _, address = author.rstrip(">").partition(" <")
    people = {
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", name), ("EMAIL", address))
    }
    inherited = {key: value for key, value in quiet_environment().items() if not key.startswith("GIT_")}
    subprocess.run(
        ["git", *arguments], cwd=root, check=True, env=inherited | people | {"GIT_CONFIG_GLOBAL": os.devnull}
    )


def begin_run(
    root: Path,
    run: str = "R1",
    triggered_by: str | Automatic | None = Automatic.SCHEDULE,
    *,
    author: str = "RadAssist <radassist@localhost>",
) -> None:
    """Put what lies in `root` on a branch runs/ID: John's commit, the run's snapshot by `author`, and what it wrote."""
    git(root, "init", "-q", "-b", "main")
    commit = ("commit", "-q", "--allow-empty", "-m")
    git(root, "add", "params.yaml")
    git(root, *commit, "The project")
    git(root, "checkout", "-q", "-b", f"runs/{run}")
    git(root, "add", "policy")
    git(root, *commit, snapshot_message(run, triggered_by), author=author)
    git(root, "add", "metrics")
    git(root, *commit, f"Run {run}", author="RadAssist <radassist@localhost>")


def sign_as(
    root: Path,
    name: str,
    *,
    meaning: Meaning = Meaning.APPROVED,
    accounts: Sequence[str] = (),
    demo: bool = False,
    at: datetime | None = None,
) -> None:
    """Sign the report of the run in `root`, whatever it is, by a key of this name alone."""
    key, now = Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32)), at or datetime.now(UTC)
    digests = [sha256((root / "report" / file).read_bytes()) for file in ("report.json", "index.html")]
    with writing(open_database(records_url(root))) as connection:
        enter_key(connection, key, name, "radiologist", now, accounts=accounts, demo=demo)
        sign(connection, key, meaning, digests[0], digests[1], now)
