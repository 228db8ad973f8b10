import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.reference import Reference
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from pydicom.sr.codedict import codes

from model.fhir import ReportStatus, StudyFacts, report_bundle
from model.fhir.codes import OBSERVATION_CODES, body_site
from model.findings import OBSERVATIONS, Certainty, Finding, Side, Zone
from model.geometry import Box
from model.report import GroundedReport, GroundedSentence, Verdict
from model.study import Section

SCHEMA = Path(__file__).parents[3] / "shared" / "realdata" / "fhir" / "r4_fhir.schema.json"
DRAFTED_AT = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)
FACTS = StudyFacts("1.2.840.113.7", "P-17", "A-4711", "2026-03-02T09:58:00+01:00")
PICTURES = {"Draft": "summary.png", "Sentence 1": "sentences/1.png"}


def sentence(text: str, *findings: Finding, section: Section = Section.FINDINGS) -> GroundedSentence:
    box = Box(10.0, 20.5, 300.0, 410.25)
    return GroundedSentence(
        text, section, np.full((2, 2), 0.25, np.float32), 0.0, (box,), 0.91, Verdict.GROUNDED, findings
    )


EFFUSION = Finding("Pleural Effusion", Certainty.DEFINITE, Side.LEFT, Zone.LOWER)
REPORT = GroundedReport(
    "s1",
    (
        sentence("Small left pleural effusion.", EFFUSION),
        sentence("No pneumothorax.", Finding("Pneumothorax", Certainty.NEGATED)),
        sentence("Left pleural effusion.", EFFUSION, section=Section.IMPRESSION),
    ),
    2048,
    2500,
    "7",
    "ab" * 32,
    0.8,
)


def bundle(report: GroundedReport = REPORT, facts: StudyFacts = FACTS, **changes: Any) -> dict[str, Any]:
    model = {"weights_sha256": "cd" * 32, "variant": "fp32"}
    given_ = {"status": ReportStatus.PARTIAL, "drafted_at": DRAFTED_AT, "pictures": PICTURES}
    return report_bundle(report, facts, **{**model, **given_, **changes})


