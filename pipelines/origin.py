"""Where a run comes from: what started it and who wrote its commit, as its own branch tells.

The snapshot that a run begins with says in its message what started it, so that the run's commit covers that too:

    Snapshot for run ID

    Triggered-by: jdoe        a person, as Airflow or the machine names them; where it was no person:
    Started-by: schedule      or `new data`, or `drift`, with
    Reason: ...               the figures that asked for it
"""

from dataclasses import dataclass
from pathlib import Path

from pipelines.checkout import run_of_branch
from pipelines.git import PROGRAM, ask
from records.sign_off import Automatic

PERSON, NO_PERSON, REASON = "Triggered-by", "Started-by", "Reason"
SNAPSHOT = "Snapshot for run"  # begins the message
FIELDS = (
    "%s",
    "%an <%ae>",
    "%cn <%ce>",
    *(f"%(trailers:key={key},valueonly,separator= )" for key in (PERSON, NO_PERSON, REASON)),
)


@dataclass(frozen=True, slots=True)
class Origin:
    """Those whose own work a run is, see `records.sign_off.may_count`; `reason` says of a drift which."""

    triggered_by: str | Automatic | None
    committed_by: tuple[str, ...]
    reason: str | None = None


def snapshot_message(run: str, triggered_by: str | Automatic | None, reason: str | None = None) -> str:
    """The message of the commit that a run begins with; None where nobody knows what started it."""
    match triggered_by:
        case None:
            trailer = ""
        case Automatic():
            trailer = f"\n\n{NO_PERSON}: {triggered_by.value}"
            trailer += f"\n{REASON}: {' '.join(reason.split())}" if reason else ""
        case _:
            trailer = f"\n\n{PERSON}: {' '.join(triggered_by.split())}"
    return snapshot_subject(run) + trailer


def snapshot_subject(run: str) -> str:
    return f"{SNAPSHOT} {run}"


def origin_of(root: Path, run: str | None = None) -> Origin:
    """What the branch runs/ID says: that of `run`, by default the one of the checkout at `root`; without any nobody
    knows.

    The run's commit was written by the authors and committers of the snapshot, of whatever follows it, and of the
    commit that it was taken on, without this program itself.
    """
    run = run or run_of_branch(root)
    log = ask(root, "log", "--first-parent", f"--format={'%x1f'.join(FIELDS)}", f"runs/{run}", "--") if run else None
    commits = [line.split("\x1f") for line in log.split("\n")] if log else []
    snapshot = next((n for n, commit in enumerate(commits) if commit[0] == snapshot_subject(str(run))), None)
    if snapshot is None:
        return Origin(None, ())
    _, _, _, person, no_person, reason = (field.strip() for field in commits[snapshot])
    people = dict.fromkeys(who for commit in commits[: snapshot + 2] for who in commit[1:3] if who != PROGRAM)
    trigger = person or next((a for a in Automatic if a.value == no_person), None)
    return Origin(trigger, tuple(people), reason or None)
