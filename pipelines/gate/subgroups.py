"""A criterion on every subgroup of the test split, as stage audit has measured them. `judge_subgroups` is pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from model.errors import BadInput
from pipelines.gate.judge import FAIL, INCONCLUSIVE, PASS, brief, finite, side
from pipelines.gate.policy import SubgroupCriterion
from pipelines.gate.verdict import Group, Judged, Outcome

SUBGROUPS = Path("audit/subgroups.parquet")
MEASURED = ("measured", "gap")  # what stage audit calls a group that is large enough
COLUMNS = ("attribute", "group", "figure", "n_patients", "value", "low", "high", "status")


@dataclass(frozen=True, slots=True)
class Subgroup:
    """One figure of one group: a row of stage audit's table. NaN where it was not measured."""

    attribute: str
    group: str
    figure: str
    n_patients: int
    value: float
    low: float
    high: float
    status: str

    @property
    def is_measured(self) -> bool:
        return self.status in MEASURED and math.isfinite(self.low) and math.isfinite(self.high)


def read_subgroups(path: Path) -> list[Subgroup] | None:
    """None where stage audit has not run.

    Raises:
        BadInput: the table has other columns.
    """
    if not path.is_file():
        return None
    table = pq.read_table(path)
    if lacking := [name for name in COLUMNS if name not in table.column_names]:
        raise BadInput(str(path), f"it has no column {', '.join(lacking)}", "run `radassist audit` again")
    rows = table.select(list(COLUMNS)).to_pylist()
    numbers = ("value", "low", "high")
    return [Subgroup(**row | {n: math.nan if row[n] is None else row[n] for n in numbers}) for row in rows]


def judge_subgroups(criterion: SubgroupCriterion, subgroups: Sequence[Subgroup] | None) -> Judged:
    """The worst group decides: one that fails fails the criterion, and so does an audit that is missing.

    Else, groups that are too small or whose interval holds the bound leave it inconclusive, and are named.
    """
    rows = [row for row in subgroups or () if row.figure == criterion.figure]
    groups = [judge_group(criterion, row) for row in rows]
    measured = [row for row in rows if row.is_measured]
    worst = (max if criterion.rule == "<" else min)(measured, key=lambda row: row.value, default=None)
    outcome, reason = conclude(criterion, None if subgroups is None else groups)
    return Judged(
        name=criterion.name,
        figure=criterion.figure,
        outcome=outcome,
        value=None if worst is None else finite(worst.value),
        low=None if worst is None else worst.low,
        high=None if worst is None else worst.high,
        rule=criterion.rule,
        bound=criterion.bound,
        baseline=None,
        margin=0.0,
        reason=reason,
        because=criterion.because,
        groups=tuple(group for wanted in (FAIL, INCONCLUSIVE) for group in groups if group.outcome is wanted),
    )


def conclude(criterion: SubgroupCriterion, groups: Sequence[Group] | None) -> tuple[Outcome, str]:
    """What follows from the groups, and why; None where none was audited."""
    if groups is None:
        return FAIL, f"no subgroup was audited: there is no {SUBGROUPS}; run `radassist audit`"
    if not groups:
        return FAIL, f"the audit has no figure {criterion.figure}: correct the name in the policy"
    promise = f"{criterion.figure} {'below' if criterion.rule == '<' else 'above'} {brief(criterion.bound)}"
    failed, undecided = ([g for g in groups if g.outcome is outcome] for outcome in (FAIL, INCONCLUSIVE))
    if failed:
        return FAIL, f"not {promise} in {listed(failed)}"
    if undecided:
        counted = f"{len(undecided)} of {len(groups)} groups"
        return INCONCLUSIVE, f"{promise} cannot be decided in {counted}: {listed(undecided)}"
    return PASS, f"{promise} in each of {len(groups)} groups"


def judge_group(criterion: SubgroupCriterion, row: Subgroup) -> Group:
    if not row.is_measured:
        return Group(row.attribute, row.group, INCONCLUSIVE, row.n_patients, None, None, None)
    outcome = side(row.low, row.high, criterion.rule, criterion.bound)
    return Group(row.attribute, row.group, outcome, row.n_patients, finite(row.value), row.low, row.high)


def listed(groups: Sequence[Group]) -> str:
    """The groups by name; those that are too small once an attribute, each with its patients.

    >>> few = [Group("age", name, INCONCLUSIVE, n, None, None, None) for name, n in (("18-39", 9), ("80+", 3))]
    >>> listed([Group("sex", "F", FAIL, 41, 0.21, 0.15, 0.27), *few])
    'sex F (0.21, 0.15 to 0.27, 41 patients); too few patients: age 18-39 (9), 80+ (3)'
    """
    told, small = [], dict[str, list[str]]()
    for g in groups:
        if g.value is None:
            small.setdefault(g.attribute, []).append(f"{g.group} ({g.n_patients})")
        else:
            interval = f"{brief(g.low)} to {brief(g.high)}"
            told.append(f"{g.attribute} {g.group} ({brief(g.value)}, {interval}, {g.n_patients} patients)")
    few = "; ".join(f"{attribute} {', '.join(names)}" for attribute, names in small.items())
    return "; ".join(filter(None, (", ".join(told), f"too few patients: {few}" if few else "")))
