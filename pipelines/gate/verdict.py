"""The verdict: what was decided, criterion by criterion, and all that it rests on."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from model.errors import BadInput

VERDICT = Path("verdict.json")


class Outcome(StrEnum):
    """What an interval says of a bound: it lies on the right side, on the wrong side, or holds the bound."""

    PASS = "PASS"  # noqa: S105
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True)
class Waived:
    """Who answers for a criterion that is not met, why, and until which day (ISO 8601)."""

    by: str
    reason: str
    expires: str


@dataclass(frozen=True, slots=True)
class Group:
    """A subgroup that did not pass. `value`, `low` and `high` are None where it was too small to be measured."""

    attribute: str
    group: str
    outcome: Outcome
    n_patients: int
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Judged:
    """One criterion with what was found.

    Attributes:
        value, low, high: the figure with its 95 % interval, None where it is unknown. Where a `baseline` is named, all
            three are of the paired difference: the figure less the baseline on the same studies.
        bound: what the interval must lie above (`rule` >) or below (<); None where there is nothing to compare.
        groups: of a criterion on subgroups those that did not pass; None of any other.
    """

    name: str
    figure: str
    outcome: Outcome
    value: float | None
    low: float | None
    high: float | None
    rule: str
    bound: float | None
    baseline: str | None
    margin: float
    reason: str
    because: str
    waiver: Waived | None = None
    groups: tuple[Group, ...] | None = None

    @property
    def blocks(self) -> bool:
        """Whether it keeps the model from being registered."""
        undecided = self.outcome is Outcome.INCONCLUSIVE and self.groups is None
        return self.waiver is None and (undecided or self.outcome is Outcome.FAIL)

    @property
    def needs_signature(self) -> bool:
        """Whether somebody has to answer for it: it is waived, or cannot be decided in a subgroup."""
        undecided = self.outcome is Outcome.INCONCLUSIVE and self.groups is not None
        return self.waiver is not None or undecided


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The frozen test split; this is use number `uses` of it, counting each model once."""

    name: str
    uses: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision and all that it rests on.

    Attributes:
        outcome: FAIL where a criterion failed, else INCONCLUSIVE where one cannot be decided, subgroups and waived
            criteria left aside; else PASS.
        needs_signature: the names of the criteria that somebody has to answer for.
        deviations: what was done otherwise than promised.
    """

    outcome: Outcome
    passed: bool
    criteria: tuple[Judged, ...]
    needs_signature: tuple[str, ...]
    deviations: tuple[str, ...]
    test_set: HeldOut
    policy: str
    policy_sha256: str | None
    data_md5: str | None
    model_sha256: str

    def __post_init__(self) -> None:
        said = (self.outcome, self.passed, self.needs_signature)
        if not self.criteria or said != conclusion(self.criteria):
            raise ValueError("a verdict says what its criteria say, and has at least one")

    @property
    def blocking(self) -> tuple[Judged, ...]:
        return tuple(c for c in self.criteria if c.blocks)


def conclusion(criteria: tuple[Judged, ...]) -> tuple[Outcome, bool, tuple[str, ...]]:
    """What follows from the criteria: the outcome, whether the model passed, and what needs a signature."""
    blocking = {c.outcome for c in criteria if c.blocks}
    outcome = next((o for o in (Outcome.FAIL, Outcome.INCONCLUSIVE) if o in blocking), Outcome.PASS)
    return outcome, outcome is Outcome.PASS, tuple(c.name for c in criteria if c.needs_signature)


def refusals(verdict: Verdict, today: date) -> list[str]:
    """Why the model may not be registered today, one line a criterion; none where it may.

    A waiver ends with its last day, also one that counted when the verdict was reached.
    """
    reasons = [f"{c.name}: {c.outcome}: {c.reason}" for c in verdict.blocking]
    waivers = {c.name: c.waiver for c in verdict.criteria if c.waiver is not None and c.outcome is not Outcome.PASS}
    return reasons + [
        f"{name}: its waiver by {waiver.by} expired on {waiver.expires}"
        for name, waiver in waivers.items()
        if date.fromisoformat(waiver.expires) < today
    ]


def load_verdict(path: Path = VERDICT) -> Verdict:
    """Read a verdict back.

    Raises:
        BadInput: no such file, or one that no gate wrote (a pass with a failed criterion, a missing field).
    """
    if not path.is_file():
        raise BadInput(f"verdict {path}", "there is no verdict yet", "run `radassist gate` first")
    try:
        return TypeAdapter(Verdict).validate_json(path.read_bytes(), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadInput(f"verdict {path} {where}", first["msg"], "run `radassist gate` again") from error
