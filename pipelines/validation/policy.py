"""policy/data.yaml, typed: the expectations of Great Expectations that a set is held against, with severity and reason.

Five kinds of expectation, all of them about the values of one column, so that their results are counts and shares: an
expectation that answers with the values that it saw would put patients on the page.
"""

from abc import abstractmethod
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from model.errors import BadInput
from pipelines.strict import read_policy
from pipelines.validation.schema import TABLES
from records.strict import Strict


class Severity(StrEnum):
    """What a broken expectation does: stop the run, or stand in the validation report."""

    CRITICAL = "critical"
    WARNING = "warning"


class _Expectation(Strict):
    """One expectation. Values that are null are passed over; of the others a share of `mostly` must be as expected.

    `expect` is the name of the expectation in Great Expectations without its leading "expect_"; the fields of `GIVEN`
    are its arguments.
    """

    GIVEN: ClassVar[tuple[str, ...]] = ()

    name: str = Field(min_length=1)
    table: str
    column: str
    mostly: float = Field(default=1.0, gt=0, le=1)
    severity: Severity
    because: str = Field(min_length=1)
    unmeasured: str = "no value to hold against it"

    @property
    def arguments(self) -> dict[str, Any]:
        """What Great Expectations is told beside column and severity."""
        return {name: getattr(self, name) for name in self.GIVEN}

    @property
    @abstractmethod
    def rule(self) -> str:
        """What is expected of a value, in words that go on from the column's name."""


class Known(_Expectation):
    """No value is missing."""

    GIVEN = ("mostly",)
    expect: Literal["column_values_to_not_be_null"]

    @property
    def rule(self) -> str:
        return "is known"


class Unique(_Expectation):
    """No value stands twice."""

    GIVEN = ("mostly",)
    expect: Literal["column_values_to_be_unique"]

    @property
    def rule(self) -> str:
        return "is unique"


class OneOf(_Expectation):
    """A value is one of `value_set`."""

    GIVEN = ("mostly", "value_set")
    expect: Literal["column_values_to_be_in_set"]
    value_set: tuple[str, ...] = Field(min_length=1)

    @property
    def rule(self) -> str:
        return f"is {'' if len(self.value_set) == 1 else 'one of '}{', '.join(self.value_set)}"


class Between(_Expectation):
    """A number lies between the bounds, which are within."""

    GIVEN = ("mostly", "min_value", "max_value")
    expect: Literal["column_values_to_be_between"]
    min_value: float | None = Field(default=None, allow_inf_nan=False)
    max_value: float | None = Field(default=None, allow_inf_nan=False)

    @property
    def rule(self) -> str:
        match self.min_value, self.max_value:
            case None, None:
                return "is any number"
            case low, None:
                return f"is at least {low:,g}"
            case None, high:
                return f"is at most {high:,g}"
            case low, high:
                return f"is {low:,g}" if low == high else f"is from {low:,g} to {high:,g}"


class Matching(_Expectation):
    """A text matches a regular expression from its beginning."""

    GIVEN = ("mostly", "regex")
    expect: Literal["column_values_to_match_regex"]
    regex: str = Field(min_length=1)

    @property
    def rule(self) -> str:
        return f"matches {self.regex}"


Expectation = Known | Unique | OneOf | Between | Matching


class Chance(Strict):
    """What is put down to chance.

    Args:
        z: a change of prevalence whose two-proportion z is no larger counts as none; intervals reach as far.
        positives: an observation with fewer, in the labels and in the reports, has no measured agreement.
    """

    z: float = Field(gt=0)
    positives: int = Field(ge=1)


class DataPolicy(Strict):
    """What is promised of the data before a run, by what it is about."""

    chance: Chance
    expectations: dict[str, tuple[Annotated[Expectation, Field(discriminator="expect")], ...]] = Field(min_length=1)

    def each(self) -> Iterator[tuple[str, Expectation]]:
        """What an expectation is about, and the expectation, in the file's order."""
        for about, expectations in self.expectations.items():
            for expectation in expectations:
                yield about, expectation


def load_policy(path: Path) -> DataPolicy:
    """Read and check a policy.

    Raises:
        BadInput: no such file, an unknown or missing key, a name used twice, a table or column that there is not.
    """
    policy = read_policy(path, DataPolicy, "validation needs a policy file", "run from the project's root")
    names: set[str] = set()
    for _, expectation in policy.each():
        where = f"policy {path} expectation {expectation.name!r}"
        if expectation.name in names:
            raise BadInput(where, "a name stands for one expectation", "rename one of the two")
        names.add(expectation.name)
        if expectation.column not in TABLES.get(expectation.table, {}):
            raise BadInput(
                f"{where} {expectation.table}.{expectation.column}",
                "there is no such column in pipelines/validation/schema.py",
                f"name one of {', '.join(TABLES.get(expectation.table, TABLES))}",
            )
    return policy
