"""The codes that a draft's FHIR resources use, and the closed lists that FHIR binds them to.

SNOMED CT stands only where an observation of CheXpert has one concept that means it; "Lung Opacity" or "Support
Devices" have words alone. LOINC's are those of US Core's example of a chest radiograph's report.
"""

from enum import StrEnum

from model.findings import Certainty, Side

LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"
INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
MEDIA_TYPE = "http://terminology.hl7.org/CodeSystem/media-type"
PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
NOTE_PROFILE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-diagnosticreport-note"
DICOM_UID = "urn:dicom:uid"

Coded = dict[str, object]


class ReportStatus(StrEnum):
    """What an unreviewed draft may call itself (http://hl7.org/fhir/R4/valueset-diagnostic-report-status.html).

    PARTIAL "may be incomplete or unverified", which a draft is; many sites say PRELIMINARY, "verified early results".
    """

    PARTIAL = "partial"
    PRELIMINARY = "preliminary"


def coding(system: str, code: str, display: str) -> Coded:
    return {"system": system, "code": code, "display": display}


def concept(text: str, *codings: Coded) -> Coded:
    """A CodeableConcept."""
    return {"coding": list(codings), "text": text} if codings else {"text": text}


RADIOLOGY = concept("Radiology", coding(LOINC, "LP29684-5", "Radiology"))
IMAGING = concept("Imaging", coding(CATEGORY, "imaging", "Imaging"))
CHEST_RADIOGRAPH = concept("Chest radiograph", coding(LOINC, "18748-4", "Diagnostic imaging study"))
FINDINGS = concept("Findings", coding(LOINC, "18782-3", "Radiology Study observation (narrative)"))
IMPRESSION = concept("Impression", coding(LOINC, "19005-8", "Radiology Imaging study [Impression] (narrative)"))
PLAIN_XRAY = concept("Plain X-ray of chest", coding(SNOMED, "399208008", "Plain X-ray of chest (procedure)"))
AUTHOR = concept("Author", coding(PARTICIPANT, "author", "Author"))
IMAGE = concept("Image", coding(MEDIA_TYPE, "image", "Image"))

OBSERVATION_CODES: dict[str, tuple[str, str]] = {
    "Cardiomegaly": ("8186001", "Cardiomegaly"),
    "Edema": ("19242006", "Pulmonary edema"),
    "Consolidation": ("95436008", "Lung consolidation"),
    "Pneumonia": ("233604007", "Pneumonia"),
    "Atelectasis": ("46621007", "Atelectasis"),
    "Pneumothorax": ("36118008", "Pneumothorax"),
    "Pleural Effusion": ("60046008", "Pleural effusion"),
}

_LUNG = {
    None: ("39607008", "Lung"),
    Side.LEFT: ("44029006", "Left lung"),
    Side.RIGHT: ("3341006", "Right lung"),
    Side.BILATERAL: ("39607008", "Lung"),
}
_PLEURA = {
    None: ("3120008", "Pleura"),
    Side.LEFT: ("53727004", "Left pleura"),
    Side.RIGHT: ("44788007", "Right pleura"),
    Side.BILATERAL: ("3120008", "Pleura"),
}
_SITES: dict[str, dict[Side | None, tuple[str, str]]] = {
    **dict.fromkeys(("Lung Lesion", "Lung Opacity", "Edema", "Consolidation", "Pneumonia", "Atelectasis"), _LUNG),
    **dict.fromkeys(("Pneumothorax", "Pleural Effusion", "Pleural Other"), _PLEURA),
    "Cardiomegaly": dict.fromkeys((None, *Side), ("80891009", "Heart")),
    "Enlarged Cardiomediastinum": dict.fromkeys((None, *Side), ("72410000", "Mediastinum")),
}

INTERPRETATIONS: dict[Certainty, Coded] = {
    Certainty.DEFINITE: concept("present", coding(INTERPRETATION, "POS", "Positive")),
    Certainty.LIKELY: concept("likely present", coding(INTERPRETATION, "POS", "Positive")),
    Certainty.POSSIBLE: concept("possible", coding(INTERPRETATION, "IND", "Indeterminate")),
    Certainty.NEGATED: concept("absent", coding(INTERPRETATION, "NEG", "Negative")),
}


def observation_code(observation: str) -> Coded:
    """What is observed, one of `model.findings.OBSERVATIONS`."""
    code = OBSERVATION_CODES.get(observation)
    return concept(observation, coding(SNOMED, *code)) if code else concept(observation)


def body_site(observation: str, side: Side | None, zone: str | None) -> Coded | None:
    """Where; None where neither the sentence nor the observation says it."""
    words = " ".join(word for word in (side, zone and f"{zone} zone") if word)
    site = _SITES.get(observation, {}).get(side)
    if site is None:
        return concept(words) if words else None
    return concept(f"{site[1]}, {zone} zone" if zone else site[1], coding(SNOMED, *site))
