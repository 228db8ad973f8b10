"""A reviewer who is simulated: it knows the reference and changes in a draft only what is wrong or missing.

What it signs stands in for what a radiologist would: `model.metrics.edits` counts the words between.
"""

import re
from collections.abc import Iterable, Sequence

from model.findings import Certainty, Finding, Side
from model.labeler import anatomy_of, label_sentence
from model.labeler.lexicon import lexicon
from model.labeler.scope import NEGATED
from model.metrics.edits import edit_figures
from model.metrics.figures import Figure
from model.metrics.matching import match_statements

# The parts of the body of which "clear" or "normal" contradicts an observation.
_PARTS: dict[str, frozenset[str]] = {
    "Enlarged Cardiomediastinum": frozenset({"mediastinum"}),
    "Cardiomegaly": frozenset({"heart"}),
    **dict.fromkeys(
        ("Lung Lesion", "Lung Opacity", "Edema", "Consolidation", "Pneumonia", "Atelectasis"),
        frozenset({"lungs", "left lung", "right lung"}),
    ),
    **dict.fromkeys(
        ("Pneumothorax", "Pleural Effusion", "Pleural Other"), frozenset({"pleura", "costophrenic angles"})
    ),
    "Fracture": frozenset({"ribs", "clavicles", "spine", "bones"}),
}
_SIDES = re.compile(r"\b(left|right)", re.IGNORECASE)
_OTHER_SIDE = {"left": "right", "right": "left"}

Read = list[tuple[Finding, ...]]


def review(draft: Sequence[str], reference: Sequence[str]) -> tuple[str, ...]:
    """The sentences of a section as the reviewer signs them, from those drafted and those of the reference.

    A drafted sentence is wrong that states or suspects a finding which the reference does not state as firmly on that
    side, denies one that it states, or calls normal what it does not. If the other side makes it right, that is
    written; else it is struck. What the reference states or suspects and the draft does not is added in the reference's
    words, and so are the denials that were struck along. They stand where a sentence on the same observation was
    struck, else at the end. Everything else stays as drafted: other words, another zone, one device for another, more
    statements of one kind than the reference makes, a denial of which the reference says nothing. Denials that the
    draft never made are not added.

    >>> review(["Small left effusion.", "Acute fracture."], ["Right pleural effusion.", "Mild cardiomegaly."])
    ('Small right effusion.', 'Mild cardiomegaly.')
    """
    truth = [label_sentence(sentence) for sentence in reference]
    signed = [None if _wrong(sentence, reference, truth) else sentence for sentence in draft]
    for place, sentence in enumerate(draft):
        turned = _SIDES.sub(_turned, sentence)
        if signed[place] is None and turned != sentence and not _wrong(turned, reference, truth):
            with_it = [*signed[:place], turned, *signed[place + 1 :]]
            if len(_missing(truth, _read(with_it))) < len(_missing(truth, _read(signed))):
                signed = with_it
    struck = {place: label_sentence(draft[place]) for place, sentence in enumerate(signed) if sentence is None}
    missing = _missing(truth, _read(signed))
    lost = _denied(struck.values()) - _denied(_read(signed)) - _denied(truth[index] for index in missing)
    added: dict[int, list[str]] = {}
    for index, (sentence, findings) in enumerate(zip(reference, truth, strict=True)):
        if index in missing or _denied([findings]) & lost:
            lost -= _denied([findings])
            observations = {finding.observation for finding in findings}
            alike = (place for place, said in struck.items() if observations & {f.observation for f in said})
            added.setdefault(next(alike, len(draft)), []).append(sentence)
    return tuple(
        text
        for place, sentence in enumerate([*signed, None])
        for text in ([] if sentence is None else [sentence]) + added.get(place, [])
    )


def review_figures(drafts: Sequence[Sequence[str]], references: Sequence[Sequence[str]]) -> tuple[Figure, Figure]:
    """`edit_rate` and `edit_rate_sentences` of drafts and of what the reviewer signs, one row of statistics a study.

    Each draft and each reference is one section of a report, as sentences.
    """
    signed = [review(*pair) for pair in zip(drafts, references, strict=True)]
    return edit_figures([" ".join(draft) for draft in drafts], [" ".join(text) for text in signed])


def _read(sentences: Sequence[str | None]) -> Read:
    return [label_sentence(sentence) for sentence in sentences if sentence is not None]


def _turned(side: re.Match[str]) -> str:
    other = _OTHER_SIDE[side[0].lower()]
    return other.capitalize() if side[0][0].isupper() else other


def _wrong(sentence: str, reference: Sequence[str], truth: Read) -> bool:
    if sentence in reference:
        return False
    findings = label_sentence(sentence)
    if findings:
        return not all(_holds(finding, truth) for finding in findings)
    return _reassures(sentence) and _contradicted(set(anatomy_of(sentence)), reference, truth)


def _holds(drafted: Finding, truth: Read) -> bool:
    """The reference says as much, or, of a denial, does not say otherwise."""
    known = [finding for findings in truth for finding in findings if finding.observation == drafted.observation]
    if any(_answers(drafted, finding) for finding in known):
        return True
    denied = drafted.certainty is Certainty.NEGATED
    return denied and not any(
        finding.certainty is not Certainty.NEGATED and _overlap(drafted.side, finding.side) for finding in known
    )


def _answers(drafted: Finding, asked: Finding) -> bool:
    """As firm, on the side that was asked for, if one was."""
    as_firm = drafted.positive if asked.positive else drafted.certainty is asked.certainty
    same = drafted.observation == asked.observation
    return same and as_firm and (asked.side is None or asked.side is drafted.side)


def _overlap(denied: Side | None, stated: Side | None) -> bool:
    return denied is None or denied is stated or Side.BILATERAL in (denied, stated)


def _missing(truth: Read, signed: Read) -> list[int]:
    """The reference's sentence of every statement that was not made: each needs its own, a suspicion needs any."""
    stated = [match.reference for match in match_statements(truth, signed) if match.candidate is None]
    suspected = [
        index
        for index, findings in enumerate(truth)
        for asked in findings
        if asked.certainty is Certainty.POSSIBLE and not any(_answers(f, asked) for said in signed for f in said)
    ]
    return stated + suspected


def _denied(said: Iterable[Sequence[Finding]]) -> set[str]:
    return {f.observation for findings in said for f in findings if f.certainty is Certainty.NEGATED}


def _reassures(sentence: str) -> bool:
    lower, words = sentence.lower(), lexicon()
    return (
        any(cue.tag.startswith(NEGATED) for cue in words.cues.find(lower))
        or any(predicate.tag == "normal" for predicate in words.predicates.find(lower))
        or re.search(r"\bclear\b", lower) is not None
    )


def _contradicted(parts: set[str], reference: Sequence[str], truth: Read) -> bool:
    """The reference finds something in these parts, or anywhere where none is named, and does not reassure itself."""
    found = [f for findings in truth for f in findings if f.certainty is not Certainty.NEGATED]
    affected = any(f.observation in _PARTS and (not parts or parts & _PARTS[f.observation]) for f in found)
    plain = [sentence for sentence, findings in zip(reference, truth, strict=True) if not findings]
    also = any(_reassures(sentence) and set(anatomy_of(sentence)) >= parts for sentence in plain)
    return affected and not also
