"""The best constant report: what one report for everybody reaches in words and findings."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model.findings import OBSERVATIONS
from model.labeler import label_report
from model.metrics import Figure, findings_figures, text_figures
from model.metrics.findings import Labels
from model.text import sentences

CANDIDATES = 25
"""Constant reports that are tried: the most frequent ones of the training split, and one that is composed."""
SENTENCES = 60
"""Sentences that it is composed of: at most so many of the most frequent ones."""
COMPARED = 200
"""Training studies that they are tried on."""


def best_constants(reports: Sequence[str]) -> dict[str, str]:
    """Per figure of words and findings, the report that scores best when it is given for every study."""
    sample = list(reports)[:COMPARED]
    labels = [label_report(report) for report in sample]
    best: dict[str, tuple[float, str]] = {}
    frequent = [report for report, _ in Counter(reports).most_common(CANDIDATES)]
    for candidate in [*frequent, composed_report(reports, labels)]:
        for figure in figures_of_constant(candidate, sample, labels):
            value = float(np.nan_to_num(figure()))
            if figure.name not in best or value > best[figure.name][0]:
                best[figure.name] = (value, candidate)
    return {name: candidate for name, (_, candidate) in best.items()}


def figures_of_constant(constant: str, references: Sequence[str], labels: Sequence[Labels]) -> list[Figure]:
    """Words and findings of one report given for every study."""
    return [
        *text_figures(references, [constant] * len(references)),
        *findings_figures(labels, [label_report(constant)] * len(references)),
    ]


def constant_figures(references: Sequence[str], labels: Sequence[Labels], constants: dict[str, str]) -> list[Figure]:
    """Each figure of its own best constant report over the references."""
    scored = {
        constant: {figure.name: figure for figure in figures_of_constant(constant, references, labels)}
        for constant in set(constants.values())
    }
    return [scored[constant][name] for name, constant in constants.items()]


def composed_report(reports: Sequence[str], labels: Sequence[Labels]) -> str:
    """Frequent sentences, added one by one as long as the findings' micro-F1 of the constant report rises.

    Where reports vary, none of them is frequent, and this is the constant report to beat.
    """
    count = Counter(sentence for report in reports for sentence in sentences(report))
    frequent = [sentence for sentence, _ in count.most_common(SENTENCES)]
    truth = stated(labels)
    chosen, reached = "", 0.0
    while True:
        longer = {f"{chosen} {sentence}".strip(): 0.0 for sentence in frequent}
        for candidate in longer:
            longer[candidate] = micro_f1(truth, candidate)
        best = max(longer, key=lambda candidate: longer[candidate])
        if longer[best] <= reached:
            return chosen or frequent[0]
        chosen, reached = best, longer[best]


def stated(labels: Sequence[Labels]) -> NDArray[np.bool_]:
    """Which observations each report states, (studies, 14)."""
    return np.array([[of.get(name) == 1 for name in OBSERVATIONS] for of in labels], bool)


def micro_f1(truth: NDArray[np.bool_], constant: str) -> float:
    """findings_micro_f1 of one report given for every study; 0 where it is not defined.

    Args:
        truth: (studies, 14), what the references state.
    """
    [drafted] = stated([label_report(constant)])
    both = np.count_nonzero(truth[:, drafted])
    either = np.count_nonzero(truth) + len(truth) * np.count_nonzero(drafted)
    return 2 * both / either if either else 0.0
