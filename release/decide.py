"""The one decision of a rollout: where it goes from here, if anywhere. Pure; the clock is an argument.

Harm comes first and asks nobody: neither the clock, nor a hold, nor a changed policy file keeps a harmful candidate in
traffic. Everything that leads forward asks for minimum time, minimum count, signed reports and bounds together; before
the first traffic and before all of it, also for a person. What did not get there in its time is inconclusive, and a
person decides.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from release.evidence import Approval, Evidence, Outcome
from release.phases import Phase
from release.policy import Policy
from release.state import SHADOW, State, Transition, move


def decide(state: State, evidence: Evidence, policy: Policy, now: datetime) -> Transition | None:
    """The transition that is due, None where there is none.

    Args:
        policy: the one that was promised when the rollout began, whatever its file says now.

    Raises:
        ValueError: it is another one.
    """
    if policy.sha256 != state.policy_sha256:
        raise ValueError(f"rollout {state.id} was begun under policy {state.policy_sha256}, not {policy.sha256}")
    decided = None if state.phase.is_final else _decide(state, evidence, policy, now)
    return replace(decided, figures=evidence.figures()) if decided else None


def _decide(state: State, evidence: Evidence, policy: Policy, now: datetime) -> Transition | None:
    if harm := harms(state, evidence, policy):
        return move(state, now, "; ".join(harm), phase=Phase.ROLLED_BACK, weight=0.0)
    if state.held_by:
        return None
    if evidence.newer and state.phase in policy.superseded_in:
        return move(state, now, f"{evidence.newer} is newer", phase=Phase.SUPERSEDED, weight=0.0)
    return _asked(state, evidence, policy, now) if state.asks else _measured(state, evidence, policy, now)


def _measured(state: State, evidence: Evidence, policy: Policy, now: datetime) -> Transition | None:
    """From shadow or a step of the traffic, by evidence."""
    stage = policy.stage(state.step)
    missing = wanting(state, evidence, policy, now)
    if not missing:
        return _forward(state, policy, now)
    if _hours(state, now) >= stage.maximum_hours:
        reason = f"after {stage.maximum_hours:g} h: {'; '.join(missing)}"
        return move(state, now, reason, phase=Phase.INCONCLUSIVE)
    return None


def _forward(state: State, policy: Policy, now: datetime) -> Transition:
    passed = "shadow" if state.step == SHADOW else f"the step at {state.weight:g}"
    reason = f"{passed} held in time, count and bounds"
    if state.step == SHADOW:
        return move(state, now, reason, phase=Phase.AWAITING_CANARY)
    if state.step == len(policy.steps) - 1:
        return move(state, now, reason, phase=Phase.AWAITING_FULL)
    return _step(state, policy, now, reason)


def _asked(state: State, evidence: Evidence, policy: Policy, now: datetime) -> Transition | None:
    """From where a person is asked, by an approval; without an answer there is an end."""
    approval = next((a for a in evidence.approvals if not objections(state, a, now)), None)
    if approval and not unfit(state, evidence, policy, now):
        reason = f"approved by {approval.by}"
        if state.champion is None or state.step == len(policy.steps) - 1:
            return move(state, now, reason, by=approval.by, phase=Phase.PROMOTED, weight=1.0)
        return _step(state, policy, now, reason, by=approval.by)
    if _hours(state, now) >= policy.answer_hours:
        return move(state, now, f"no answer in {policy.answer_hours:g} h is no", phase=Phase.ABORTED, weight=0.0)
    return None


def _step(state: State, policy: Policy, now: datetime, reason: str, by: str | None = None) -> Transition:
    step = state.step + 1
    phase = Phase.CANARY if step == 0 else Phase.RAMPING
    return move(state, now, reason, by=by, phase=phase, step=step, weight=policy.steps[step].weight)


def harms(state: State, evidence: Evidence, policy: Policy) -> list[str]:
    """Why the candidate must go, in words; empty where nothing shows that it harms."""
    judged = {"misses": (evidence.misses, policy.misses.margin), "faults": (evidence.faults, policy.faults.margin)}
    if state.step == len(policy.steps) - 1:
        judged["edit rate"] = (evidence.edit_rate, policy.edit_rate.margin)
    return [
        f"{name} rose by {reading.estimate:.4f}, for certain by more than {reading.low:.4f}; the margin is {margin:g}"
        for name, (reading, margin) in judged.items()
        if reading.judge(margin) is Outcome.FAIL
    ]


def wanting(state: State, evidence: Evidence, policy: Policy, now: datetime) -> list[str]:
    """What keeps the present stage from the next, in words."""
    stage, hours = policy.stage(state.step), _hours(state, now)
    found = unfit(state, evidence, policy, now)
    if hours < stage.minimum_hours:
        found.append(f"{max(hours, 0):.1f} of {stage.minimum_hours:g} h")
    if evidence.studies < stage.minimum_studies:
        found.append(f"{evidence.studies} of {stage.minimum_studies} studies")
    if evidence.unsigned > policy.maximum_unsigned:
        share = f"{evidence.unsigned:.0%} of the reports are unsigned or not compared"
        found.append(f"{share}, more than {policy.maximum_unsigned:.0%}")
    bounds = [("misses", evidence.misses, stage.misses_margin)]
    if state.step == SHADOW:
        bounds.append(("faults", evidence.faults, policy.faults.margin))
    if state.step == len(policy.steps) - 1:
        bounds.append(("edit rate", evidence.edit_rate, policy.edit_rate.margin))
    for name, reading, margin in bounds:
        if reading.high > margin:
            found.append(f"{name}: the upper bound {reading.high:.4f} is not below {margin:g}")
    return found


def unfit(state: State, evidence: Evidence, policy: Policy, now: datetime) -> list[str]:
    """Why nothing may lead forward now, whatever the figures say."""
    found = []
    if now < state.since:
        found.append(f"the clock went back: it was {state.since.isoformat(timespec='seconds')} before")
    if not timedelta() <= now - evidence.as_of <= timedelta(hours=policy.stale_hours):
        found.append(f"the evidence is of {evidence.as_of.isoformat(timespec='seconds')}")
    if evidence.policy_sha256 != state.policy_sha256:
        found.append("the policy file is not what was promised any more")
    return found


def objections(state: State, approval: Approval, now: datetime) -> tuple[str, ...]:
    """Why an approval does not count; empty where it does."""
    found = list(approval.reasons)
    if approval.request_sha256 != state.request_sha256:
        found.append("it was given for another state of the rollout")
    elif not state.since - timedelta(seconds=1) <= approval.signed_at <= now:  # signatures show whole seconds
        found.append("it was not given while it was asked for")
    return tuple(found)


def hold(state: State, by: str, why: str, now: datetime) -> Transition | None:
    """Keep the rollout where it is until `resume`: no newer model, no clock and no approval moves it, and harm still
    ends it. None where it is held or has ended."""
    return None if state.held_by or state.phase.is_final else move(state, now, why, by=by, held_by=by)


def resume(state: State, by: str, why: str, now: datetime) -> Transition | None:
    """End a hold; what was asked before it is asked anew, with the whole time to answer. None where there is none."""
    if not state.held_by or state.phase.is_final:
        return None
    asked = {"phase": state.phase} if state.phase.asks else {}
    return move(state, now, why, by=by, held_by=None, **asked)


def abort(state: State, by: str, why: str, now: datetime) -> Transition | None:
    """Take the candidate out of traffic. None where the rollout has ended."""
    return None if state.phase.is_final else move(state, now, why, by=by, phase=Phase.ABORTED, weight=0.0)


def _hours(state: State, now: datetime) -> float:
    return (now - state.since) / timedelta(hours=1)
