"""The policy: what a model must show before it may be registered, written down before it is trained."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from model.errors import BadInput
from pipelines.strict import read_policy
from records.strict import Strict

POLICY = Path("policy/gate.yaml")
CHAMPION = "champion."
"""Figures under this prefix are those of the model that is served now."""
STANDS = "the policy stands"
"""The criterion that no policy states: that it is the one which stood when training started."""

Finite = Annotated[float, Field(allow_inf_nan=False)]
Line = Annotated[str, Field(min_length=1)]


class Withhold(StrEnum):
    """What a surfaced report leaves out. Denials and normal statements are never withheld."""

    UNGROUNDED_POSITIVE = "ungrounded_positive"
    NOTHING = "nothing"


class Promise(Strict):
    """A figure lies strictly above, or strictly below, something."""

    name: Line
    figure: Line
    above: Finite | Line | None = None
    below: Finite | Line | None = None
    because: Line

    @model_validator(mode="after")
    def _has_one_side(self) -> Self:
        if (self.above is None) == (self.below is None):
            raise ValueError(f"criterion {self.name!r} says either above or below")
        return self

    @property
    def rule(self) -> str:
        return "<" if self.above is None else ">"

    @property
    def against(self) -> float | str:
        return next(side for side in (self.above, self.below) if side is not None)


class Criterion(Promise):
    """A promise on the whole test split, against a number or another figure of the same studies.

    From another figure it keeps `margin`, in the direction of the promise; a margin below 0 is a loss that is
    tolerated, as in a trial of non-inferiority. `unmeasured` says in words why the figure may have no value.
    """

    margin: Finite = 0.0
    unmeasured: Line | None = None

    @model_validator(mode="after")
    def _keeps_its_margin_from_a_figure(self) -> Self:
        if self.margin and self.baseline is None:
            raise ValueError(f"criterion {self.name!r} has a margin, which is kept from another figure, not a number")
        return self

    @property
    def baseline(self) -> str | None:
        """The name of the other figure; None where the promise names a number."""
        return self.against if isinstance(self.against, str) else None

    @property
    def bound(self) -> float:
        """What the figure, or its difference from the other figure, must exceed or stay below."""
        if isinstance(self.against, float):
            return self.against
        return -self.margin if self.rule == "<" else self.margin


class SubgroupCriterion(Promise):
    """A promise on every subgroup of the test split that is large enough, against a number."""

    above: Finite | None = None
    below: Finite | None = None

    @property
    def bound(self) -> float:
        return float(self.against)


class Policy(Strict):
    """What is promised before a run. A policy without a criterion would pass anything, and is none."""

    withhold: Withhold = Withhold.UNGROUNDED_POSITIVE
    least_patients: int = Field(default=30, ge=2)
    criteria: tuple[Criterion, ...] = Field(min_length=1)
    subgroups: tuple[SubgroupCriterion, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all criteria that a verdict has, in its order."""
        return (STANDS, *(criterion.name for criterion in (*self.criteria, *self.subgroups)))


def load_policy(path: Path) -> Policy:
    """Read and check a policy.

    Raises:
        BadInput: no such file, an unknown or missing key, a name used twice, or no criterion at all.
    """
    policy = read_policy(path, Policy, "the gate needs a policy file")
    if twice := next((name for name in policy.names if policy.names.count(name) > 1), None):
        raise BadInput(f"policy {path} criterion {twice!r}", "a name stands for one criterion", "rename one of the two")
    return policy
