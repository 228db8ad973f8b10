"""Who is told of the rollouts: each transition goes to the webhook, once it is in the ledger.

That one was told is entered in the ledger too: what a kill or a dead receiver kept back goes with the next tick, also
when its rollout has ended and another one has begun. After a week it is no news any more, and a webhook that is set for
the first time hears of no older one.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from pipelines.webhook import is_configured, post
from records import ledger
from records.database import reading, writing
from records.ledger import Entry
from release.store import ROLLOUT

TOLD = "rollout_told"  # kind of entries
NEWS = timedelta(days=7)


def tell(engine: Engine, now: datetime) -> int:
    """Send all transitions of late that nobody was told of, the first first, and say how many they were.

    Raises:
        requests.RequestException: one did not arrive; those after it wait.
    """
    if not is_configured():
        return 0
    with reading(engine) as connection:
        entries = list(ledger.entries(connection))
    told = {entry.key for entry in entries if entry.kind == TOLD}
    untold = (entry for entry in entries if entry.kind == ROLLOUT and _key(entry) not in told)
    waiting = [entry for entry in untold if entry.written.at > now - NEWS]
    for entry in waiting:
        post(notice(entry))
        with writing(engine) as connection:
            ledger.append(connection, TOLD, _key(entry), {"entry": entry.seq}, now)
    return len(waiting)


def notice(entry: Entry) -> dict[str, Any]:
    """What is sent of a transition. The words of a person are not: they may say anything."""
    body = entry.written.body
    state = body["state"]
    return {
        "kind": "radassist.rollout",
        "key": entry.key,
        "at": entry.written.at.isoformat(),
        "before": body["before"],
        "reason": None if body["by"] else body["reason"],
        "by": body["by"],
        "figures": body["figures"],
        **{name: state[name] for name in ("id", "candidate", "champion", "phase", "weight", "revision", "held_by")},
    }


def _key(entry: Entry) -> str:
    return f"{TOLD}:{entry.key}"
