"""What the report says: one sentence per observation in a usual order, and an impression.

The words follow from the picture, but for the choice among wordings: one common, a tail of rarer ones.
"""

from dataclasses import dataclass

from model.findings import Certainty, Finding, Side, Zone
from model.study import Section
from pipelines.sources.phantom.abnormalities import DEPICTED, Abnormality, Size
from pipelines.sources.phantom.fields import Stream
from pipelines.sources.phantom.regions import Region

WEIGHTS = (0.66, 0.16, 0.11, 0.07)

PRESENT: dict[str, tuple[str, ...]] = {
    "Cardiomegaly": (
        "There is {degree} cardiomegaly.",
        "The heart is {degree}ly enlarged.",
        "{degree} enlargement of the cardiac silhouette.",
        "Cardiac silhouette is {degree}ly enlarged.",
    ),
    "Consolidation": (
        "There is a {size} consolidation in the {side} {zone} lung zone.",
        "{size} area of consolidation in the {side} {zone} lung zone.",
        "A {size} focal consolidation is seen in the {side} {zone} zone.",
        "The {side} {zone} lung zone shows a {size} consolidation.",
    ),
    "Lung Lesion": (
        "There is a {lesion} in the {side} {zone} lung zone.",
        "A {lesion} projects over the {side} {zone} lung zone.",
        "{lesion} in the {side} {zone} zone.",
        "In the {side} {zone} lung zone there is a {lesion}.",
    ),
    "Pleural Effusion": (
        "There is a {size} {side} pleural effusion.",
        "{size} {side} pleural effusion is present.",
        "A {size} {side} pleural effusion is seen.",
        "{size} {side} pleural effusion is noted.",
    ),
    "Pneumothorax": (
        "There is a {size} {side} pneumothorax.",
        "A {size} {side} pneumothorax is present.",
        "{size} {side} pneumothorax is seen.",
        "{size} pneumothorax on the {side}.",
    ),
}
ON_BOTH_SIDES = (
    "There are {size} bilateral pleural effusions.",
    "{size} bilateral pleural effusions are present.",
    "{size} pleural effusions are seen on both sides.",
    "Bilateral {size} pleural effusions.",
)
ABSENT: dict[str, tuple[str, ...]] = {
    "Cardiomegaly": (
        "The heart size is normal.",
        "Heart size is within normal limits.",
        "The heart is not enlarged.",
        "No cardiomegaly.",
    ),
    "Consolidation": (
        "There is no focal consolidation.",
        "No focal consolidation is seen.",
        "No consolidation.",
        "No evidence of consolidation.",
    ),
    "Lung Lesion": (
        "There is no pulmonary nodule or mass.",
        "No lung nodule or mass is seen.",
        "No suspicious pulmonary nodule.",
        "No nodule or mass is identified.",
    ),
    "Pleural Effusion": (
        "There is no pleural effusion.",
        "No pleural effusion is seen.",
        "No pleural effusions.",
        "No evidence of pleural effusion.",
    ),
    "Pneumothorax": (
        "There is no pneumothorax.",
        "No pneumothorax is seen.",
        "No pneumothorax.",
        "No evidence of pneumothorax.",
    ),
}
RESTS_ON = {
    "Cardiomegaly": Region.HEART,
    "Consolidation": Region.LUNGS,
    "Lung Lesion": Region.LUNGS,
    "Pleural Effusion": Region.ANGLES,
    "Pneumothorax": Region.APICES,
}
SUMMARY: dict[str, tuple[str, ...]] = {
    "Cardiomegaly": ("{degree} cardiomegaly.", "{degree}ly enlarged heart."),
    "Consolidation": ("{size} {side} {zone} zone consolidation.", "{size} consolidation, {side} {zone} zone."),
    "Lung Lesion": ("{lesion} in the {side} {zone} zone.", "{side} {zone} zone {lesion}."),
    "Pleural Effusion": ("{size} {side} pleural effusion{s}.", "{side} pleural effusion{s}, {size}."),
    "Pneumothorax": ("{size} {side} pneumothorax.", "{side} pneumothorax, {size}."),
}
SUMMARY_WEIGHTS = (0.8, 0.2)
NORMAL = (
    "No acute cardiopulmonary abnormality.",
    "No acute cardiopulmonary process.",
    "No acute intrathoracic process.",
    "No acute cardiopulmonary disease.",
)
VIEW_SENTENCES = ("Frontal view of the chest.", "A single frontal view of the chest was obtained.")
VIEW_SENTENCE_SHARE = 0.15

DEGREE = {Size.SMALL: "mild", Size.MODERATE: "moderate", Size.LARGE: "severe"}
LESION = {Size.SMALL: "small nodule", Size.MODERATE: "moderate-sized nodule", Size.LARGE: "large mass"}
ZONE = {Zone.UPPER: "upper", Zone.MIDDLE: "mid", Zone.LOWER: "lower"}


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence and what it rests on: an abnormality, a region, or (None) nothing in the picture."""

    text: str
    section: Section
    rests_on: Abnormality | Region | None
    findings: tuple[Finding, ...]


def write_statements(abnormalities: tuple[Abnormality, ...], stream: Stream) -> tuple[Statement, ...]:
    """The report's sentences in order: findings, then impression."""
    statements = []
    if stream.chance(VIEW_SENTENCE_SHARE):
        statements.append(Statement(stream.pick(VIEW_SENTENCES), Section.FINDINGS, None, ()))
    present = {a.observation: a for a in abnormalities}
    for observation in DEPICTED:
        abnormality = present.get(observation)
        statements.append(_absent(observation, stream) if abnormality is None else _present(abnormality, stream))
    statements += [_summary(abnormality, stream) for abnormality in abnormalities]
    if not abnormalities:
        normal = (Finding("No Finding", Certainty.DEFINITE),)
        statements.append(Statement(stream.pick(NORMAL, WEIGHTS), Section.IMPRESSION, Region.CHEST, normal))
    return tuple(statements)


def _present(abnormality: Abnormality, stream: Stream) -> Statement:
    wordings = ON_BOTH_SIDES if abnormality.side is Side.BILATERAL else PRESENT[abnormality.observation]
    return _positive(stream.pick(wordings, WEIGHTS), abnormality, Section.FINDINGS)


def _summary(abnormality: Abnormality, stream: Stream) -> Statement:
    wording = stream.pick(SUMMARY[abnormality.observation], SUMMARY_WEIGHTS)
    return _positive(wording, abnormality, Section.IMPRESSION)


def _absent(observation: str, stream: Stream) -> Statement:
    finding = Finding(observation, Certainty.NEGATED)
    return Statement(stream.pick(ABSENT[observation], WEIGHTS), Section.FINDINGS, RESTS_ON[observation], (finding,))


def _positive(wording: str, abnormality: Abnormality, section: Section) -> Statement:
    text = wording.format(
        size=abnormality.size,
        degree=DEGREE[abnormality.size],
        lesion=LESION[abnormality.size],
        side=abnormality.side or "",
        s="s" if abnormality.side is Side.BILATERAL else "",
        zone=ZONE[abnormality.zone] if abnormality.zone else "",
    )
    finding = Finding(abnormality.observation, Certainty.DEFINITE, abnormality.side, abnormality.zone)
    return Statement(text[0].upper() + text[1:], section, abnormality, (finding,))