def of_type(made: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [e["resource"] for e in made["entry"] if e["resource"]["resourceType"] == kind]


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if "reference" in node:
            yield node["reference"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


@cache
def validator() -> jsonschema.Draft6Validator:
    return jsonschema.Draft6Validator(json.loads(SCHEMA.read_text()))


@pytest.mark.parametrize("facts", [FACTS, StudyFacts()])
@pytest.mark.parametrize("status", list(ReportStatus))
def test_a_bundle_holds_by_the_published_models(facts: StudyFacts, status: ReportStatus) -> None:
    Bundle.model_validate_json(json.dumps(bundle(facts=facts, status=status)))


@pytest.mark.skipif(not SCHEMA.is_file(), reason="no published schema: ../shared/realdata is absent")
@pytest.mark.parametrize("facts", [FACTS, StudyFacts()])
@pytest.mark.parametrize("status", list(ReportStatus))
def test_a_bundle_holds_by_the_published_schema(facts: StudyFacts, status: ReportStatus) -> None:
    for entry in bundle(facts=facts, status=status)["entry"]:
        validator().validate(entry["resource"])


def test_every_reference_leads_to_a_resource_of_the_bundle() -> None:
    made = bundle()
    assert set(references(made)) <= {entry["fullUrl"] for entry in made["entry"]}
    assert len({entry["fullUrl"] for entry in made["entry"]}) == len(made["entry"])


def pointers(node: BaseModel) -> Iterator[tuple[Reference, list[str]]]:
    """Each reference with the kinds of resource that the published model lets it lead to."""
    for name, field in type(node).model_fields.items():
        found = getattr(node, name)
        for part in found if isinstance(found, list) else [found]:
            if isinstance(part, Reference):
                assert isinstance(field.json_schema_extra, dict)
                yield part, field.json_schema_extra["enum_reference_types"]  # type: ignore[misc]
            elif isinstance(part, BaseModel):
                yield from pointers(part)


def test_every_reference_leads_where_the_standard_lets_it_lead() -> None:
    made = bundle()
    kinds = {entry["fullUrl"]: entry["resource"]["resourceType"] for entry in made["entry"]}
    found = list(pointers(Bundle.model_validate(made)))
    assert {reference.reference for reference, _ in found} - {None} == set(references(made))
    for reference, allowed in found:
        kind = kinds[reference.reference] if reference.reference else reference.type
        assert kind in allowed or allowed == ["Resource"], f"{kind} is none of {allowed}"


def test_it_says_what_us_core_asks_of_a_note() -> None:
    (document,) = of_type(bundle(), "DiagnosticReport")
    assert document["status"] == "partial"
    assert document["category"][0]["coding"][0]["code"] == "LP29684-5"
    assert document["effectiveDateTime"] == FACTS.taken
    assert document["subject"]["identifier"]["value"] == "P-17"
    assert document["imagingStudy"][0]["identifier"]["value"] == "urn:oid:1.2.840.113.7"
    text = base64.b64decode(document["presentedForm"][0]["data"]).decode()
    assert text == "FINDINGS\nSmall left pleural effusion. No pneumothorax.\n\nIMPRESSION\nLeft pleural effusion."


def test_a_finding_says_where_it_is_and_what_it_rests_on() -> None:
    effusion = next(o for o in of_type(bundle(), "Observation") if o["code"]["text"] == "Pleural Effusion")
    assert effusion["bodySite"]["text"] == "Left pleura, lower zone"
    assert effusion["interpretation"][0]["coding"][0]["code"] == "POS"
    assert effusion["component"][0]["valueString"] == "10.0, 20.5, 300.0, 410.2"
    assert effusion["component"][1]["valueCodeableConcept"]["text"] == "grounded"
    denied = next(o for o in of_type(bundle(), "Observation") if o["code"]["text"] == "Pneumothorax")
    assert denied["interpretation"][0]["coding"][0]["code"] == "NEG"


def test_the_device_is_the_model_and_all_that_it_drafted_names_it() -> None:
    made = bundle(variant="int8")
    (device,), (document,), (provenance,) = (of_type(made, k) for k in ("Device", "DiagnosticReport", "Provenance"))
    assert [version["value"] for version in device["version"]] == ["7", "cd" * 32, "int8"]
    named = f"urn:uuid:{device['id']}"
    assert all(observation["device"]["reference"] == named for observation in of_type(made, "Observation"))
    assert provenance["target"] == [{"reference": f"urn:uuid:{document['id']}"}]
    assert [agent["who"]["reference"] for agent in provenance["agent"]] == [named]


def test_a_withheld_sentence_is_nowhere_in_it() -> None:
    hidden = replace(REPORT.sentences[0], withheld=True)
    made = bundle(replace(REPORT, sentences=(hidden, *REPORT.sentences[1:])))
    assert "Small left" not in json.dumps(made)
    (document,) = of_type(made, "DiagnosticReport")
    assert "Small left" not in base64.b64decode(document["presentedForm"][0]["data"]).decode()


def test_drafting_twice_gives_the_same_resources() -> None:
    first, second = bundle(), bundle(drafted_at=datetime(2026, 3, 3, tzinfo=UTC))
    assert [e["fullUrl"] for e in first["entry"]] == [e["fullUrl"] for e in second["entry"]]
    assert first["id"] not in {bundle(replace(REPORT, model_version="8"))["id"], bundle(variant="int8")["id"]}


def test_a_report_without_findings_is_still_a_report() -> None:
    made = bundle(replace(REPORT, sentences=()), StudyFacts())
    Bundle.model_validate_json(json.dumps(made))
    (document,) = of_type(made, "DiagnosticReport")
    assert "result" not in document
    assert document["_effectiveDateTime"]["extension"][0]["valueCode"] == "unknown"


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        bundle(drafted_at=datetime(2026, 3, 2))


@given(st.sampled_from(OBSERVATIONS), st.sampled_from([None, *Side]), st.sampled_from([None, *Zone]))
def test_every_observation_can_be_placed(observation: str, side: Side | None, zone: Zone | None) -> None:
    site = body_site(observation, side, zone)
    assert (site is not None) or (side is None and zone is None)


@pytest.mark.parametrize(
    ("observation", "keyword"),
    [("Pneumothorax", "Pneumothorax"), ("Pleural Effusion", "PleuralEffusion"), ("Edema", "PulmonaryEdema")],
)
def test_codes_are_those_of_the_dicom_standard_where_it_has_them(observation: str, keyword: str) -> None:
    assert OBSERVATION_CODES[observation][0] == getattr(codes.SCT, keyword).value
