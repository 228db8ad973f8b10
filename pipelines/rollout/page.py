"""A rollout as one page: where it stands and what it asks, the evidence against its guardrails, and who said what.

The page of an open rollout is drawn anew with every tick; an approval is signed over the page that was looked at.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from markupsafe import Markup
from sqlalchemy import Connection

from pipelines.arrivals import arrivals
from pipelines.checkout import main_checkout
from pipelines.pages import number, page_environment, percent
from pipelines.rollout.chart import sequence_chart
from pipelines.rollout.courses import MEASURES, Course, beside, courses, drafted
from pipelines.rollout.evidence import Seen, see
from pipelines.rollout.orders import LEAST_DIGITS
from records.ledger import Anchor
from records.models import Model, find_model
from release.decide import objections, wanting
from release.evidence import Evidence
from release.phases import Phase
from release.policy import Policy
from release.state import State
from release.store import Rollout, history

TEMPLATE = "rollout.html.j2"
TITLES = {
    "misses": "Studies with a missed finding",
    "faults": "Studies without a draft in time",
    "edit_rate": "Edit rate",
}
ASKS = {
    Phase.AWAITING_CANARY: "May the candidate draft for its first share of the studies?",
    Phase.AWAITING_FULL: "May the candidate draft for all studies?",
    Phase.INCONCLUSIVE: "The evidence did not suffice in the time there was. May the rollout go on?",
}
GOOD, BAD = {Phase.PROMOTED}, {Phase.ROLLED_BACK, Phase.ABORTED}


def page_path(root: Path, rollout: str) -> Path:
    """Where a rollout's page lies: in the main checkout, which all worktrees share."""
    return main_checkout(root) / "var" / "rollouts" / f"{rollout}.html"


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page shows of the records: what the evidence goes by, and the drafts and models beside it."""

    seen: Seen
    drafted: pd.DataFrame
    models: dict[str, Model | None]


def look(connection: Connection, rollout: Rollout) -> Shown:
    """Read all that `draw` goes by, in one transaction."""
    state = rollout.state
    models = {name: find_model(connection, name) for name in (state.candidate, state.champion) if name}
    return Shown(see(connection, rollout), drafted(connection, state.id), models)


def draw(shown: Shown, known: Evidence, now: datetime) -> str:
    """The page, as the records say at this time."""
    seen, rollout = shown.seen, shown.seen.rollout
    state, policy = rollout.state, rollout.policy
    shadow, canary = arrivals(seen.outcomes, state, policy.slow_seconds)
    timeline = history(seen.entries, state.id)
    told = [State.of_row(entry.written.body["state"]) for entry in timeline]
    environment = page_environment()
    environment.filters |= {"percent": percent, "points": points, "share": share, "number": number, "time": time}
    return environment.get_template(TEMPLATE).render(
        state=state,
        policy=policy,
        now=now,
        kind="passed" if state.phase in GOOD else "refused" if state.phase in BAD else "warned",
        question=ASKS[state.phase] if state.asks else None,
        request=state.request_sha256,
        digits=state.request_sha256[: 2 * LEAST_DIGITS],
        missing=wanting(state, known, policy, now) if not state.phase.is_final and not state.phase.asks else [],
        known=known,
        readings={title: (getattr(known, name), getattr(policy, name).margin) for name, title in TITLES.items()},
        signatures=[(approval, objections(state, approval, now)) for approval in known.approvals],
        timeline=[(entry.seq, entry.written.at, entry.written.body) for entry in timeline],
        charts=[_charts(course, policy) for course in courses(rollout, told, shadow, canary, now)],
        beside=beside(seen.outcomes, shown.drafted, state).to_dict("records"),
        models=shown.models,
        anchor=Anchor(seen.entries[-1].seq, seen.entries[-1].sha256),
    )


def _charts(course: Course, policy: Policy) -> tuple[str, list[tuple[str, Markup]]]:
    drawn = [
        (
            TITLES[measure],
            Markup(  # noqa: S704 - numbers alone
                sequence_chart(course.hours, course.readings[measure], getattr(policy, measure).margin, course.changes)
            ),
        )
        for measure in MEASURES
    ]
    return course.name, drawn


def share(value: float) -> str:
    """Of the traffic.

    >>> share(0.05), share(1.0)
    ('5 %', '100 %')
    """
    return f"{100 * value:g} %"


def points(value: float | None) -> str:
    """A difference of shares, in percentage points; a bound of -1 or 1 says nothing.

    >>> points(-0.0125), points(1.0)
    ('−1.25', '–')
    """
    if value is None or abs(value) >= 1:
        return "–"
    return f"{100 * value:+.2f}".replace("-", "−")


def time(value: datetime) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
