"""Every positive statement of a reference and of its draft, by whether the words and the attention are right.

A statement is one finding of one sentence, "No Finding" apart. Its words are right where the draft makes the
reference's statement: same section, finding and side (`model.metrics.match_statements`). One of the reference that the
draft does not make is missed, one of the draft that the reference does not make is invented. A withheld sentence says
nothing; if it is withheld for resting on no region, it has looked all the same.

Its attention is right where a map points right at a region (`pipelines.calibrating.points_right`):

- of a statement that is found, the drafted sentence's map at the reference's region;
- of one that is missed, the map of any drafted sentence that speaks of an observation or a part of the body and answers
  nothing in the reference: the model looked there, and said something else, or that nothing is there;
- of one that is invented, its map at the region of any sentence of the reference that the draft does not answer.

A finding under a wrong name, or denied with the eye on it, is thus attention right and words wrong on either side.
Where the region of a found or missed statement is not known, or no region of the study, attention is not judged.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from model.findings import Finding
from model.grounding import entropy
from model.metrics import grounding_figures, match_statements
from model.report import GroundedReport, GroundedSentence
from model.study import Section
from pipelines.calibrating import points_right
from pipelines.error_analysis.attention import Look, Map, Mask, look
from pipelines.evaluation_set import EvaluationStudy, ReferenceSentence
from pipelines.grounding_scores import match_anatomy

NO_FINDING = "No Finding"

Asked = Sequence[ReferenceSentence]
Drafted = Sequence[GroundedSentence]
Places = Sequence[int]


class Outcome(StrEnum):
    """What the draft does of a statement."""

    FOUND = "found"
    MISSED = "missed"
    INVENTED = "invented"


class Quadrant(StrEnum):
    """Words and attention of a statement."""

    BOTH_RIGHT = "both_right"
    ATTENTION_WRONG = "text_right_attention_wrong"
    TEXT_WRONG = "attention_right_text_wrong"
    BOTH_WRONG = "both_wrong"


@dataclass(frozen=True, slots=True)
class Statement:
    """One positive statement of a study.

    `study` is the study's place in the evaluation; `asked` and `drafted` are places among the sentences of reference
    and draft. Of a missed statement `drafted` is the sentence that looks at its region best, of an invented one `asked`
    is the sentence whose region it looks at best; None where there is none. `instead` is what that sentence states or
    denies, None too where it names no observation. `quadrant` is None where attention is not judged.

    Of a drafted statement, `entropy` is its sentence's, and `look` its sentence's map over the region that the
    reference gives the observation: the statement's own, or of an invented one that of a denial or of another side.
    """

    study: int
    finding: Finding
    outcome: Outcome
    quadrant: Quadrant | None
    asked: int | None
    drafted: int | None
    instead: Finding | None = None
    entropy: float | None = None
    look: Look | None = None

    @property
    def right(self) -> bool:
        """Words and, where it is judged, attention."""
        return self.outcome is Outcome.FOUND and self.quadrant is not Quadrant.ATTENTION_WRONG


@dataclass(frozen=True, slots=True)
class _Answer:
    """A statement that the reference makes, or a healthy part that both speak of (`finding` None): the places of the
    two sentences."""

    asked: int
    drafted: int | None
    finding: Finding | None


def statements_of(index: int, study: EvaluationStudy, report: GroundedReport) -> Iterator[Statement]:
    """The statements of one study: the reference's by section, then the invented ones in the draft's order."""
    asked, drafted = study.sentences, report.sentences
    answers = [answer for section in Section for answer in _answers(section, asked, drafted)]
    answered = {answer.asked for answer in answers if answer.drafted is not None}
    at_work = {answer.drafted for answer in answers}
    unanswered = [place for place in range(len(asked)) if place not in answered]
    idle = [
        place
        for place, sentence in enumerate(drafted)
        if place not in at_work
        and (sentence.findings or sentence.anatomy)
        and (sentence.flagged or not sentence.withheld)
    ]
    invented = [[] if s.withheld else [finding for finding in s.findings if finding.positive] for s in drafted]

    for answer in answers:
        if answer.finding is None:
            continue
        if answer.drafted is None:
            statement = _missed(index, answer.finding, answer.asked, asked, idle, drafted)
        else:
            _take(answer.finding, invented[answer.drafted])
            statement = _found(index, answer.finding, answer.asked, asked, answer.drafted, drafted)
        if answer.finding.observation != NO_FINDING:
            yield statement
    for place, findings in enumerate(invented):
        for finding in findings:
            if finding.observation != NO_FINDING:
                yield _invented(index, finding, place, drafted, unanswered, asked)


def _found(study: int, finding: Finding, place: int, asked: Asked, answer: int, drafted: Drafted) -> Statement:
    region, sentence = asked[place].mask, drafted[answer]
    judged = quadrant(Outcome.FOUND, points_right(sentence.map, region) if _marked(region) else None)
    return Statement(
        study,
        finding,
        Outcome.FOUND,
        judged,
        place,
        answer,
        entropy=entropy(sentence.map, sentence.null_mass),
        look=_look(sentence, region),
    )


def _missed(study: int, finding: Finding, place: int, asked: Asked, idle: Places, drafted: Drafted) -> Statement:
    region = asked[place].mask
    looking = _best((p, drafted[p].map, region) for p in idle)
    judged = quadrant(Outcome.MISSED, looking is not None if _marked(region) else None)
    instead = None if looking is None else _said(drafted[looking].findings)
    return Statement(study, finding, Outcome.MISSED, judged, place, looking, instead)


def _invented(
    study: int, finding: Finding, place: int, drafted: Drafted, unanswered: Places, asked: Asked
) -> Statement:
    sentence = drafted[place]
    seen = _best((p, sentence.map, asked[p].mask) for p in unanswered)
    judged = quadrant(Outcome.INVENTED, seen is not None if any(_marked(s.mask) for s in asked) else None)
    return Statement(
        study,
        finding,
        Outcome.INVENTED,
        judged,
        seen,
        place,
        None if seen is None else _said(asked[seen].findings),
        entropy(sentence.map, sentence.null_mass),
        _look(sentence, _region_of(finding.observation, asked)),
    )


def _answers(section: Section, asked: Asked, drafted: Drafted) -> Iterator[_Answer]:
    """What a section's sentences say of each other."""
    ours = [place for place, sentence in enumerate(asked) if sentence.section is section]
    theirs = [place for place, s in enumerate(drafted) if s.section is section and not s.withheld]
    said = [drafted[place].findings for place in theirs]
    for match in match_statements([asked[place].findings for place in ours], said):
        yield _Answer(
            ours[match.reference], None if match.candidate is None else theirs[match.candidate], match.finding
        )
    for reference, candidate in match_anatomy([asked[place] for place in ours], [drafted[place] for place in theirs]):
        yield _Answer(ours[reference], theirs[candidate], None)


