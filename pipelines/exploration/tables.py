"""What an exploration found: its tables by name, and its flat figures."""

import math
from collections.abc import Mapping

import pandas as pd

from pipelines.exploration.disclosure import LEAST
from pipelines.exploration.groups import by_group
from pipelines.exploration.lengths import length_by_findings, report_lengths
from pipelines.exploration.observations import agreement, co_occurrence, findings_per_study, frequencies, known
from pipelines.exploration.regions import Regions
from pipelines.exploration.survey import Survey
from pipelines.exploration.terms import medical_terms, other_terms
from pipelines.exploration.vocabulary import used_tokens

GROUPED_BY = ("view", "site")
LABELINGS = ("given", "read")

Tables = Mapping[str, pd.DataFrame]


def tables(survey: Survey, splits: pd.DataFrame, regions: Regions | None) -> Tables:
    """Every table by the name of its file; what the set does not know is an empty one. Counts are as they are."""
    findings = findings_per_study(survey.read)
    return {
        "splits": splits,
        "report_lengths": report_lengths(survey.studies),
        "length_by_findings": length_by_findings(survey.studies.report_words, findings),
        "observations": observations(survey),
        "co_occurrence": co_occurrence(survey.labels),
        **{f"by_{column}": by_group(survey.studies, column, survey.labels) for column in GROUPED_BY},
        "regions": region_sizes(regions),
        "medical_terms": medical_terms(survey.terms),
        "other_terms": other_terms(survey.terms),
        "tokens": pd.DataFrame() if survey.tokens is None else used_tokens(survey.tokens),
    }


def observations(survey: Survey) -> pd.DataFrame:
    """`frequencies` of the set's labels under `given_`, of the labeler's under `read_`, and the `kappa` of the two.

    Kappa is null where either side has fewer than LEAST positive studies.
    """
    kinds = {kind: labels for kind in LABELINGS if known(labels := getattr(survey, kind)).any()}
    stated = [frequencies(labels).add_prefix(f"{kind}_") for kind, labels in kinds.items()]
    if not stated:
        return pd.DataFrame()
    table = pd.concat(stated, axis=1)
    if len(kinds) < len(LABELINGS):
        return table
    frequent = (table.given_positive >= LEAST) & (table.read_positive >= LEAST)
    return table.assign(kappa=agreement(survey.given, survey.read).where(frequent))


def region_sizes(regions: Regions | None) -> pd.DataFrame:
    """Per finding with a region: `studies`, and the `peak` of the mean region, in [0, 1], null of fewer than LEAST."""
    if regions is None or not regions.share:
        return pd.DataFrame()
    studies = pd.Series(regions.studies)
    peak = pd.Series({finding: float(share.max()) for finding, share in regions.share.items()})
    return pd.DataFrame({"studies": studies, "peak": peak.where(studies >= LEAST)}).rename_axis("finding")


def flat_figures(survey: Survey, regions: Regions | None, max_tokens: int) -> dict[str, float | None]:
    """The stage's figures; `max_tokens` is where a longer report is cut. None where nothing was measured."""
    words, lengths = survey.studies.report_words.dropna(), survey.studies.report_tokens.dropna()
    stated = pd.Series(findings_per_study(survey.read))[words.index]
    tokens = survey.tokens if len(lengths) else None
    varied = words.nunique() > 1 and stated.nunique() > 1
    measured = {
        "n_studies": len(survey.studies),
        "n_patients": int(survey.studies.patient_id.nunique()),
        "n_reports": len(words),
        "median_report_words": float(words.median()),
        "p95_report_words": float(words.quantile(0.95)),
        "median_report_tokens": float(lengths.median()),
        "p95_report_tokens": float(lengths.quantile(0.95)),
        "share_truncated": float((lengths > max_tokens).mean()),
        "mean_findings_per_study": float(pd.Series(findings_per_study(survey.labels))[known(survey.labels)].mean()),
        "length_findings_spearman": float(words.rank().corr(stated.rank())) if varied else math.nan,
        "n_terms": len(survey.terms.reports),
        "vocabulary_size": math.nan if tokens is None else len(tokens.tokenizer),
        "tokens_per_word": math.nan if tokens is None else tokens.tokens_per_word,
        "unknown_share": math.nan if tokens is None else tokens.unknown_share,
        "n_regions": 0 if regions is None else sum(regions.studies.values()),
    }
    return {name: None if math.isnan(value) else value for name, value in measured.items()}
