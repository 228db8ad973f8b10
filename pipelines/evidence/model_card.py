"""The Applied Model Card of the Coalition for Health AI (mc.chai.org, schema v0.2), filled from the report's content.

Its sections and fields keep the schema's names and order. What nobody has stated says so: it is for the organisation
that releases the model to state it.
"""

import json
from collections.abc import Iterable, Mapping
from xml.etree import ElementTree as ET

from pipelines.evidence import Content
from pipelines.evidence.figures import BASELINES
from pipelines.evidence.subgroups import GAP

NAMESPACE = "https://mc.chai.org/v0.2/schema.xsd"
NOT_STATED = "Not stated."
USEFUL = ("bleu_4", "meteor_exact_stem", "findings_micro_f1", "edit_rate")
SAFE = ("iou_norm_0.1", "pointing_game", "occlusion_ratio", "ungrounded_positive_share", "needs_no_correction")


def model_card(content: Content) -> Content:
    """The card of the model that the report speaks of, nested as the schema nests it."""
    identity, data = content["identity"], content["data"]
    return {
        "BasicInfo": {
            "ModelName": f"{identity['model']} {identity['version']}",
            "ModelDeveloper": NOT_STATED,
            "DeveloperContact": NOT_STATED,
        },
        "ReleaseInfo": {
            "ReleaseStage": _stage(content["verdict"]["outcome"]),
            "ReleaseDate": f"Not released; validated on {content['created'][:10]}.",
            "ReleaseVersion": identity["version"],
            "GlobalAvailability": NOT_STATED,
            "RegulatoryApproval": "None is claimed.",
        },
        "ModelSummary": {
            "Summary": "Drafts a radiology report from one chest radiograph. Every sentence comes with a map and boxes "
            "of the region it rests on, a calibrated score, and a verdict: grounded, weak or ungrounded.",
            "Keywords": ["chest radiography", "report generation", "visual grounding"],
        },
        "UsesAndDirections": {
            "IntendedUseAndWorkflow": identity["intended_use"],
            "PrimaryIntendedUsers": "Radiologists, who read the images themselves.",
            "HowToUse": "Read the radiograph, then the draft beside the marked regions. Correct what is wrong, add "
            "what is missing, and sign. A sentence marked weak or ungrounded points at no region to be relied on.",
            "TargetedPatientPopulation": "Patients with a frontal chest radiograph, like those of the data described "
            "below. " + _population(data),
            "CautionedOutOfScopeSettings": "Lateral views, other modalities and body parts, comparison with earlier "
            "studies, triage without a reader, and use without a radiologist's signature.",
        },
        "Warnings": {
            "KnownRisksAndLimitations": " ".join(content["limits"]),
            "KnownBiasesOrEthicalConsiderations": _biases(content["subgroups"]),
            "ClinicalRiskLevel": NOT_STATED,
        },
        "TrustIngredients": {
            "AISystemFacts": {
                "OutcomesAndOutputs": "Findings and impression as text; for each sentence its findings with certainty, "
                "its map and boxes, a score and a verdict; for the draft the probability that no finding needs "
                "correcting.",
                "ModelType": _architecture(identity["architecture"]),
                "FoundationModels": _foundations(identity["architecture"].get("pretrained")),
                "InputDataSource": f"Sources {', '.join(data['sources'])}; data set md5 "
                f"{content['provenance']['data_md5'] or 'unknown'}.",
                "OutputAndInputDataTypes": "Input: one DICOM, PNG or JPEG image. Output: text, maps on the patch grid, "
                "boxes in the image's own pixels.",
                "DevelopmentDataCharacterization": _population(data),
                "BiasMitigationApproaches": "None in training. Every release is audited by age, sex, race/ethnicity, "
                "site, view and device, with intervals and a correction for the number of comparisons.",
                "OngoingMaintenance": "Retrained by the pipeline on new data; each model is held against the same "
                "policy, and a refused one is not registered.",
                "Security": "No pickle in the model; its files and pixel pipeline are checked against sha256 when it "
                "is opened.",
                "Transparency": "This card and the validation report are drawn from one signed file, report.json.",
            },
            "TransparencyInformation": {
                "FundingSource": NOT_STATED,
                "ThirdPartyInformation": _libraries(content["provenance"]["libraries"]),
                "StakeholdersConsulted": NOT_STATED,
            },
        },
        "KeyMetrics": {
            "UsefulnessUsabilityEfficacy": _metric(
                content,
                "Drafts that read like the references and name the same findings, above the policy's bounds and above "
                "baselines that see no image.",
                [_result(name, content["figures"]["evaluate"]) for name in USEFUL],
            ),
            "FairnessEquity": _metric(
                content,
                "No group by age, sex, race/ethnicity, site, view or device for which the model does worse than "
                "for the rest.",
                _worst(content["subgroups"]),
            ),
            "SafetyReliability": _metric(
                content,
                "Sentences that point at the region they speak of and rest on it; few findings without a region.",
                [_result(name, content["figures"]["evaluate"]) for name in SAFE],
            ),
        },
        "Resources": {
            "EvaluationReferences": "report.json and index.html of this validation; its signatures are in the ledger.",
            "PeerReviewedPublications": "None about this model.",
            "PatientConsentOrDisclosure": NOT_STATED,
        },
        "Bibliography": "",
    }


