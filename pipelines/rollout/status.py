"""Where a rollout stands, as a table in the terminal."""

from datetime import UTC, datetime, timedelta

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipelines.pages import number
from pipelines.rollout.courses import MEASURES
from pipelines.rollout.page import TITLES, points
from release.decide import objections, wanting
from release.evidence import Evidence, Outcome
from release.phases import Phase
from release.store import Rollout

COLOURS = {Phase.PROMOTED: "green", Phase.ROLLED_BACK: "red", Phase.ABORTED: "red", Phase.INCONCLUSIVE: "yellow"}
MARKS = {Outcome.PASS: "[green]PASS[/]", Outcome.FAIL: "[red]FAIL[/]", Outcome.INCONCLUSIVE: "[yellow]?[/]"}


def status(rollout: Rollout, known: Evidence, now: datetime) -> RenderableType:
    """The state, the evidence against the guardrails, and what is missing or asked."""
    state, policy = rollout.state, rollout.policy
    demo = "DEMO " if policy.demo else ""
    colour = COLOURS.get(state.phase, "cyan")
    head = Text(f"{demo}rollout {state.id}: ", "bold").append(state.phase.value, colour)
    hours = (now - state.since) / timedelta(hours=1)
    where = Text(
        f"{state.candidate} drafts for {state.weight:.0%} of the studies, for {hours:.1f} h"
        f"{f', held by {state.held_by}' if state.held_by else ''}; {now.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    )
    table = Table("difference, points", "studies", "estimate", "between", "and", "guardrail", "")
    for name in MEASURES if state.champion else ():
        reading, margin = getattr(known, name), getattr(policy, name).margin
        bounds = (points(value) for value in (reading.estimate, reading.low, reading.high, margin))
        table.add_row(TITLES[name], number(reading.n, 0), *bounds, MARKS[reading.judge(margin)])
    parts: list[RenderableType] = [head, where, *([table] if state.champion else [])]
    if state.held_by and not state.phase.is_final:
        parts.append(Text("held: radassist rollout resume --key FILE --why WORDS"))
    if state.asks:
        parts.append(Text(f"asks: radassist rollout approve --request {state.request_sha256[:16]} --key FILE"))
        for approval in known.approvals:
            against = objections(state, approval, now)
            parts.append(Text(f"  {approval.by}: {'; '.join(against) if against else 'counts with the next tick'}"))
    elif not state.phase.is_final and not state.phase.asks:
        parts += [Text(f"  lacks {what}") for what in wanting(state, known, policy, now)]
    return Group(*parts)
