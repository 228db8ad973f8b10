"""Two runs held against each other, and what a reader must know before trusting the comparison."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from model.metrics import PatientBootstrap
from pipelines.comparison.changed import changed_studies, other_references
from pipelines.comparison.differences import NOT_THE_MODELS, Difference, Pairing, comparable, differences, pair
from pipelines.comparison.runs import Run
from pipelines.comparison.swaps import PatientSwaps
from pipelines.statistics import Statistics


@dataclass(frozen=True, slots=True)
class Comparison:
    """Of `b` with `a`: figures of the whole, of each observation, and the studies that changed, most changed first.

    `warnings` say why the two may not be comparable; none is the rule.
    """

    a: Run
    b: Run
    n_studies: int
    n_patients: int
    figures: tuple[Difference, ...]
    findings: tuple[Difference, ...]
    studies: pd.DataFrame
    warnings: tuple[str, ...]

    @property
    def title(self) -> str:
        return f"compare {self.a.name} {self.b.name}"

    @property
    def summary(self) -> str:
        return f"{self.n_studies} studies of {self.n_patients} patients that both runs were graded on"


def compared(a: Run, b: Run) -> Comparison:
    """
    Raises:
        BadInput: the runs have no study in common.
    """
    pairing = pair(a.figures, b.figures)
    figures_a, figures_b = a.figures.of(pairing.rows_a), b.figures.of(pairing.rows_b)
    findings_a, findings_b = a.findings.of(pairing.rows_a), b.findings.of(pairing.rows_b)
    bootstrap, swaps = PatientBootstrap(figures_a.patient_ids), PatientSwaps(figures_a.patient_ids)
    return Comparison(
        a,
        b,
        len(pairing.rows_a),
        bootstrap.n_patients,
        differences(figures_a, figures_b, bootstrap, swaps),
        differences(findings_a, findings_b, bootstrap, swaps),
        changed_studies(figures_a, figures_b),
        (*unlike(a, b, pairing), *unlike_figures(figures_a, figures_b)),
    )


def unlike(a: Run, b: Run, pairing: Pairing) -> Iterator[str]:
    """How the sets that the runs were graded on differ."""
    if a.data_md5 != b.data_md5:
        yield f"the runs saw other data: {a.name} {a.data_md5 or 'unknown'}, {b.name} {b.data_md5 or 'unknown'}"
    for run, count in ((a, pairing.left_out_a), (b, pairing.left_out_b)):
        if count:
            yield f"the test sets differ: {count} studies of {run.name} are left out, the other run has none of them"
    if count := other_references(a.figures.of(pairing.rows_a), b.figures.of(pairing.rows_b)):
        yield f"the reports of {count} studies differ between the runs: their figures were scored against other words"


def unlike_figures(a: Statistics, b: Statistics) -> Iterator[str]:
    names = [name for name in {**a.figures, **b.figures} if not name.startswith(NOT_THE_MODELS)]
    alone = [n for n in names if n not in a.figures or not comparable(a.figures[n], b.figures.get(n))]
    if alone:
        yield f"not compared, since one run lacks them or computed them otherwise: {', '.join(alone)}"
