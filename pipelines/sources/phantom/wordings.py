"""What the report says: sentences in a usual order, each with what it rests on, and an impression.

The words follow from the picture and from the study before, but for the choice among wordings. Not everything that is
absent is denied, and what is faint is hedged.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from model.findings import Certainty, Finding, Side
from model.study import Section
from pipelines.sources.phantom import phrases
from pipelines.sources.phantom.abnormalities import Abnormality, Form
from pipelines.sources.phantom.course import Course, course_of, gone
from pipelines.sources.phantom.fields import Stream, T
from pipelines.sources.phantom.phrases import DENIALS, NOUNS, REGIONS, THINGS, Noun
from pipelines.sources.phantom.regions import Region

LUNGS = ("Lung Opacity", "Consolidation", "Pneumonia", "Atelectasis", "Edema", "Lung Lesion")
PLEURA = ("Pleural Effusion", "Pleural Other", "Pneumothorax")
HEART = ("Cardiomegaly", "Enlarged Cardiomediastinum")
GROUPS = (("Support Devices",), LUNGS, PLEURA, HEART, ("Fracture",))
"""A report goes from one to the next, and says of each what is there, what is gone and what is absent."""

MOST_IMPORTANT_FIRST = (
    "Pneumothorax",
    "Pneumonia",
    "Lung Lesion",
    "Consolidation",
    "Edema",
    "Pleural Effusion",
    "Fracture",
    "Lung Opacity",
    "Atelectasis",
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Pleural Other",
)
SUMMED_UP = 3  # sentences of an impression at most

VIEW_SENTENCE_SHARE = 0.12
LIKELY_SHARE = 0.06  # of what is plain to see, and yet hedged
COMPARED_SHARE = 0.6  # of what a study before can be compared with
PREDICATE_SHARE = 0.3  # "The heart is enlarged." for "There is cardiomegaly."
DENIED_SHARE: dict[tuple[str, ...], float] = {
    ("Pleural Effusion", "Pneumothorax"): 1.0,
    ("Pleural Effusion",): 0.8,
    ("Pneumothorax",): 0.8,
    ("Cardiomegaly",): 0.9,
    ("Cardiomegaly", "Enlarged Cardiomediastinum"): 0.9,
    ("Enlarged Cardiomediastinum",): 0.4,
    ("Fracture",): 0.4,
}
CERTAIN = ("Support Devices", "Pneumonia", *HEART)  # never hedged as a whole


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence and what it rests on: an abnormality, regions together, or (None) nothing in the picture."""

    text: str
    section: Section
    rests_on: Abnormality | tuple[Region, ...] | None
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Told:
    """How one abnormality is spoken of throughout the report: how surely, or (then surely) compared with before."""

    abnormality: Abnormality
    certainty: Certainty
    manner: Certainty | Course


def write_statements(
    view: str, abnormalities: Sequence[Abnormality], before: Sequence[Abnormality] | None, stream: Stream
) -> tuple[Statement, ...]:
    """The report's sentences in order: findings, then impression.

    Args:
        view: AP, PA, or LATERAL for a frontal view with a lateral one.
        abnormalities: what the study shows, in the order of DEPICTED.
        before: what the patient's study before showed; None where there was none.
        stream: of the choice among wordings.
    """
    told = tuple(_told(a, before, stream) for a in abnormalities)
    lead = [Statement(stream.pick(phrases.VIEW_SENTENCES[view]), Section.FINDINGS, None, ())]
    return (
        *(lead if stream.chance(VIEW_SENTENCE_SHARE) else ()),
        *_findings(told, gone(abnormalities, before or ()), stream),
        *_impression(told, stream),
    )


def _told(abnormality: Abnormality, before: Sequence[Abnormality] | None, stream: Stream) -> _Told:
    hedged, compared = stream.chance(LIKELY_SHARE), stream.chance(COMPARED_SHARE)
    if abnormality.faint:
        return _Told(abnormality, Certainty.POSSIBLE, Certainty.POSSIBLE)
    if hedged and abnormality.observation not in CERTAIN:
        return _Told(abnormality, Certainty.LIKELY, Certainty.LIKELY)
    course = course_of(abnormality, before) if compared and before is not None else None
    return _Told(abnormality, Certainty.DEFINITE, course or Certainty.DEFINITE)


def _findings(told: Sequence[_Told], lost: Sequence[Abnormality], stream: Stream) -> Iterator[Statement]:
    for group in GROUPS:
        here = [t for t in told if t.abnormality.observation in group]
        present = [_present(t, stream) for t in here]
        stated = {finding.observation for statement in present for finding in statement.findings}
        resolved = [a for a in lost if a.observation in group and a.observation in THINGS and not a.faint]
        recalled = [a for a in resolved if _can_go(a, stated) and stream.chance(COMPARED_SHARE)]
        yield from present
        yield from (_resolved(a, stream) for a in recalled)
        named = stated | {a.observation for a in recalled}
        yield from (_denial(observations, stream) for observations in _to_deny(group, named, stream))


def _can_go(lost: Abnormality, stated: set[str]) -> bool:
    """Of devices one can go while another stays; a resolved opacity is not told beside the opacities of a pneumonia."""
    return lost.observation == "Support Devices" or lost.observation not in stated


def _impression(told: Sequence[_Told], stream: Stream) -> Iterator[Statement]:
    worth = [t for t in told if t.abnormality.observation in MOST_IMPORTANT_FIRST]
    worth.sort(key=lambda t: MOST_IMPORTANT_FIRST.index(t.abnormality.observation))
    yield from (_summary(t, stream) for t in worth[:SUMMED_UP])
    if not worth:
        normal = (Finding("No Finding", Certainty.DEFINITE),)
        yield Statement(_common(phrases.NORMAL, stream), Section.IMPRESSION, (Region.CHEST,), normal)


