"""Reports as words alone, signed or drafted, and the figures of words, findings and edits between the two."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from model.labeler import label_report
from model.metrics import Figure, findings_figures, text_figures
from model.metrics.findings import Labels
from model.report import GroundedReport
from model.reviewer import review_figures
from model.study import Section


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """The sentences of the two sections of a report."""

    findings: tuple[str, ...]
    impression: tuple[str, ...]

    @property
    def text(self) -> str:
        """Findings, then impression: what the text metrics read."""
        return " ".join((*self.findings, *self.impression))


def surfaced_report(draft: GroundedReport) -> WrittenReport:
    """What a reader is shown of a draft."""
    findings, impression = (tuple(s.text for s in draft.surfaced if s.section is section) for section in Section)
    return WrittenReport(findings, impression)


@dataclass(frozen=True)
class LabelledReports:
    """Reports in the order of their studies, each labelled once."""

    reports: Sequence[WrittenReport]

    @cached_property
    def texts(self) -> list[str]:
        return [report.text for report in self.reports]

    @cached_property
    def labels(self) -> list[Labels]:
        """The observations that each report states, see `model.labeler.label_report`."""
        return [label_report(text) for text in self.texts]


def report_figures(references: LabelledReports, candidates: LabelledReports) -> list[Figure]:
    """Words, findings, and what a simulated reviewer changes."""
    return [
        *text_figures(references.texts, candidates.texts),
        *findings_figures(references.labels, candidates.labels),
        *edits_by_section(references.reports, candidates.reports),
    ]


def edits_by_section(references: Sequence[WrittenReport], candidates: Sequence[WrittenReport]) -> list[Figure]:
    """`edit_rate` and `edit_rate_sentences`, section by section: a sentence is never moved to the other one."""
    findings = review_figures([report.findings for report in candidates], [report.findings for report in references])
    impression = review_figures(
        [report.impression for report in candidates], [report.impression for report in references]
    )
    return [
        replace(one, statistics=one.statistics + other.statistics)
        for one, other in zip(findings, impression, strict=True)
    ]
