"""A grounded report as a FHIR R4 Bundle in the shape of US Core's DiagnosticReport for notes.

    DiagnosticReport   status, category, code, conclusion, the words as presentedForm
      .result          Observation of the findings' text, of the impression's, and one a finding that a sentence states,
                       suspects or denies, with body site, region and grounding
      .media           Media: the radiograph, and the pictures of where sentences rest
    Device             the model: its version, the hash of its weights, the variant of its graphs
    Provenance         that the Device is the report's author

A performer is a person or an organisation in R4: an Observation names the Device as its `device`, and a report, which
has no such element, by its Provenance. Built after http://hl7.org/fhir/R4/diagnosticreport.html and the US Core example
`chest-xray-report`. Ids follow from the image, the model and its variant, so that drafting twice gives the same
resources. What nobody knows is said to be absent.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from model.fhir.codes import (
    ABSENT,
    AUTHOR,
    CHEST_RADIOGRAPH,
    DICOM_UID,
    FINDINGS,
    IMAGE,
    IMAGING,
    IMPRESSION,
    INTERPRETATIONS,
    NOTE_PROFILE,
    PLAIN_XRAY,
    RADIOLOGY,
    Coded,
    ReportStatus,
    body_site,
    concept,
    observation_code,
)
from model.findings import Finding
from model.report import GroundedReport, GroundedSentence
from model.study import Section

NAMESPACE = UUID("5a0d5d1e-7c1b-5b52-9f6a-6d1b7f4c2a90")
"""Of the uuid5 of every resource."""

Resource = dict[str, Any]
Sections = {Section.FINDINGS: FINDINGS, Section.IMPRESSION: IMPRESSION}


@dataclass(frozen=True, slots=True)
class StudyFacts:
    """What a study's DICOM header says; None where it does not.

    `taken` is FHIR's dateTime: a date, or a date and time with its offset from UTC.
    """

    study_uid: str | None = None
    patient_id: str | None = None
    accession: str | None = None
    taken: str | None = None


def report_bundle(
    report: GroundedReport,
    facts: StudyFacts,
    *,
    status: ReportStatus,
    weights_sha256: str,
    variant: str,
    drafted_at: datetime,
    pictures: Mapping[str, str],
) -> Resource:
    """A collection Bundle of a draft that nobody has reviewed.

    Args:
        report: what of it is surfaced is stated; a withheld sentence is not.
        weights_sha256, variant: of the model that drafted, and of its graphs (`model.artefact.VARIANTS`).
        drafted_at: with a time zone.
        pictures: URL by title, relative to where the bundle will lie.

    Raises:
        ValueError: `drafted_at` has no time zone.
    """
    if drafted_at.tzinfo is None:
        raise ValueError(f"drafted_at {drafted_at}: FHIR's instant has a time zone")
    build = _Build(report, facts, status, variant, drafted_at.isoformat(timespec="seconds"))
    device = build.device(weights_sha256)
    media = [build.media(title, url) for title, url in pictures.items()]
    texts = [build.text(section) for section in Section if report.section(section)]
    findings = [
        build.finding(sentence, finding, f"{place}.{index}")
        for place, sentence in enumerate(report.surfaced)
        for index, finding in enumerate(sentence.findings)
    ]
    document = build.document([*texts, *findings], media)
    resources = [document, device, build.provenance(), *texts, *findings, *media]
    return {
        "resourceType": "Bundle",
        "id": build.id("Bundle"),
        "type": "collection",
        "timestamp": build.now,
        "entry": [{"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource} for resource in resources],
    }


@dataclass(frozen=True, slots=True)
class _Build:
    report: GroundedReport
    facts: StudyFacts
    status: ReportStatus
    variant: str
    now: str

    def id(self, *what: str) -> str:
        study = self.facts.study_uid or self.report.study_id
        model = (self.report.model_version, self.variant)
        return str(uuid5(NAMESPACE, "|".join((study, self.report.input_sha256, *model, *what))))

    def ref(self, *what: str) -> Resource:
        return {"reference": f"urn:uuid:{self.id(*what)}"}

    @property
    def subject(self) -> Resource:
        known = self.facts.patient_id
        return {"type": "Patient"} | ({"identifier": {"value": known}} if known else {"display": "not known"})

    @property
    def effective(self) -> Resource:
        if self.facts.taken:
            return {"effectiveDateTime": self.facts.taken}
        return {"_effectiveDateTime": {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}}

    def document(self, results: Sequence[Resource], media: Sequence[Resource]) -> Resource:
        text = "\n\n".join(
            f"{section.value.upper()}\n{self.report.section(section)}"
            for section in Section
            if self.report.section(section)
        )
        document: Resource = {
            "resourceType": "DiagnosticReport",
            "id": self.id("DiagnosticReport"),
            "meta": {"profile": [NOTE_PROFILE]},
            "status": self.status.value,
            "category": [RADIOLOGY],
            "code": CHEST_RADIOGRAPH,
            "subject": self.subject,
            **self.effective,
            "issued": self.now,
            "result": [{"reference": f"urn:uuid:{result['id']}"} for result in results],
            "media": [
                {"comment": part["content"]["title"], "link": {"reference": f"urn:uuid:{part['id']}"}} for part in media
            ],
            "presentedForm": [
                {
                    "contentType": "text/plain; charset=utf-8",
                    "language": "en",
                    "data": base64.b64encode(text.encode()).decode(),
                    "title": "Draft, not reviewed",
                }
            ],
        }
        if impression := self.report.section(Section.IMPRESSION):
            document["conclusion"] = impression
        if self.facts.study_uid:
            study = {"system": DICOM_UID, "value": f"urn:oid:{self.facts.study_uid}"}
            document["imagingStudy"] = [{"type": "ImagingStudy", "identifier": study}]
        if self.facts.accession:
            document["basedOn"] = [{"type": "ServiceRequest", "identifier": {"value": self.facts.accession}}]
        return {key: value for key, value in document.items() if value != []}

    def device(self, weights_sha256: str) -> Resource:
        return {
            "resourceType": "Device",
            "id": self.id("Device"),
            "status": "active",
            "deviceName": [{"name": "RadAssist grounded report generator", "type": "model-name"}],
            "type": concept("Software that drafts radiology reports"),
            "version": [
                {"type": concept("model version"), "value": self.report.model_version},
                {"type": concept("sha256 of the weights"), "value": weights_sha256},
                {"type": concept("variant of the graphs"), "value": self.variant},
            ],
        }

    def provenance(self) -> Resource:
        return {
            "resourceType": "Provenance",
            "id": self.id("Provenance"),
            "target": [self.ref("DiagnosticReport")],
            "recorded": self.now,
            "agent": [{"type": AUTHOR, "who": self.ref("Device")}],
        }

    def observation(self, code: Coded, *what: str) -> Resource:
        return {
            "resourceType": "Observation",
            "id": self.id("Observation", *what),
            "status": "preliminary",  # its list knows no `partial`
            "category": [IMAGING],
            "code": code,
            "subject": self.subject,
            **self.effective,
            "issued": self.now,
            "device": self.ref("Device"),
        }

    def text(self, section: Section) -> Resource:
        return self.observation(Sections[section], section) | {"valueString": self.report.section(section)}

    def finding(self, sentence: GroundedSentence, finding: Finding, place: str) -> Resource:
        """What one sentence says of one observation; its regions are boxes in pixels of the original image."""
        said = INTERPRETATIONS[finding.certainty]
        found = self.observation(observation_code(finding.observation), "finding", place)
        found |= {"valueCodeableConcept": concept(str(said["text"])), "interpretation": [said]}
        found["note"] = [{"text": sentence.text}]
        if site := body_site(finding.observation, finding.side, finding.zone):
            found["bodySite"] = site
        found["component"] = [
            *(
                {"code": concept("region: left, top, right, bottom in pixels of the image"), "valueString": corners}
                for corners in (", ".join(f"{edge:.1f}" for edge in box.as_list()) for box in sentence.boxes)
            ),
            {"code": concept("grounding"), "valueCodeableConcept": concept(sentence.verdict.value)},
            {"code": concept("grounding score"), "valueQuantity": {"value": round(sentence.score, 4)}},
        ]
        return found

    def media(self, title: str, url: str) -> Resource:
        return {
            "resourceType": "Media",
            "id": self.id("Media", title),
            "status": "completed",
            "type": IMAGE,
            "modality": PLAIN_XRAY,
            "subject": self.subject,
            "issued": self.now,
            "content": {"contentType": "image/png", "url": url, "title": title},
        }
