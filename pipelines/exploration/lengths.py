"""How long the reports are, and how that goes with what they state. Words are split on white space."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.exploration.disclosure import LEAST

QUANTILES: Mapping[str, float] = {"p5": 0.05, "p25": 0.25, "median": 0.5, "p75": 0.75, "p95": 0.95}
MOST_FINDINGS = 8

LENGTHS: Mapping[str, str] = {
    "findings_words": "findings, words",
    "impression_words": "impression, words",
    "report_words": "whole report, words",
    "report_tokens": "whole report, tokens",
}


def report_lengths(studies: pd.DataFrame) -> pd.DataFrame:
    """Number, mean and quantiles of each length, over the reports that have the section.

    A row a length; one with fewer than LEAST reports is left out.
    """
    known = studies[list(LENGTHS)]
    quantiles = {name: known.quantile(share) for name, share in QUANTILES.items()}
    table = pd.DataFrame({"reports": known.count(), "mean": known.mean()} | quantiles)
    return table[table.reports >= LEAST].rename(index=LENGTHS).rename_axis("length")


def length_by_findings(words: pd.Series, findings: NDArray[np.int64]) -> pd.DataFrame:
    """Quantiles of the report's words by the number of positive findings in it.

    A row a number, MOST_FINDINGS standing for as many or more; a number with fewer than LEAST reports is left out.
    """
    by = words.dropna().groupby(np.minimum(findings, MOST_FINDINGS)[words.notna()])
    table = pd.DataFrame({"reports": by.size()} | {name: by.quantile(share) for name, share in QUANTILES.items()})
    return table[table.reports >= LEAST].rename_axis("findings")
