"""A person is told once, reminded, and told that it is over; a retraining is asked for once."""

from datetime import timedelta

from monitoring.alerts import Kind, Open, notices, retraining_reason
from monitoring.columns import Family
from monitoring.judge import Alarm
from tests.monitoring.conftest import BEGAN, POLICY

NOISE = Alarm("distance:image.noise", Family.DATA, "image.noise is 0.2 from the reference")
SLOW = Alarm("operations:p99", Family.OPERATIONS, "slow")
HOUR = timedelta(hours=1)


def kinds(before: dict[str, Open], alarms: list[Alarm], hours: float) -> tuple[list[Kind], dict[str, Open]]:
    sent, after = notices(before, alarms, BEGAN + hours * HOUR, POLICY)
    return [notice.kind for notice in sent], after


def test_an_alarm_is_told_once_then_daily_then_that_it_is_over() -> None:
    told, state = kinds({}, [NOISE], 0)
    assert told == [Kind.RAISED]
    told, state = kinds(state, [NOISE], 1)
    assert told == []
    told, state = kinds(state, [NOISE, SLOW], 24)
    assert told == [Kind.REMINDER, Kind.RAISED]
    told, state = kinds(state, [NOISE], 25)
    assert told == [Kind.RECOVERED]
    assert state[NOISE.key].since == BEGAN
    assert kinds(state, [], 26) == ([Kind.RECOVERED], {})


def test_an_alarm_whose_figures_change_is_the_same_alarm() -> None:
    _, state = kinds({}, [NOISE], 0)
    told, state = kinds(state, [Alarm(NOISE.key, NOISE.family, "0.3 now")], 2)
    assert told == []
    assert state[NOISE.key].alarm.text == "0.3 now"


def test_a_clock_that_goes_back_tells_nothing_and_forgets_nothing() -> None:
    _, state = kinds({}, [NOISE], 5)
    assert kinds(state, [], 4) == ([], state)


def test_confirmed_drift_asks_for_one_retraining_in_a_week() -> None:
    def reason(alarms: list[Alarm], hours_since: float | None) -> str | None:
        last = None if hours_since is None else BEGAN - hours_since * HOUR
        return retraining_reason(alarms, last, BEGAN, POLICY)

    assert reason([NOISE, SLOW], None) == NOISE.text
    assert reason([NOISE], 167) is None
    assert reason([NOISE], 168) == NOISE.text
    assert reason([SLOW], None) is None
    assert reason([], None) is None
