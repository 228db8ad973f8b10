"""Asking for a retraining: once, with the reason, and not soon after another one."""

from datetime import datetime
from pathlib import Path

from monitoring.alerts import retraining_reason
from monitoring.policy import Policy
from monitoring.snapshot import Snapshot
from pipelines.git import ask as ask_git
from pipelines.monitors.asked import Asked, last_asked, remember
from pipelines.origin import SNAPSHOT


def ask(seen: Snapshot, policy: Policy, root: Path) -> Asked | None:
    """Ask for a retraining if confirmed drift does, and none was asked for or began within the cool-down. The same look
    asks again for the same."""
    before = last_asked(root)
    now = seen.as_of.isoformat()
    if before is not None and before.as_of == now:
        return before
    times = [begun(root), None if before is None else datetime.fromisoformat(before.as_of)]
    last = max((time for time in times if time is not None), default=None)
    reason = retraining_reason(seen.alarms, last, seen.as_of, policy)
    if reason is None:
        return None
    asked = Asked(seen.model_version, now, reason, seen.policy_sha256)
    remember(asked, root)
    return asked


def begun(root: Path) -> datetime | None:
    """When the last run of the project at `root` took its snapshot; None where there was no run."""
    said = ask_git(root, "log", "-1", "--branches=runs/*", f"--grep=^{SNAPSHOT}", "--format=%cI")
    return datetime.fromisoformat(said) if said else None
