"""The monitoring page: what alarms, and every monitor's figure over the windows of the stream. One file, no script."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from monitoring.columns import Family
from monitoring.data_drift import family, floor
from monitoring.judge import Judged, judge
from monitoring.policy import Policy
from monitoring.snapshot import Snapshot
from monitoring.watched import Watched
from pipelines.monitors.timeline import Timeline
from pipelines.pages import page_environment

SHOWN = 40  # windows, the latest
TITLES = {
    Family.DATA: ("Images", "distance of a window from the training pictures"),
    Family.EMBEDDING: ("Embeddings", "distance along the encoder's principal axes, and of what lies beside them"),
    Family.ATTENTION: ("Attention", "distance of a window from the validated drafts"),
    Family.TEXT: ("Words", "distance of a window from the validated drafts"),
}


@dataclass(frozen=True, slots=True)
class Panel:
    """Timelines under one title, those that alarm first; `first` is the number of their first window."""

    title: str
    says: str
    lines: Sequence[Timeline]
    first: int

    @property
    def charts(self) -> list[tuple[Timeline, Markup]]:
        ordered = sorted(self.lines, key=lambda line: not line.alarming)
        return [(line, Markup(line.svg(self.first))) for line in ordered]  # noqa: S704 - numbers and names of features


def page(seen: Snapshot, watched: Watched, policy: Policy) -> str:
    """The page as HTML. It holds figures of many studies, and no name of any."""
    begin = max(0, len(seen.history) - SHOWN)
    then = [judge(seen.history[: end + 1], watched.reference, policy) for end in range(begin, len(seen.history))]
    return (
        page_environment()
        .get_template("monitoring.html.j2")
        .render(
            seen=seen,
            panels=list(panels(seen, then, watched, policy)),
            figures=quality_rows(seen, watched),
            running=seen.running,
            p99=policy.operations.p99_seconds,
            window=policy.window_studies,
        )
    )


def panels(seen: Snapshot, then: Sequence[Judged], watched: Watched, policy: Policy) -> list[Panel]:
    """By family of monitors.

    Args:
        then: what was judged after each of the windows that are shown.
    """
    history = seen.history[len(seen.history) - len(then) :]
    first = len(seen.history) - len(then) + 1

    def alarmed(key: str) -> list[bool]:
        return [any(alarm.key == key for alarm in judged.alarms) for judged in then]

    found = []
    names = dict.fromkeys(name for window in history for name in window.distances)
    for of, (title, says) in TITLES.items():
        lines = []
        for name in (name for name in names if family(name) is of):
            effects = [window.distances[name].effect if name in window.distances else None for window in history]
            lines.append(Timeline(name, effects, (0.0, floor(name, policy.distances)), alarmed(f"distance:{name}")))
        if lines:
            found.append(Panel(title, f"{says}; 0 none, 1 all of it", lines, first))
    creeping = dict.fromkeys(name for judged in then for name in judged.sums)
    if creeping:
        lines = []
        for name in creeping:
            sums = [judged.sums.get(name) for judged in then]
            greater = [None if both is None else both.greater for both in sums]
            lines.append(Timeline(name, greater, (0.0, policy.creep.threshold), alarmed(f"creep:{name}")))
        found.append(Panel("Attention, slow creep", "cumulative sum in standard errors", lines, first))
    if stated := dict.fromkeys(name for judged in then for name in judged.changes):
        says = f"share of the drafts that state it, {policy.prevalence.windows} windows together"
        lines = []
        for name in stated:
            before = watched.reference.findings[name].share
            least = policy.prevalence.least(before)
            shares = [judged.changes[name].share if name in judged.changes else None for judged in then]
            band = (max(0.0, before - least), before + least)
            lines.append(Timeline(name, shares, band, alarmed(f"prevalence:{name}"), percent=True))
        found.append(Panel("Findings", says, lines, first))
    return found


def quality_rows(seen: Snapshot, watched: Watched) -> list[Mapping[str, object]]:
    """The figures of the last reviews, beside those when the model was validated."""
    return [
        {"name": name, "now": found, "validated": watched.validated.get(name)}
        for name, found in seen.quality.figures.items()
    ]
