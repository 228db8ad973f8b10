"""How far the probabilities of drafts can be believed: Brier scores and reliability curves on the graded split."""

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd

from model.calibration import reliability
from model.metrics import Figure, mean_figure
from pipelines.calibrating import Graded


def confidence_figures(
    confidence: Sequence[float], right: Sequence[bool], sentences: Sequence[Sequence[Graded]]
) -> tuple[list[Figure], pd.DataFrame]:
    """Figures and the table of reliability curves: columns `of`, low, high, n, predicted, observed.

    - `needs_no_correction`: share of drafts, as written, whose findings are the reference's;
    - `confidence.brier`: mean squared difference of a draft's confidence and whether it needs no correction;
    - `grounding_score.brier`: the same of a positive sentence's score and whether it is grounded right.

    Args:
        confidence: of each draft. right: whether it needs no correction. sentences: its graded sentences.
    """
    squares = [[(sentence.score - grounded) ** 2 for sentence, grounded in study] for study in sentences]
    figures = [
        mean_figure("needs_no_correction", [float(value) for value in right]),
        mean_figure("confidence.brier", (np.array(confidence) - np.array(right)) ** 2),
        mean_figure("grounding_score.brier", [sum(s) for s in squares], [len(s) for s in squares]),
    ]
    graded = [pair for study in sentences for pair in study]
    curves = {
        "confidence": (confidence, right),
        "grounding_score": ([sentence.score for sentence, _ in graded], [grounded for _, grounded in graded]),
    }
    rows = [{"of": name, **asdict(bin_)} for name, curve in curves.items() for bin_ in reliability(*curve)]
    return figures, pd.DataFrame(rows)
