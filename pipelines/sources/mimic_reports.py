"""The reports of MIMIC-CXR: where each stands, as a file or in the archive as published, and its sections."""

import zipfile
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from model.errors import BadInput
from model.sections import BODY, sections
from pipelines.sources.mimic_layout import report_places

ARCHIVE = "mimic-cxr-reports.zip"
MAX_BYTES = 1 << 16  # a report is a page or two of text

# Findings and impression of fewer or more tokens, split on white space, are no report to learn from: a filter that is
# usual for MIMIC-CXR, where the short ones refer to another report and the long ones are several in one.
MIN_TOKENS, MAX_TOKENS = 10, 200


class UnusableReport(Exception):
    """Why a study's report cannot be handed on. What the filter leaves out can be counted by these words."""


@dataclass(frozen=True, slots=True)
class Report:
    """The sections of one report, as `model.sections.sections` gives them; None for one that it has not."""

    findings: str | None
    impression: str | None
    indication: str | None
    technique: str | None
    comparison: str | None

    @classmethod
    def parse(cls, text: str) -> "Report":
        """A report without a findings section gives the text that stands under no header as its findings."""
        found = sections(text)
        findings = found.get("findings") or found.get(BODY)
        others = (found.get(name) for name in ("impression", "indication", "technique", "comparison"))
        return cls(findings, *others)

    @property
    def n_tokens(self) -> int:
        """White-space tokens of findings and impression."""
        return sum(len(section.split()) for section in (self.findings, self.impression) if section)


class Reports:
    """The reports below a root: a study's own file first, else the archive, which is read in place.

    Raises:
        BadInput: the archive is damaged.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        try:
            self._archive = zipfile.ZipFile(root / ARCHIVE) if (root / ARCHIVE).is_file() else None
        except zipfile.BadZipFile as fault:
            raise BadInput(f"archive {root / ARCHIVE}", "it is no whole zip file", "fetch it again") from fault

    def read(self, subject: str, study: str) -> Report:
        """The report of a study.

        Raises:
            UnusableReport: it is missing, empty, damaged, or of a length that the filter leaves out.
        """
        text = self._bytes(subject, study).decode(errors="replace")
        if not text.strip():
            raise UnusableReport("its report is empty")
        report = Report.parse(text)
        if report.n_tokens < MIN_TOKENS:
            raise UnusableReport(f"its report has fewer than {MIN_TOKENS} tokens")
        if report.n_tokens > MAX_TOKENS:
            raise UnusableReport(f"its report has more than {MAX_TOKENS} tokens")
        return report

    def _bytes(self, subject: str, study: str) -> bytes:
        places = [str(place) for place in report_places(subject, study)]
        for path in (self._root / place for place in places):
            if path.is_file():
                _check_size(path.stat().st_size)
                return path.read_bytes()
        if self._archive is None:
            raise UnusableReport(f"its report {places[0]} is missing")
        return self._unzipped(self._archive, places)

    def _unzipped(self, archive: zipfile.ZipFile, places: list[str]) -> bytes:
        entry = None
        for place in places:
            with suppress(KeyError):
                entry = archive.getinfo(place)
        if entry is None:
            raise UnusableReport(f"its report {places[0]} is missing")
        _check_size(entry.file_size)
        try:
            with archive.open(entry) as content:  # which gives the declared size at most
                return content.read(MAX_BYTES)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as fault:
            raise UnusableReport(f"its report in {ARCHIVE} cannot be read: {type(fault).__name__}") from fault


def _check_size(n_bytes: int) -> None:
    if n_bytes > MAX_BYTES:
        raise UnusableReport(f"its report has more than {MAX_BYTES} bytes")