def _take(asked: Finding, drafted: list[Finding]) -> None:
    """Take out of a sentence's findings the one that answers what was asked."""
    alike = [finding for finding in drafted if finding.observation == asked.observation]
    drafted.remove(next((finding for finding in alike if finding.side is asked.side), alike[0]))


def _best(looks: Iterable[tuple[int, Map, Mask | None]]) -> int | None:
    """The place whose map points best at its region, of those that point right."""
    right = [
        (grounding_figures(grid_map, region)["miou"], -place)
        for place, grid_map, region in looks
        if region is not None and points_right(grid_map, region)
    ]
    return -max(right)[1] if right else None


def _region_of(observation: str, asked: Asked) -> Mask | None:
    """The region of the first sentence of the reference that speaks of an observation and has one."""
    spoken = (s for s in asked if any(finding.observation == observation for finding in s.findings))
    return next((sentence.mask for sentence in spoken if sentence.mask is not None), None)


def _said(findings: Sequence[Finding]) -> Finding | None:
    """What a sentence states, else what it denies."""
    return max(findings, key=lambda finding: finding.positive, default=None)


def _marked(region: Mask | None) -> bool:
    return region is not None and bool(region.any())


def _look(sentence: GroundedSentence, region: Mask | None) -> Look | None:
    return None if region is None else look(sentence.map, region)


def quadrant(outcome: Outcome, attention: bool | None) -> Quadrant | None:
    """Words and attention together; None where attention is not judged."""
    if attention is None:
        return None
    if outcome is Outcome.FOUND:
        return Quadrant.BOTH_RIGHT if attention else Quadrant.ATTENTION_WRONG
    return Quadrant.TEXT_WRONG if attention else Quadrant.BOTH_WRONG
