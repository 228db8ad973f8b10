"""Drafts as HL7 FHIR R4. No torch, no web: dictionaries that a caller writes or sends."""

from model.fhir.bundle import StudyFacts, report_bundle
from model.fhir.codes import ReportStatus

__all__ = ["ReportStatus", "StudyFacts", "report_bundle"]
