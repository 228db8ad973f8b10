"""One criterion against the figures. No I/O.

A criterion is judged by the 95 % interval of its figure, not by the figure: it passes where all of the interval lies on
the right side of the bound, fails where all of it lies on the wrong one, and cannot be decided where the bound lies
within, or where too few patients stand behind the figure. Against another figure the interval is that of the paired
difference: both on the same draws of patients. A figure that is missing or no number fails.
"""

import math
from functools import cached_property

from model.metrics import Estimate, Figure, PatientBootstrap
from pipelines.gate.champion import Champion
from pipelines.gate.policy import CHAMPION, Criterion
from pipelines.gate.verdict import Judged, Outcome
from pipelines.statistics import Statistics

PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE


class Evidence:
    """A model's figures and the champion's, over the same studies; the patients are drawn once for all of them."""

    def __init__(self, statistics: Statistics, champion: Champion) -> None:
        self.champion = champion
        self.figures = dict(statistics.figures)
        self.figures |= {f"{CHAMPION}{name}": figure for name, figure in champion.figures.items()}
        self._patients = statistics.patient_ids

    @cached_property
    def bootstrap(self) -> PatientBootstrap:
        return PatientBootstrap(self._patients)


def judge(criterion: Criterion, evidence: Evidence, least_patients: int) -> Judged:
    """
    Args:
        least_patients: a figure that fewer stand behind is not decided.
    """
    figures, baseline = evidence.figures, criterion.baseline
    against_champion = baseline is not None and baseline.startswith(CHAMPION)
    if against_champion and evidence.champion.is_none_yet:
        return judged(criterion, PASS, "not applicable: there is no champion yet")
    if missing := why_missing(criterion.figure, figures):
        return judged(criterion, FAIL, criterion.unmeasured if criterion.figure in figures else None, missing)
    if against_champion and (apart := why_apart(str(baseline), evidence)):
        return judged(criterion, INCONCLUSIVE, apart)
    if baseline is not None and (missing := why_missing(baseline, figures)):
        return judged(criterion, FAIL, f"the baseline is missing: {missing}")

    figure = figures[criterion.figure]
    if baseline is None:
        found, said = evidence.bootstrap.estimate(figure), criterion.figure
    else:
        other = figures[baseline]
        found = evidence.bootstrap.difference(figure, other)
        said = f"{criterion.figure} {brief(figure())} less {baseline} {brief(other())}"
    said = f"{said}{' is' if baseline else ''} {brief(found.value)}, 95 % interval {interval(found)},"
    if (behind := evidence.bootstrap.patients_behind(figure)) < least_patients:
        few = f"but {behind} patients stand behind it, and fewer than {least_patients} decide nothing"
        return judged(criterion, INCONCLUSIVE, f"{said} {few}", found=found)
    outcome = side(found.low, found.high, criterion.rule, criterion.bound)
    return judged(criterion, outcome, f"{said} {lies(outcome, criterion.rule, criterion.bound)}", found=found)


def side(low: float, high: float, rule: str, bound: float) -> Outcome:
    """On which side of a bound an interval lies. The bound itself belongs to the wrong side: a promise is strict."""
    if rule == "<":
        low, high, bound = -high, -low, -bound
    if low > bound:
        return PASS
    return FAIL if high <= bound else INCONCLUSIVE


def lies(outcome: Outcome, rule: str, bound: float) -> str:
    """Where an interval lies, in words."""
    if outcome is INCONCLUSIVE:
        return f"holds {brief(bound)}: too wide to decide by"
    where = f"{'below' if rule == '<' else 'above'} {brief(bound)}"
    return f"lies {where}" if outcome is PASS else f"lies nowhere {where}"


def why_missing(name: str, figures: dict[str, Figure]) -> str | None:
    if name not in figures:
        return f"there is no figure {name}: correct the name, or run `radassist evaluate` again"
    value = figures[name]()
    return None if math.isfinite(value) else f"{name} is {value}, not a number: no test study has what it measures"


def why_apart(baseline: str, evidence: Evidence) -> str | None:
    """Why a criterion against the champion cannot be decided."""
    if evidence.champion.apart is None and baseline not in evidence.figures:
        return f"the champion, version {evidence.champion.version}, was evaluated without this figure"
    return evidence.champion.apart


def judged(criterion: Criterion, outcome: Outcome, *reasons: str | None, found: Estimate | None = None) -> Judged:
    """The first reason that is given holds."""
    value, low, high = (None, None, None) if found is None else map(finite, (found.value, found.low, found.high))
    return Judged(
        name=criterion.name,
        figure=criterion.figure,
        outcome=outcome,
        value=value,
        low=low,
        high=high,
        rule=criterion.rule,
        bound=criterion.bound if criterion.baseline is None or found is not None else None,
        baseline=criterion.baseline,
        margin=criterion.margin,
        reason=next(reason for reason in reasons if reason),
        because=criterion.because,
    )


def finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def brief(value: float | None) -> str:
    """A figure to three digits, a dash where there is none."""
    if value is None:
        return "-"
    return f"{0.0 if abs(value) < 5e-5 else value:.3g}"


def interval(found: Estimate) -> str:
    return f"{brief(finite(found.low))} to {brief(finite(found.high))}"
