"""What became of a patient's abnormalities from one study to the next."""

from collections.abc import Sequence
from enum import StrEnum

from model.findings import Side, Zone
from pipelines.sources.phantom.abnormalities import Abnormality, Form, Size


class Course(StrEnum):
    """How an abnormality compares with the study before."""

    NEW = "new"
    UNCHANGED = "unchanged"
    INCREASED = "increased"
    DECREASED = "decreased"


def course_of(now: Abnormality, before: Sequence[Abnormality]) -> Course:
    """How `now` compares with what the study before showed of it."""
    then = next((a for a in before if _thing(a) == _thing(now)), None)
    if then is None:
        return Course.NEW
    step = tuple(Size).index(now.size) - tuple(Size).index(then.size)
    return Course.INCREASED if step > 0 else Course.DECREASED if step < 0 else Course.UNCHANGED


def gone(now: Sequence[Abnormality], before: Sequence[Abnormality]) -> tuple[Abnormality, ...]:
    """What the study before showed of observations and devices that this one shows nowhere."""
    there = {_kind(a) for a in now}
    return tuple(a for a in before if _kind(a) not in there)


def _kind(abnormality: Abnormality) -> str:
    """What there can be one of at a time: an observation, or a device of a form."""
    return abnormality.form or "" if abnormality.observation == "Support Devices" else abnormality.observation


def _thing(abnormality: Abnormality) -> tuple[str, Form | None, Side | None, Zone | None]:
    return abnormality.observation, abnormality.form, abnormality.side, abnormality.zone