def as_xml(card: Mapping[str, object]) -> str:
    """The card as a document of the schema. Results carry their value as JSON, as the schema has it."""

    def element(name: str, value: object) -> ET.Element:
        made = ET.Element(name)
        if name == "Keywords" and isinstance(value, list):
            made.extend(element("Keyword", word) for word in value)
        elif name == "Results" and isinstance(value, list):
            made.extend(element("MetricResult", result) for result in value)
        elif name == "ValueJson":
            made.text = json.dumps(value, sort_keys=True)
        elif isinstance(value, Mapping):
            made.extend(element(key, part) for key, part in value.items())
        else:
            made.text = str(value)
        return made

    root = element("AppliedModelCard", card)
    root.set("xmlns", NAMESPACE)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _stage(outcome: str) -> str:
    said = {"PASS": "passed its validation; a candidate until it is signed for and rolled out", "FAIL": "refused"}
    return f"Validation: {said.get(outcome, 'undecided; not to be released')}."


def _population(data: Content) -> str:
    splits = "; ".join(f"{s['split']} {s['studies']:,} studies of {s['patients']:,} patients" for s in data["splits"])
    return f"{splits}. Test set {data['test_set']['name']}."


def _architecture(config: Content) -> str:
    rows, columns = config["grid"]
    return f"{config['architecture']}, {config['size']} x {config['size']} px, grid of {rows} x {columns} patches."


def _foundations(pretrained: Mapping[str, str] | None) -> str:
    named = [f"{part} from {name}" for part, name in (pretrained or {}).items()]
    return "; ".join(named) or "None; trained from scratch."


def _libraries(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _biases(subgroups: Content) -> str:
    gaps = [row for row in subgroups["rows"] if row["status"] == GAP]
    if not subgroups["rows"]:
        return "Not measured."
    if not gaps:
        return "No gap between a group and the rest was found that the number of comparisons does not explain."
    lines = [f"{row['attribute']} {row['group']}: {row['figure']} {row['gap']:+.3f} from the rest." for row in gaps]
    return " ".join(lines)


def _result(name: str, figures: Mapping[str, float | None], unit: str = "") -> Content:
    """A figure as the schema's estimate with its interval, or as a single value where none is known."""
    value, low, high = (figures.get(name + end) for end in ("", ".low", ".high"))
    if value is None or low is None or high is None:
        return {"Label": name, "ValueJson": {"kind": "single", "value": "not measured" if value is None else value}}
    interval = {"kind": "estimate_ci", "estimate": value, "lower": low, "upper": high, "level": 95, "unit": unit}
    return {"Label": name, "ValueJson": interval}


def _worst(subgroups: Content) -> list[Content]:
    figures = subgroups["figures"]
    names = [n for n in figures if n.startswith("worst_subgroup.") and not n.endswith((".low", ".high"))]
    return [_result(name, figures) for name in names] or [_result("subgroups", figures)]


def _metric(content: Content, goal: str, results: Iterable[Content]) -> Content:
    verdict, results_of = content["verdict"], content["results"]
    held = sum(criterion["outcome"] == "PASS" for criterion in verdict["criteria"])
    patients = f"{results_of['n_studies'] or 0:.0f} studies of {results_of['n_patients'] or 0:.0f} patients"
    beside = "; ".join(f"{name.replace('_', ' ')}: {meaning}" for name, meaning in BASELINES.items())
    return {
        "MetricGoal": goal,
        "Results": list(results),
        "Interpretation": f"{held} of {len(verdict['criteria'])} criteria of the policy hold; the outcome is "
        f"{verdict['outcome']}.",
        "TestType": "Retrospective, on a frozen split whose patients stand in no other.",
        "TestingDataDescription": f"Test set {content['data']['test_set']['name']}, {patients}.",
        "ValidationProcessAndJustification": "95 % intervals by bootstrap over patients. Beside them what can be had "
        f"without the image: {beside}. The policy, {content['policy']['path']}, was stated before training.",
    }
