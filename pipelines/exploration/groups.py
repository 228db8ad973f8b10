"""The set by view or by site: how many studies, how long their reports, how often each finding."""

import numpy as np
import pandas as pd

from pipelines.exploration.disclosure import LEAST
from pipelines.exploration.observations import FINDINGS, Labels, findings_per_study, known

MOST_GROUPS = 8
OTHERS, NOT_KNOWN = "others", "not known"


def by_group(studies: pd.DataFrame, column: str, labels: Labels) -> pd.DataFrame:
    """One row a value of `column`: the MOST_GROUPS largest first, then the other ones together, then those not known.

    Columns: `studies`, `patients`, `reports`, `labelled`, `median_words`, `mean_findings` over the labelled ones, and
    the number of positive studies of each of FINDINGS. A median or mean over fewer than LEAST is null. Empty where the
    set knows no value.
    """
    values = studies[column]
    sizes = values.value_counts()
    if sizes.empty:
        return pd.DataFrame()
    largest = sorted(sizes.index, key=lambda value: (-sizes[value], value))[:MOST_GROUPS]
    group = values.where(values.isna() | values.isin(largest), OTHERS).fillna(NOT_KNOWN)
    labelled = known(labels)
    table = studies[["patient_id", "report_words"]].assign(
        labelled=labelled, findings=np.where(labelled, findings_per_study(labels), np.nan)
    )
    grouped = table.groupby(group)
    positive = pd.DataFrame(labels[:, 1:] == 1, columns=list(FINDINGS)).groupby(group).sum()
    summary = pd.DataFrame(
        {
            "studies": grouped.size(),
            "patients": grouped.patient_id.nunique(),
            "reports": grouped.report_words.count(),
            "labelled": grouped.labelled.sum(),
            "median_words": grouped.report_words.median().where(grouped.report_words.count() >= LEAST),
            "mean_findings": grouped.findings.mean().where(grouped.labelled.sum() >= LEAST),
        }
    )
    order = [name for name in (*largest, OTHERS, NOT_KNOWN) if name in summary.index]
    return summary.join(positive).loc[order].rename_axis(column)
