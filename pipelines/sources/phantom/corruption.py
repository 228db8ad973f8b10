"""What goes wrong in a scenario's subgroup: which studies, and what their reports say in place of the truth."""

from collections.abc import Sequence
from dataclasses import replace

from model.findings import Side
from pipelines.sources.phantom.abnormalities import Abnormality
from pipelines.sources.phantom.fields import Stream
from pipelines.sources.phantom.scenario import Corruption, Report, Site

OTHER = {Side.RIGHT: Side.LEFT, Side.LEFT: Side.RIGHT, Side.BILATERAL: Side.BILATERAL}


def befalls(corruption: Corruption, site: Site, sex: str, race: str, age: int, view: str, stream: Stream) -> bool:
    """Whether a study is one of those that go wrong: one of the subgroup, and of the share of it."""
    who = corruption.who
    low, high = who.ages or (age, age)
    facts = ((who.sex, sex), (who.race, race), (who.site, site.name), (who.device, site.device), (who.view, view))
    member = low <= age <= high and all(wanted in (None, fact) for wanted, fact in facts)
    return member and stream.chance(corruption.share)


def misreported(abnormalities: Sequence[Abnormality], report: Report, stream: Stream) -> dict[Abnormality, Abnormality]:
    """What the report tells of, each with the truth behind it; what is left out is told as absent."""
    told = [a for a in abnormalities if not stream.chance(report.omit)]
    return {replace(a, side=OTHER[a.side]) if report.swap_sides and a.side else a: a for a in told}
