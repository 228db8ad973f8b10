"""What a policy can decide at a hospital's volume, and how soon, before anybody believes in it."""

from dataclasses import dataclass, replace

from release.evidence import Outcome
from release.policy import Policy, Stage, Step
from release.simulate import Course, Hospital, shadow, traffic

WORSE_BY = (0.01, 0.02, 0.04)  # of all studies


@dataclass(frozen=True, slots=True)
class StagePlan:
    """A stage as a candidate that is no worse meets it. `counted_hours` is when its minimum count is expected; `passed`
    the share that gets through it by evidence alone, of all that began the rollout's shadow, or its first step."""

    name: str
    stage: Stage
    counted_hours: float
    passed: float

    @property
    def can_decide(self) -> bool:
        return self.counted_hours < self.stage.maximum_hours


@dataclass(frozen=True, slots=True)
class HarmPlan:
    """A candidate that misses a finding in so much more of all studies, in shadow or only where its drafts are seen."""

    worse_by: float
    stopped_in_shadow: float
    stopped_in_traffic: float
    passed_traffic: float
    exposed: float  # studies that it drafts before its traffic ends, mean


@dataclass(frozen=True, slots=True)
class Plan:
    """Shadow and the steps, how long the way to the question for full traffic is, and what is found on it."""

    stages: tuple[StagePlan, ...]
    median_days: float | None  # of those that get there by evidence alone, first step to last
    harms: tuple[HarmPlan, ...]


def plan(policy: Policy, hospital: Hospital, runs: int) -> Plan:
    """Simulate `runs` rollouts for each line.

    Args:
        hospital: its candidate is no worse than its champion.
    """
    first, then = shadow(policy, hospital, runs), traffic(policy, hospital, runs)
    passed = then.outcome == Outcome.PASS
    steps = tuple(
        StagePlan(f"step {number + 1}", step, _counted(policy, step, hospital), _beyond(then, number))
        for number, step in enumerate(policy.steps)
    )
    in_shadow = StagePlan("shadow", policy.shadow, _counted(policy, policy.shadow, hospital), first.share(Outcome.PASS))
    median = float(sorted(then.hours[passed])[passed.sum() // 2]) / 24 if passed.any() else None
    return Plan((in_shadow, *steps), median, tuple(_harm(policy, hospital, worse_by, runs) for worse_by in WORSE_BY))


def _harm(policy: Policy, hospital: Hospital, worse_by: float, runs: int) -> HarmPlan:
    worse = replace(hospital, candidate=hospital.champion + worse_by)
    seen = traffic(policy, worse, runs)
    return HarmPlan(
        worse_by,
        shadow(policy, worse, runs).share(Outcome.FAIL),
        seen.share(Outcome.FAIL),
        seen.share(Outcome.PASS),
        float(seen.exposed.mean()),
    )


def _beyond(course: Course, step: int) -> float:
    return float(((course.step > step) | (course.outcome == Outcome.PASS)).mean())


def _counted(policy: Policy, stage: Stage, hospital: Hospital) -> float:
    share = stage.weight if isinstance(stage, Step) else 1.0
    return policy.label_lag_hours + 24 * stage.minimum_studies / (share * hospital.studies_per_day)
