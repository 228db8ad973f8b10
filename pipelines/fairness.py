"""Does the model serve everybody alike? Each group's figures, its gap to the rest, and which gaps are more than chance.

A group is measured where it has LEAST_PATIENTS patients, LEAST_COUNTED of them with something that the figure counts (a
positive statement, a drafted sentence), and compared where the rest of its attribute has as many. Those of whom the
attribute is not recorded are a group that is measured, and compared with nobody. Intervals are 95 %, of a
patient-cluster bootstrap whose draws all groups and figures share. A gap is claimed where its p-value, adjusted for all
gaps that were tested, lies below ALPHA: of a hundred audits of a model that serves all alike one claims any.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from model.metrics import Estimate, Figure, PatientBootstrap
from model.metrics.figures import difference, quotient
from pipelines.fairness_figures import AUDITED, About, Better
from pipelines.fairness_gaps import chances
from pipelines.statistics import Statistics

LEAST_PATIENTS, LEAST_COUNTED = 30, 20
ALPHA = 0.01
NOT_RECORDED = "not recorded"

Groups = Mapping[str, Sequence[str | None]]
"""The group of every study, by attribute; None where it is not recorded."""

_NONE = Estimate(float("nan"), float("nan"), float("nan"))


class Status(StrEnum):
    """What can be said of a group in a figure."""

    MEASURED = "measured"
    GAP = "gap"
    INSUFFICIENT = "insufficient n"


@dataclass(frozen=True, slots=True)
class Subgroup:
    """One group in one figure. `gap` is the group's value less the rest's; a number is NaN where there is none."""

    attribute: str
    group: str
    figure: str
    about: About
    better: Better | None
    n_studies: int
    n_patients: int
    value: float
    low: float
    high: float
    gap: float
    gap_low: float
    gap_high: float
    p: float
    p_adjusted: float
    status: Status


@dataclass(frozen=True, slots=True)
class Side:
    """A group and the rest of its attribute, each bool (studies,)."""

    attribute: str
    group: str
    inside: NDArray[np.bool_]
    outside: NDArray[np.bool_]


def compare_groups(statistics: Statistics, groups: Groups) -> list[Subgroup]:
    """Every group of every attribute in every figure, in the order of attributes, names and figures; not recorded last.

    Args:
        statistics: figures of AUDITED, each a quotient of two sums.
    """
    figures = list(statistics.figures.values())
    sides = [side for attribute, values in groups.items() for side in sides_of(attribute, values)]
    inside, outside = np.array([side.inside for side in sides]), np.array([side.outside for side in sides])
    measured = enough(inside, figures, statistics.patient_ids)
    compared = measured & enough(outside, figures, statistics.patient_ids)
    p, p_adjusted = chances(inside, outside, compared, figures, statistics.patient_ids)
    bootstrap = PatientBootstrap(statistics.patient_ids)
    patients = np.asarray(statistics.patient_ids, dtype=str)
    rows = []
    for row, side in enumerate(sides):
        n_patients = len(np.unique(patients[side.inside]))
        for column, figure in enumerate(figures):
            kind, known = AUDITED[figure.name], bool(measured[row, column])
            value = bootstrap.estimate(within(figure, side)) if known else _NONE
            gap = bootstrap.estimate(gap_of(figure, side)) if compared[row, column] else _NONE
            chance = float(p_adjusted[row, column])
            rows.append(
                Subgroup(
                    attribute=side.attribute,
                    group=side.group,
                    figure=figure.name,
                    about=kind.about,
                    better=kind.better,
                    n_studies=int(side.inside.sum()),
                    n_patients=n_patients,
                    value=value.value,
                    low=value.low,
                    high=value.high,
                    gap=gap.value,
                    gap_low=gap.low,
                    gap_high=gap.high,
                    p=float(p[row, column]),
                    p_adjusted=chance,
                    status=Status.GAP if chance < ALPHA else Status.MEASURED if known else Status.INSUFFICIENT,
                )
            )
    return rows


def sides_of(attribute: str, values: Sequence[str | None]) -> Iterator[Side]:
    """The groups of an attribute by name, then those not recorded, who have no rest."""
    recorded = np.array([value is not None for value in values])
    for group in sorted({value for value in values if value is not None}):
        inside = np.array([value == group for value in values])
        yield Side(attribute, group, inside, recorded & ~inside)
    if not recorded.all():
        yield Side(attribute, NOT_RECORDED, ~recorded, np.zeros_like(recorded))


def enough(members: NDArray[np.bool_], figures: Sequence[Figure], patients: Sequence[str]) -> NDArray[np.bool_]:
    """Whether each group, bool (groups, studies), has the patients that a figure needs, (groups, figures)."""
    of = np.asarray(patients, dtype=str)
    counting = [figure.statistics[:, 1] > 0 for figure in figures]
    return np.array(
        [
            [
                len(np.unique(of[group])) >= LEAST_PATIENTS and len(np.unique(of[group & some])) >= LEAST_COUNTED
                for some in counting
            ]
            for group in members
        ]
    )


def within(figure: Figure, side: Side) -> Figure:
    """The figure of the group alone, over all studies, so that its draws are those of everybody."""
    return Figure(figure.name, figure.statistics * side.inside[:, None], quotient)


def gap_of(figure: Figure, side: Side) -> Figure:
    """The group's figure less the rest's."""
    both = [figure.statistics * members[:, None] for members in (side.inside, side.outside)]
    return Figure(figure.name, np.concatenate(both, axis=1), difference)


def audit_figures(rows: Sequence[Subgroup]) -> dict[str, float]:
    """The stage's figures.

    - `n_subgroups`: groups that the set records; `n_insufficient`: those of them too small for every figure;
    - `n_gaps`: gaps claimed, either way; `n_gaps.words`, `n_gaps.attention`;
    - `worst_subgroup.FIGURE` with its interval: the measured group with the worst value, of a figure with a good end.
    """
    recorded = [row for row in rows if row.group != NOT_RECORDED]
    subgroups = {(row.attribute, row.group) for row in recorded}
    told = {(row.attribute, row.group) for row in recorded if row.status is not Status.INSUFFICIENT}
    gaps = [row for row in rows if row.status is Status.GAP]
    flat: dict[str, float] = {
        "n_subgroups": len(subgroups),
        "n_insufficient": len(subgroups - told),
        "n_gaps": len(gaps),
        **{f"n_gaps.{about}": sum(row.about is about for row in gaps) for about in About},
    }
    for figure in dict.fromkeys(row.figure for row in rows if row.better):
        name, own = f"worst_subgroup.{figure}", [row for row in recorded if row.figure == figure]
        if known := [row for row in own if row.status is not Status.INSUFFICIENT]:
            worst = min(known, key=lambda row: row.value if row.better is Better.HIGHER else -row.value)
            flat |= {name: worst.value, f"{name}.low": worst.low, f"{name}.high": worst.high}
        else:
            flat |= dict.fromkeys((name, f"{name}.low", f"{name}.high"), float("nan"))
    return flat
