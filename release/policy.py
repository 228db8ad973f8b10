"""What is promised before a rollout: its steps, its margins, and how much error it allows. Hashed into the rollout."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from records.promise import Promise
from records.strict import Strict
from release.phases import Phase

Share = Annotated[float, Field(gt=0, lt=1)]
Margin = Annotated[float, Field(gt=0, le=0.3)]  # the confidence sequences reach as far
Hours = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


class Stage(Strict):
    """What shadow, or a step of the traffic, asks before the next: minimum time and minimum count, and the upper bound
    of the difference in misses below `misses_margin`. What has not got there after `maximum_hours` is inconclusive."""

    minimum_hours: Hours
    maximum_hours: Hours
    minimum_studies: Count  # of the candidate, in this stage, whose signed report is known
    misses_margin: Margin

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.maximum_hours <= self.minimum_hours:
            raise ValueError(f"maximum_hours {self.maximum_hours:g} must be more than minimum_hours")
        return self


class Step(Stage):
    """`weight`: the share of studies whose report the candidate drafts."""

    weight: Share


class Guardrail(Strict):
    """A rate that must not rise by more than `margin` (1 = all studies). Each alpha is one-sided and holds at every
    look together."""

    margin: Margin
    shadow_stop_alpha: Share  # the risk that shadow stops a candidate that is no worse
    canary_stop_alpha: Share
    pass_alpha: Share  # the risk that one that is worse by a stage's margin passes that stage

    @property
    def stop_alpha(self) -> float:
        return self.shadow_stop_alpha + self.canary_stop_alpha


class Primary(Strict):
    """A mean that must not rise by more than `margin`, judged in the last step alone."""

    margin: Margin
    stop_alpha: Share
    pass_alpha: Share


class Policy(Promise):
    """The whole promise."""

    demo: bool = False  # shown as DEMO everywhere; signatures of DEMO identities count
    alpha: Share  # of all stops together: the risk that a candidate that is no worse is stopped
    misses: Guardrail  # a study counts 1 where the draft lacks a finding of the signed report, or has its side wrong
    faults: Guardrail  # a study counts 1 where there was no draft, or it came later than `slow_seconds`
    edit_rate: Primary  # words changed over words signed, at most 1
    slow_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    label_lag_hours: Hours  # a study counts this long after its arrival: with its signed report, or as unsigned
    maximum_unsigned: Share  # of either arm's studies
    stale_hours: Hours  # evidence that was read longer ago moves nothing forward
    answer_hours: Hours  # no answer for so long is no
    shadow: Stage
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]
    superseded_in: tuple[Phase, ...]  # a newer candidate ends the rollout in these phases, and waits in the others

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        weights = [step.weight for step in self.steps]
        if sorted(set(weights)) != weights:
            raise ValueError(f"the steps' weights {weights} must rise")
        if sum(judged.stop_alpha for judged in (self.misses, self.faults, self.edit_rate)) > self.alpha + 1e-12:
            raise ValueError(f"the stop alphas add up to more than alpha {self.alpha:g}")
        if self.steps[-1].misses_margin > self.misses.margin or self.shadow.misses_margin > self.misses.margin:
            raise ValueError(f"shadow and the last step must show the margin that is promised, {self.misses.margin:g}")
        if final := [phase.value for phase in self.superseded_in if phase.is_final]:
            raise ValueError(f"superseded_in names {final}, where a rollout has ended")
        return self

    def stage(self, step: int) -> Stage:
        """Shadow is step -1."""
        return self.shadow if step < 0 else self.steps[step]
