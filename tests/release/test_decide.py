"""Where a rollout goes, case by case, and what may never happen whatever the evidence."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from release.decide import abort, decide, hold, objections, resume, wanting
from release.evidence import Approval, Evidence, Outcome, Reading
from release.phases import Phase
from release.state import State, Transition
from tests.release.conftest import NOW, POLICY, hours

GOOD = Reading(5000, 0.0, -0.01, 0.005)
WORSE = Reading(5000, 0.04, 0.02, 0.06)
VAGUE = Reading(50, 0.01, -0.2, 0.25)
SHADOWED = State.begin("r1", "m2", "m1", POLICY, ["tom", "Ada <ada@example.org>"], NOW)


def evidence(now: datetime, **changes: Any) -> Evidence:
    known: dict[str, Any] = {"studies": 2000, "misses": GOOD, "faults": GOOD, "edit_rate": GOOD}
    return Evidence(**({"as_of": now, "policy_sha256": POLICY.sha256} | known | changes))


def approval(state: State, at: datetime, *reasons: str) -> Approval:
    return Approval("Jane Doe", state.request_sha256, at, reasons)


def go(state: State, now: datetime, **changes: Any) -> State:
    found = decide(state, evidence(now, **changes), POLICY, now)
    assert found is not None
    return found.after


def stays(state: State, now: datetime, **changes: Any) -> bool:
    return decide(state, evidence(now, **changes), POLICY, now) is None


def approved(state: State, now: datetime, **changes: Any) -> State:
    return go(state, now, approvals=(approval(state, now),), **changes)


def promoted_way() -> Iterator[State]:
    """The states of a rollout without an incident, in their order."""
    state, now = SHADOWED, NOW
    yield state
    while not state.phase.is_final:
        now += hours(48)
        state = approved(state, now) if state.phase.asks else go(state, now)
        yield state


WAY = list(promoted_way())
LIVE = [state for state in WAY if 0 < state.weight < 1]
OPEN = WAY[:-1]


def test_a_good_candidate_goes_from_shadow_to_all_traffic_with_two_approvals() -> None:
    assert [(state.phase, state.weight, state.revision) for state in WAY] == [
        (Phase.SHADOWING, 0, 1),
        (Phase.AWAITING_CANARY, 0, 2),
        (Phase.CANARY, 0.05, 3),
        (Phase.RAMPING, 0.5, 4),
        (Phase.RAMPING, 0.75, 5),
        (Phase.AWAITING_FULL, 0.75, 6),
        (Phase.PROMOTED, 1, 7),
    ]


@pytest.mark.parametrize("state", OPEN, ids=lambda state: f"{state.phase}-{state.step}")
@pytest.mark.parametrize("what", ["misses", "faults"])
def test_harm_takes_the_traffic_away_from_everywhere_and_asks_nobody(state: State, what: str) -> None:
    for obstacle in (
        {},
        {"policy_sha256": "0" * 64},
        {"as_of": NOW - hours(900)},
        {"newer": "m3"},
        {"unsigned": 0.9, "studies": 0},
    ):
        for now in (state.since + hours(1), state.since - hours(100)):
            found = decide(state, replace(evidence(now), **({what: WORSE} | obstacle)), POLICY, now)
            assert found is not None
            assert (found.after.phase, found.after.weight, found.by) == (Phase.ROLLED_BACK, 0, None)
            assert f"{what} rose by 0.0400" in found.reason
    held = hold(state, "Jane Doe", "a look at the gallery", state.since)
    assert held is not None
    assert go(held.after, state.since, **{what: WORSE}).phase is Phase.ROLLED_BACK


def test_worse_for_certain_by_less_than_the_margin_is_no_rollback_until_the_estimate_is_beyond_it() -> None:
    assert Reading(9, 0.008, 0.001, 0.02).judge(0.01) is Outcome.INCONCLUSIVE
    assert Reading(9, 0.012, 0.0, 0.02).judge(0.01) is Outcome.FAIL
    assert Reading(9, 0.02, -0.001, 0.05).judge(0.01) is Outcome.INCONCLUSIVE
    assert Reading(9, 0.002, 0.001, 0.01).judge(0.01) is Outcome.PASS
    assert Reading().judge(0.3) is Outcome.INCONCLUSIVE


def test_a_worse_edit_rate_is_judged_at_the_last_step_alone() -> None:
    first, last = LIVE[0], LIVE[2]
    assert stays(first, first.since, edit_rate=WORSE)
    assert "edit rate rose" in str(decide(last, evidence(last.since, edit_rate=WORSE), POLICY, last.since))
    assert stays(last, last.since + hours(48), edit_rate=VAGUE)


STAGES = [state for state in OPEN if not state.phase.asks]


@pytest.mark.parametrize("state", STAGES, ids=lambda state: f"{state.phase}-{state.step}")
@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ({"studies": 0}, "0 of "),
        ({"unsigned": 0.11}, "11% of the reports are unsigned"),
        ({"misses": VAGUE}, "misses: the upper bound 0.2500"),
        ({"misses": Reading()}, "misses: the upper bound 1.0000"),
        ({"policy_sha256": "0" * 64}, "the policy file is not what was promised"),
    ],
)
def test_one_thing_that_is_missing_keeps_it_there_and_in_the_end_a_person_is_asked(
    state: State, missing: dict[str, Any], said: str
) -> None:
    stage = POLICY.stage(state.step)
    now = state.since + hours(stage.minimum_hours)
    assert any(said in words for words in wanting(state, replace(evidence(now), **missing), POLICY, now))
    assert decide(state, replace(evidence(now), **missing), POLICY, now) is None
    late = state.since + hours(stage.maximum_hours)
    found = decide(state, replace(evidence(late), **missing), POLICY, late)
    assert found is not None
    assert (found.after.phase, found.after.weight, found.after.step) == (
        Phase.INCONCLUSIVE,
        state.weight,
        state.step,
    )
    assert said in found.reason


@pytest.mark.parametrize("state", STAGES, ids=lambda state: f"{state.phase}-{state.step}")
def test_time_and_count_are_both_asked_for(state: State) -> None:
    enough = state.since + hours(POLICY.stage(state.step).minimum_hours)
    assert stays(state, enough - timedelta(seconds=1), studies=10**6)
    assert stays(state, enough, studies=POLICY.stage(state.step).minimum_studies - 1)
    assert not stays(state, enough, studies=POLICY.stage(state.step).minimum_studies)


def test_a_shadow_that_answers_nothing_is_ended() -> None:
    dead = Reading(40, 1.0, 0.29, 1.0)
    assert go(SHADOWED, NOW + hours(1), studies=0, misses=Reading(), faults=dead).phase is Phase.ROLLED_BACK


def test_without_any_traffic_shadow_is_inconclusive_and_never_passed() -> None:
    late = NOW + hours(96)
    nothing = Evidence(late, POLICY.sha256)
    found = decide(SHADOWED, nothing, POLICY, late)
    assert found is not None
    assert found.after.phase is Phase.INCONCLUSIVE
    assert found.figures == {
        "studies": 0,
        "unsigned": 0,
        **{f"{name}.low": -1 for name in ("misses", "faults", "edit_rate")},
        **{f"{name}.high": 1 for name in ("misses", "faults", "edit_rate")},
    }


def test_a_clock_that_goes_back_leads_nowhere_and_takes_no_time_with_it() -> None:
    waiting = WAY[1]
    before = waiting.since - hours(5)
    assert stays(waiting, before, approvals=(approval(waiting, before),))
    assert stays(LIVE[0], LIVE[0].since - hours(500))
    ended = abort(LIVE[0], "Jane Doe", "enough", LIVE[0].since - hours(500))
    assert ended is not None
    assert ended.after.since == LIVE[0].since


@pytest.mark.parametrize("age", [hours(1.1), -hours(0.1)])
def test_evidence_that_is_old_or_of_the_future_moves_nothing(age: timedelta) -> None:
    for state in OPEN:
        now = state.since + hours(49)
        old = replace(evidence(now), as_of=now - age, approvals=(approval(state, now),))
        assert decide(state, old, POLICY, now) is None


@pytest.mark.parametrize("state", [s for s in OPEN if s.phase.asks], ids=lambda state: state.phase)
def test_only_an_approval_that_counts_moves_on_what_waits_for_one(state: State) -> None:
    now = state.since + hours(2)
    assert stays(state, now)
    assert stays(state, now, approvals=(approval(state, now, "it means reviewed, not approved"),))
    assert stays(state, now, approvals=(approval(state, now + hours(1)),))
    assert stays(state, now, approvals=(approval(state, state.since - hours(1)),))
    assert stays(state, now, approvals=(approval(state, now),), policy_sha256="0" * 64)
    refused = approval(state, now, "Tom trained it")
    found = decide(state, evidence(now, approvals=(refused, approval(state, now))), POLICY, now)
    assert found is not None
    assert found.by == "Jane Doe"
    assert found.after.weight > state.weight


def test_an_approval_counts_once_and_for_one_state() -> None:
    waiting, now = WAY[1], WAY[1].since
    signed = (approval(waiting, now),) * 2
    canary = go(waiting, now, approvals=signed)
    assert stays(canary, now, approvals=signed)
    full = WAY[5]
    assert stays(full, full.since, approvals=signed)
    assert objections(full, signed[0], full.since) == ("it was given for another state of the rollout",)


def test_a_hold_makes_an_earlier_approval_stale_and_stops_everything_but_harm() -> None:
    waiting, now = WAY[1], WAY[1].since
    early = approval(waiting, now)
    held = hold(waiting, "Jane Doe", "the list of cases is not ready", now)
    assert held is not None
    assert hold(held.after, "Jane Doe", "again", now) is None
    assert stays(held.after, now + hours(500), approvals=(approval(held.after, now),))
    resumed = resume(held.after, "Jane Doe", "it is", now)
    assert resumed is not None
    assert resume(resumed.after, "Jane Doe", "again", now) is None
    assert stays(resumed.after, now, approvals=(early,))
    assert approved(resumed.after, now).phase is Phase.CANARY


@pytest.mark.parametrize("state", [s for s in OPEN if s.phase.asks], ids=lambda state: state.phase)
def test_what_is_held_asks_nothing_and_asks_anew_when_the_hold_ends(state: State) -> None:
    held = hold(state, "Jane Doe", "a holiday", state.since)
    assert held is not None
    assert (state.asks, held.after.asks) == (True, False)
    late = state.since + hours(500)
    resumed = resume(held.after, "Jane Doe", "back", late)
    assert resumed is not None
    assert resumed.after.asks
    assert stays(resumed.after, late + hours(71.9))
    assert go(resumed.after, late + hours(72)).phase is Phase.ABORTED


def test_the_time_of_a_stage_goes_on_while_it_is_held() -> None:
    held = hold(LIVE[0], "Jane Doe", "a look at the gallery", LIVE[0].since + hours(1))
    assert held is not None
    resumed = resume(held.after, "Jane Doe", "looked", LIVE[0].since + hours(2))
    assert resumed is not None
    assert resumed.after.since == LIVE[0].since


def test_no_answer_is_no() -> None:
    full = WAY[5]
    assert stays(full, full.since + hours(71.9))
    ended = go(full, full.since + hours(72))
    assert (ended.phase, ended.weight) == (Phase.ABORTED, 0)


def test_a_newer_candidate_supersedes_where_the_policy_says_so_and_waits_elsewhere() -> None:
    assert go(SHADOWED, NOW, newer="m3").phase is Phase.SUPERSEDED
    held = hold(SHADOWED, "Jane Doe", "m2 first", NOW)
    assert held is not None
    assert stays(held.after, NOW, newer="m3")
    assert all(stays(state, state.since, newer="m3") for state in OPEN if state.phase is not Phase.SHADOWING)


@pytest.mark.parametrize(("step", "follows"), [(-1, Phase.CANARY), (0, Phase.RAMPING), (2, Phase.PROMOTED)])
def test_a_person_may_go_on_where_the_evidence_is_inconclusive(step: int, follows: Phase) -> None:
    stage = next(state for state in STAGES if state.step == step)
    late = stage.since + hours(POLICY.stage(step).maximum_hours)
    stuck = go(stage, late, misses=VAGUE)
    assert stays(stuck, late, misses=GOOD)
    assert approved(stuck, late, misses=VAGUE).phase is follows


def test_a_first_version_is_released_by_signature_alone() -> None:
    first = State.begin("r0", "m1", None, POLICY, [], NOW)
    nothing = Evidence(NOW, POLICY.sha256)
    assert (first.phase, first.weight) == (Phase.AWAITING_FULL, 0)
    assert decide(first, nothing, POLICY, NOW) is None
    found = decide(first, replace(nothing, approvals=(approval(first, NOW),)), POLICY, NOW)
    assert found is not None
    assert (found.after.phase, found.after.weight) == (Phase.PROMOTED, 1)


@pytest.mark.parametrize(
    "state", [WAY[-1], *(replace(SHADOWED, phase=p) for p in Phase if p.is_final and p != "promoted")]
)
def test_what_has_ended_stays_so(state: State) -> None:
    assert stays(state, NOW + hours(1000), misses=WORSE, newer="m3", approvals=(approval(state, NOW),))
    assert abort(state, "a", "b", NOW) is hold(state, "a", "b", NOW) is resume(state, "a", "b", NOW) is None


def test_another_policy_than_the_promised_one_decides_nothing() -> None:
    other = POLICY.model_copy(update={"answer_hours": 1.0})
    with pytest.raises(ValueError, match="begun under policy"):
        decide(SHADOWED, evidence(NOW), other, NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"weight": 0.1},
        {"phase": Phase.PROMOTED},
        {"phase": Phase.CANARY, "weight": 1.0},
        {"phase": Phase.RAMPING, "weight": -0.1},
    ],
)
def test_a_state_that_cannot_be_is_not_built(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="phase"):
        replace(SHADOWED, **changes)


def test_a_state_is_read_back_as_it_was_written() -> None:
    odd = (NOW + timedelta(microseconds=123457)).astimezone(timezone(hours(-5)))
    for state in (*WAY, replace(SHADOWED, since=odd, started_at=odd)):
        assert State.of_row(state.row()) == state


bounds = st.floats(-1, 1)


@dataclass
class World:
    """What a tick may meet."""

    later: float
    misses: tuple[float, float, float]
    faults: tuple[float, float, float]
    studies: int
    unsigned: float
    approve: bool
    newer: bool
    changed: bool
    person: str


worlds = st.builds(
    World,
    later=st.sampled_from([-50, 0, 24, 48, 96, 300]),
    misses=st.tuples(bounds, bounds, bounds) | st.just((0.0, -0.01, 0.004)),
    faults=st.just((0.0, -0.01, 0.004)),
    studies=st.sampled_from([0, 5000]),
    unsigned=st.sampled_from([0.0, 0.0, 0.5]),
    approve=st.booleans(),
    newer=st.sampled_from([False, False, False, True]),
    changed=st.sampled_from([False, False, True]),
    person=st.sampled_from(["", "", "", "", "hold", "resume", "abort"]),
)


def next_transition(state: State, now: datetime, world: World) -> Transition | None:
    if world.person:
        return {"hold": hold, "resume": resume, "abort": abort}[world.person](state, "Jane Doe", "so", now)
    (m, m_low, m_high), (f, f_low, f_high) = world.misses, world.faults
    found = evidence(
        now,
        studies=world.studies,
        unsigned=world.unsigned,
        misses=Reading(10, m, min(m_low, m_high), max(m_low, m_high)),
        faults=Reading(10, f, f_low, f_high),
        approvals=(approval(state, max(now, state.since)),) if world.approve else (),
        newer="m3" if world.newer else None,
    )
    return decide(state, replace(found, policy_sha256="0" * 64) if world.changed else found, POLICY, now)


@settings(max_examples=100)
@given(st.lists(worlds, max_size=20))
def test_whatever_happens_traffic_rises_only_step_by_step_on_evidence_or_by_approval(course: list[World]) -> None:
    state, now = SHADOWED, NOW
    for world in course:
        now += hours(world.later)
        found = next_transition(state, now, world)
        if found is None:
            continue
        before, after = found.before, found.after
        assert before == state
        assert after.since >= before.since
        assert not before.phase.is_final
        if after.weight > before.weight:
            assert not world.changed
            assert not before.held_by
            assert before.phase.asks <= world.approve
            assert after.step == before.step + 1 or after.phase is Phase.PROMOTED
            assert found.by == "Jane Doe" or (before.step >= 0 and world.studies and not world.unsigned)
            assert found.by == "Jane Doe" or max(world.misses[1:]) <= POLICY.steps[before.step].misses_margin
            assert after.phase not in {Phase.CANARY, Phase.PROMOTED} or found.by == "Jane Doe"
        if after.phase in {Phase.ROLLED_BACK, Phase.ABORTED, Phase.SUPERSEDED}:
            assert after.weight == 0
        state = after
