"""Which annotated boxes a sentence speaks of.

Nothing is invented: a sentence gets the boxes of a finding or device that it names and does not negate, and else those
of the lungs or the mediastinum if it names these. A side that the sentence names alone keeps that side's boxes.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from model.geometry import Box


@dataclass(frozen=True, slots=True)
class Annotation:
    """One annotated box of an image, in its pixels."""

    category: str
    box: Box


# The words that name a category of the annotations.
FINDINGS = {
    "Consolidation": r"consolidat\w*|opaci\w+|infiltrat\w*",
    "Ground Glass Opacities": r"ground[- ]glass|ggos?\b|opaci\w+",
    "Pleural Effusion": r"(?<!pericardial )effusions?",
    "Pneumothorax": r"(?:hydro)?pneumothora\w+",
}
DEVICES = {
    "Endotracheal Tube": r"endotracheal|\bett?\b|intubat\w+",
    "Nosogastric Tube": r"na?so ?gastric|\bngt?\b",
    "Central Venous Line": r"central (?:venous )?(?:line|catheter)|\bcv[cl]\b",
    "Monitoring Probes": r"(?:monitoring|ecg|ekg) (?:probe|lead|electrode)s?",
}
ANATOMY = {
    "Left Lung": r"\bleft lung\b(?! (?:base|apex))|\bboth lungs\b|\blungs\b|\b(?:both|bilateral) lung fields\b",
    "Right Lung": r"\bright lung\b(?! (?:base|apex))|\bboth lungs\b|\blungs\b|\b(?:both|bilateral) lung fields\b",
    "Cardiomediastinum": r"\bmediastin\w+|\bcardio-?mediastin\w+|\bcardiac\b|\bheart\b",
    "Airways": r"\btrachea\w*",
}
_NEGATION = r"\b(?:no|not|without|nor|absence of|absent|negative for|clear of|free of|resol\w+ of)\b[^,;]*?"
_LEFT, _RIGHT = re.compile(r"\bleft\b", re.IGNORECASE), re.compile(r"\bright\b", re.IGNORECASE)
_BOTH = re.compile(r"\bbilateral\w*|\bboth\b", re.IGNORECASE)


def boxes_named_by(sentence: str, annotations: Sequence[Annotation], *, lateral: bool = False) -> tuple[Box, ...]:
    """The boxes of one image that a sentence names, in the annotations' order.

    Args:
        lateral: the image is a lateral view, where a side of the patient is no side of the image.
    """
    findings = [a for a in annotations if _states(sentence, FINDINGS.get(a.category))]
    if not lateral:
        findings = _on_named_side(sentence, findings, annotations)
    devices = [a for a in annotations if _states(sentence, DEVICES.get(a.category))]
    named = [*findings, *devices] or [a for a in annotations if _names(sentence, ANATOMY.get(a.category))]
    return tuple(a.box for a in annotations if a in named)


def _names(sentence: str, words: str | None) -> bool:
    return words is not None and re.search(words, sentence, re.IGNORECASE) is not None


def _states(sentence: str, words: str | None) -> bool:
    """True where the sentence names it outside a negation."""
    if words is None:
        return False
    stated = re.sub(f"{_NEGATION}(?:{words})", "", sentence, flags=re.IGNORECASE)
    return re.search(words, stated, re.IGNORECASE) is not None


def _on_named_side(sentence: str, named: list[Annotation], annotations: Sequence[Annotation]) -> list[Annotation]:
    """Those of the side that the sentence names, where it names one side alone; the patient's right is at the left."""
    left, right = _LEFT.search(sentence), _RIGHT.search(sentence)
    middle = _midline(annotations)
    if _BOTH.search(sentence) or bool(left) == bool(right) or middle is None:
        return named
    return [a for a in named if (0.5 * (a.box.x0 + a.box.x1) > middle) == bool(left)]


def _midline(annotations: Sequence[Annotation]) -> float | None:
    """Half way between the lungs; None where they are not annotated."""
    lungs = {a.category: a.box for a in annotations if a.category in ("Left Lung", "Right Lung")}
    if len(lungs) < 2:
        return None
    return 0.5 * (lungs["Right Lung"].x1 + lungs["Left Lung"].x0)
