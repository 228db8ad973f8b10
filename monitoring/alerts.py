"""Who is told what: an alarm once, again after a while, and that it is over.

Pure: what is open stands with the caller.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from monitoring.columns import Family
from monitoring.judge import Alarm
from monitoring.policy import Policy


class Kind(StrEnum):
    RAISED = "raised"
    REMINDER = "reminder"
    RECOVERED = "recovered"


@dataclass(frozen=True, slots=True)
class Open:
    """An alarm that somebody was told of and that goes on."""

    alarm: Alarm
    since: datetime
    told_at: datetime


@dataclass(frozen=True, slots=True)
class Notice:
    """What is sent. `key` and `since` are the same for all notices of one alarm."""

    kind: Kind
    key: str
    family: Family
    text: str
    since: datetime
    at: datetime


def notices(
    before: Mapping[str, Open], alarms: Sequence[Alarm], now: datetime, policy: Policy
) -> tuple[tuple[Notice, ...], dict[str, Open]]:
    """What is to be sent now, and what is open from here on. A snapshot that is older than what was told last changes
    nothing: it comes from a clock that went back, or from a run that was repeated."""
    if any(was.told_at > now for was in before.values()):
        return (), dict(before)
    sent, after = [], {}
    for alarm in alarms:
        was = before.get(alarm.key)
        if was is None:
            after[alarm.key] = Open(alarm, now, now)
            sent.append(_notice(Kind.RAISED, after[alarm.key], now))
        elif now - was.told_at >= timedelta(hours=policy.remind_hours):
            after[alarm.key] = Open(alarm, was.since, now)
            sent.append(_notice(Kind.REMINDER, after[alarm.key], now))
        else:
            after[alarm.key] = Open(alarm, was.since, was.told_at)
    over = [was for key, was in before.items() if key not in after]
    return (*sent, *(_notice(Kind.RECOVERED, was, now) for was in over)), after


def retraining_reason(
    alarms: Sequence[Alarm], last_retraining: datetime | None, now: datetime, policy: Policy
) -> str | None:
    """Why a retraining is due, in words; None where nothing asks for one, or the last one began too lately."""
    asking = [alarm.text for alarm in alarms if alarm.family in policy.retraining.families]
    cooling = timedelta(hours=policy.retraining.cool_down_hours)
    if not asking or (last_retraining is not None and now - last_retraining < cooling):
        return None
    return "; ".join(asking)


def _notice(kind: Kind, told: Open, now: datetime) -> Notice:
    return Notice(kind, told.alarm.key, told.alarm.family, told.alarm.text, told.since, now)
