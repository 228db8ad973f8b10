"""The last time that drift asked for a retraining. Light: the DAG `monitor` reads it in its own process.

var/monitoring/retraining.json    model, time, reason, the policy's hash
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pipelines.checkout import main_checkout
from pipelines.whole_files import write_whole


@dataclass(frozen=True, slots=True)
class Asked:
    """Why a retraining is due: figures of windows, in words. `as_of` is ISO 8601, UTC."""

    model: str
    as_of: str
    reason: str
    policy_sha256: str


def last_asked(root: Path) -> Asked | None:
    path = _path(root)
    return Asked(**json.loads(path.read_text())) if path.is_file() else None


def remember(asked: Asked, root: Path) -> None:
    write_whole(_path(root), json.dumps(asdict(asked), indent=1) + "\n")


def _path(root: Path) -> Path:
    return main_checkout(root) / "var" / "monitoring" / "retraining.json"