def _present(told: _Told, stream: Stream) -> Statement:
    abnormality, manner = told.abnormality, told.manner
    match abnormality.observation:
        case "Support Devices":
            wording = _common(phrases.DEVICES[abnormality.form or Form.CENTRAL_LINE], stream)
            return _statement(wording, Noun(wording), told, Section.FINDINGS)
        case "Pneumonia":
            return _patches(told, stream)
        case "Cardiomegaly" | "Enlarged Cardiomediastinum" if manner in Certainty and stream.chance(PREDICATE_SHARE):
            wording = phrases.PREDICATES[abnormality.observation]
            return _statement(wording, Noun(wording), told, Section.FINDINGS)
        case _:
            noun, frame = _common(_nouns(abnormality), stream), _common(phrases.FRAMES[manner], stream)
            return _statement(frame, noun, told, Section.FINDINGS)


def _patches(told: _Told, stream: Stream) -> Statement:
    """A pneumonia as a picture shows it: opacities, which are seen, and what they mean, which is read into them."""
    abnormality = told.abnormality
    noun = _common(NOUNS["Pneumonia"], stream)
    findings = (
        _finding("Lung Opacity", noun, abnormality, Certainty.DEFINITE),
        _finding("Pneumonia", noun, abnormality, Certainty.POSSIBLE if abnormality.faint else Certainty.LIKELY),
    )
    text = _filled(_common(phrases.PATCHES[told.manner], stream), noun, abnormality)
    return Statement(text, Section.FINDINGS, abnormality, findings)


def _summary(told: _Told, stream: Stream) -> Statement:
    pneumonia = told.abnormality.observation == "Pneumonia"
    noun = _common(phrases.PNEUMONIA if pneumonia else _nouns(told.abnormality), stream)
    return _statement(_common(phrases.SUMMARY_FRAMES[told.manner], stream), noun, told, Section.IMPRESSION)


def _statement(frame: str, noun: Noun, told: _Told, section: Section) -> Statement:
    finding = _finding(told.abnormality.observation, noun, told.abnormality, told.certainty)
    return Statement(_filled(frame, noun, told.abnormality), section, told.abnormality, (finding,))


def _resolved(abnormality: Abnormality, stream: Stream) -> Statement:
    observation = abnormality.observation
    frames = phrases.REMOVED if observation == "Support Devices" else phrases.RESOLVED
    noun = THINGS[observation]
    text = _filled(_common(frames, stream), noun, abnormality)
    finding = _finding(observation, noun, abnormality, Certainty.NEGATED)
    return Statement(text, Section.FINDINGS, REGIONS[observation], (finding,))


def _denial(observations: tuple[str, ...], stream: Stream) -> Statement:
    """Together, resting on all the regions that one looks at; none at all: the lungs are normal."""
    findings = tuple(Finding(observation, Certainty.NEGATED) for observation in observations)
    regions = tuple(dict.fromkeys(region for o in observations for region in REGIONS[o])) or (Region.LUNGS,)
    return Statement(_common(DENIALS[observations], stream), Section.FINDINGS, regions, findings)


def _to_deny(group: tuple[str, ...], named: set[str], stream: Stream) -> list[tuple[str, ...]]:
    """The keys of DENIALS that a report goes on with, after what it has named of the group."""
    absent = tuple(o for o in group if o not in named and o != "Pleural Other")
    if group == LUNGS and not named:
        return [stream.pick(((), ("Consolidation",), ("Consolidation", "Edema")), (0.5, 0.3, 0.2))]
    if group == LUNGS:
        likely = {("Consolidation",): {"Consolidation", "Pneumonia"}, ("Edema",): {"Edema"}}
        return [key for key, excluded in likely.items() if not named & excluded and stream.chance(0.45)]
    if absent == HEART and stream.chance(0.55):
        absent = ("Cardiomegaly",)
    return [absent] if stream.chance(DENIED_SHARE.get(absent, 0.0)) else []


def _nouns(abnormality: Abnormality) -> tuple[Noun, ...]:
    if abnormality.observation == "Pleural Effusion" and abnormality.side is Side.BILATERAL:
        return phrases.BOTH_EFFUSIONS
    return NOUNS[abnormality.form or abnormality.observation]


def _finding(observation: str, noun: Noun, abnormality: Abnormality, certainty: Certainty) -> Finding:
    """The finding as the noun's words name it, and no more exactly."""
    sided = "{side}" in noun.text or noun in phrases.BOTH_EFFUSIONS
    zone = abnormality.zone if "{zone}" in noun.text else noun.zone
    return Finding(observation, certainty, abnormality.side if sided else None, zone)


def _filled(frame: str, noun: Noun, abnormality: Abnormality) -> str:
    values = {
        "size": abnormality.size,
        "degree": phrases.DEGREE[abnormality.size],
        "extent": phrases.EXTENT[abnormality.size],
        "lesion": phrases.LESION[abnormality.size],
        "side": abnormality.side or "",
        "zone": phrases.ZONE[abnormality.zone] if abnormality.zone else "",
        "form": abnormality.form or "",
    }
    called = noun.text.format(**values)
    be, have = ("are", "have") if noun.plural else ("is", "has")
    text = frame.format(noun=called, bare=called.removeprefix("a "), be=be, have=have, **values)
    return text[0].upper() + text[1:]


def _common(choices: Sequence[T], stream: Stream) -> T:
    """One of the choices, the first by far the most often."""
    return stream.pick(choices, phrases.COMMON_FIRST[: len(choices)])
