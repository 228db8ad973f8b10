"""Which drafted statement answers which statement of the reference, by finding and side."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from model.findings import Finding


@dataclass(frozen=True, slots=True)
class Match:
    """A positive statement of the reference and the drafted one that answers it; None where none does.

    `reference` and `candidate` are indices of sentences.
    """

    finding: Finding
    reference: int
    candidate: int | None


def match_statements(
    references: Sequence[Sequence[Finding]], candidates: Sequence[Sequence[Finding]]
) -> tuple[Match, ...]:
    """Match the positive statements of a report's sentences, one to one; as many as can be, equal zones first, then
    those that stand at like places: of two devices the first answers the first.

    Each argument holds the findings of each sentence. A drafted statement answers one of the same observation that
    names the same side; a reference without a side takes any. A drafted statement that names no side answers no
    reference that names one. There is one Match for every positive statement of the reference, in its order.
    """
    asked, drafted = (_positive(sentences) for sentences in (references, candidates))
    if not asked or not drafted:
        return tuple(Match(finding, sentence, None) for sentence, finding in asked)
    worth = np.array([[_worth(reference, candidate) for _, candidate in drafted] for _, reference in asked])
    apart = np.abs(np.subtract.outer(np.arange(len(asked)), np.arange(len(drafted))))
    rows, columns = linear_sum_assignment(worth - 1e-6 * apart, maximize=True)
    answer = {int(row): drafted[column][0] for row, column in zip(rows, columns, strict=True) if worth[row, column] > 0}
    return tuple(Match(finding, sentence, answer.get(row)) for row, (sentence, finding) in enumerate(asked))


def _positive(sentences: Sequence[Sequence[Finding]]) -> list[tuple[int, Finding]]:
    return [(index, finding) for index, findings in enumerate(sentences) for finding in findings if finding.positive]


def _worth(reference: Finding, candidate: Finding) -> float:
    """0 where the one does not answer the other. Agreement on side and zone never outweighs one match more."""
    if reference.observation != candidate.observation:
        return 0.0
    if reference.side is not None and reference.side is not candidate.side:
        return 0.0
    return 1.0 + 1e-3 * (reference.side is candidate.side) + 1e-3 * (reference.zone is candidate.zone)
