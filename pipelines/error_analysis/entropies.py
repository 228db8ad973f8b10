"""Does attention give an error away? The entropy of right against wrong drafted statements."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.metrics import Figure, PatientBootstrap
from model.metrics.figures import difference, divided
from pipelines.error_analysis.statements import Outcome, Statement
from pipelines.error_analysis.tallies import share, told

STEPS = 100
"""Steps of entropy by which statements are ranked; two within one step are a tie."""
SHOWN = 20
"""Steps of the histogram that is shown."""


def entropies(statements: Sequence[Statement], bootstrap: PatientBootstrap, studies: int) -> dict[str, Any]:
    """The entropy of the drafted statements that the reference makes, and of those that it does not.

    - `right`, `wrong`: mean entropy; `difference`: wrong less right;
    - `concordance`: how often a wrong statement has more entropy than a right one of the same observation (Mann and
      Whitney 1947: their U over the number of pairs, 0.5 is chance, a tie counts half); within the observation, because
      a large region needs more entropy than a small one;
    - `p`: two-sided, of a concordance of 0.5, from the draws of patients;
    - `histogram`: shares of the right and of the wrong statements in equal steps of entropy.

    Each figure is its value, low and high, None where there is nothing to compare.
    """
    drafted = [s for s in statements if s.entropy is not None and np.isfinite(s.entropy)]
    right = [s for s in drafted if s.outcome is Outcome.FOUND]
    wrong = [s for s in drafted if s.outcome is Outcome.INVENTED]
    of_right, of_wrong = (mean_entropy(own, studies) for own in (right, wrong))
    both = np.concatenate([of_wrong.statistics, of_right.statistics], axis=1)
    ranked = Figure("concordance", by_step(right, wrong, studies), concordance)
    return {
        "n_right": len(right),
        "n_wrong": len(wrong),
        "right": told(bootstrap.estimate(of_right)),
        "wrong": told(bootstrap.estimate(of_wrong)),
        "difference": told(bootstrap.estimate(Figure("difference", both, difference))),
        "concordance": told(bootstrap.estimate(ranked)),
        "p": p_of_chance(bootstrap.replicates(ranked.statistics, ranked.value)),
        "histogram": {"right": histogram(right), "wrong": histogram(wrong)},
    }


def mean_entropy(statements: Sequence[Statement], studies: int) -> Figure:
    return share("entropy", statements, lambda s: s.entropy or 0.0, studies)


def by_step(right: Sequence[Statement], wrong: Sequence[Statement], studies: int) -> NDArray[np.float64]:
    """How many right and wrong statements of each observation that has both fall into each step.

    Sums over studies, (studies, observations x 2 x STEPS): what `concordance` reads.
    """
    shared = sorted({s.finding.observation for s in right} & {s.finding.observation for s in wrong})
    counts = np.zeros((studies, len(shared), 2, STEPS))
    for side, own in enumerate((right, wrong)):
        for s in own:
            if s.finding.observation in shared:
                counts[s.study, shared.index(s.finding.observation), side, step(s, STEPS)] += 1
    return counts.reshape(studies, len(shared) * 2 * STEPS)


def concordance(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., observations x 2 x STEPS) -> the share of pairs in which the wrong statement has more entropy."""
    counts = sums.reshape(*sums.shape[:-1], sums.shape[-1] // (2 * STEPS), 2, STEPS)
    right, wrong = counts[..., 0, :], counts[..., 1, :]
    above = (wrong * (right.cumsum(axis=-1) - right / 2)).sum(axis=(-1, -2))
    pairs = (right.sum(axis=-1) * wrong.sum(axis=-1)).sum(axis=-1)
    return divided(above, pairs)


def p_of_chance(draws: NDArray[np.float64]) -> float | None:
    """Two-sided p of a concordance of 0.5; None where no draw has one."""
    known = draws[np.isfinite(draws)]
    beyond = min(np.count_nonzero(known <= 0.5), np.count_nonzero(known >= 0.5))
    return min(1.0, 2 * (beyond + 1) / (known.size + 1)) if known.size else None


def step(statement: Statement, steps: int) -> int:
    """The step that a statement's entropy falls into."""
    return min(steps - 1, int((statement.entropy or 0.0) * steps))


def histogram(statements: Sequence[Statement]) -> list[float]:
    """The share of the statements in each of SHOWN steps; empty without any."""
    counts = np.bincount([step(s, SHOWN) for s in statements], minlength=SHOWN) if statements else np.zeros(0)
    return [float(count) / len(statements) for count in counts]
