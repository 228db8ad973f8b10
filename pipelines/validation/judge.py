"""Great Expectations holds the tables of a set against the policy. Its `success` ignores severity, which is read here.

Of `studies` and `patients` only counts are asked for; where a row is no patient's, the rows that broke an expectation
are named, with their values.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import pandas as pd

from model.errors import BadInput
from pipelines.environment import quiet_environment
from pipelines.validation.policy import DataPolicy, Expectation, Known, Severity
from pipelines.validation.schema import PATIENTS_OWN, TABLES

if TYPE_CHECKING:
    from great_expectations.datasource.fluent.interfaces import Batch

NAMED = 20  # rows that are named, at most


class Outcome(StrEnum):
    PASSED = "passed"
    WARNING = "warning"
    FAILED = "failed"
    UNMEASURED = "not measured"
    """There was no value to hold against the expectation."""


_BROKEN = {Severity.CRITICAL: Outcome.FAILED, Severity.WARNING: Outcome.WARNING}


@dataclass(frozen=True, slots=True)
class Judged:
    """One expectation with what was found.

    `rows` have a value, `broken` of them are not as expected, and a share of `mostly` must be. `found` says what was
    found in words, without any value of a patient's.
    """

    about: str
    name: str
    table: str
    column: str
    rule: str
    mostly: float
    severity: str
    because: str
    outcome: str
    rows: int
    broken: int
    found: str


def judge(policy: DataPolicy, tables: Mapping[str, pd.DataFrame]) -> tuple[Judged, ...]:
    """Every expectation of the policy, in its order. One on a table that could not be made is not measured.

    Raises:
        BadInput: an expectation that does not fit the type of its column.
    """
    os.environ.update(quiet_environment())
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_pandas("radassist")
    results: dict[str, Mapping[str, Any]] = {}
    for table, frame in tables.items():
        wanted = [expectation for _, expectation in policy.each() if expectation.table == table]
        if wanted:
            batches = source.add_dataframe_asset(table).add_batch_definition_whole_dataframe("all")
            results |= _validate(batches.get_batch({"dataframe": frame}), table, wanted)
    return tuple(_judged(about, e, tables.get(e.table), results.get(e.name)) for about, e in policy.each())


def _validate(batch: "Batch", table: str, wanted: list[Expectation]) -> dict[str, Mapping[str, Any]]:
    """Each expectation's result in Great Expectations, by name."""
    import great_expectations as gx

    shown: dict[str, Any] = {"result_format": "SUMMARY", "partial_unexpected_count": 0}
    if table not in PATIENTS_OWN:
        shown |= {"partial_unexpected_count": NAMED, "unexpected_index_column_names": [next(iter(TABLES[table]))]}
    suite = gx.ExpectationSuite(name=table, expectations=[_expectation(e) for e in wanted])
    results: dict[str, Mapping[str, Any]] = {}
    for result in batch.validate(suite, result_format=shown).results:
        name = result.expectation_config.meta["name"]
        if not result.result:  # it raised; what it says may hold a value
            raise BadInput(
                f"expectation {name!r}", "a bound fits the type of its column", "correct it in the data policy"
            )
        results[name] = {"success": result.success, **result.result}
    return results


def _expectation(e: Expectation) -> Any:
    """The expectation as Great Expectations knows it: column_values_to_be_unique is ExpectColumnValuesToBeUnique."""
    from great_expectations import expectations

    made = getattr(expectations, "Expect" + "".join(part.capitalize() for part in e.expect.split("_")))
    return made(column=e.column, severity=e.severity.value, meta={"name": e.name}, **e.arguments)


def _judged(about: str, e: Expectation, frame: pd.DataFrame | None, result: Mapping[str, Any] | None) -> Judged:
    rows = broken = 0
    outcome, found = Outcome.UNMEASURED, e.unmeasured
    if frame is None:
        found = "the manifest is not what it should be"
    elif result is not None:
        rows = result["element_count"] - (0 if isinstance(e, Known) else result["missing_count"])
        broken = result["unexpected_count"]
        if rows:
            outcome = Outcome.PASSED if result["success"] else _BROKEN[e.severity]
            found = _aggregate(e, frame, result) if e.table not in PATIENTS_OWN else _count(e, rows, broken)
    return Judged(
        about=about,
        name=e.name,
        table=e.table,
        column=e.column,
        rule=e.rule,
        mostly=e.mostly,
        severity=e.severity.value,
        because=e.because,
        outcome=outcome.value,
        rows=rows,
        broken=broken,
        found=found,
    )


def _count(e: Expectation, rows: int, broken: int) -> str:
    """How many of a patient's rows are not as expected.

    A null counts in `Known` alone; elsewhere it is no value.
    """
    of = f"{rows:,} {e.table}"
    if not broken:
        return f"all of {of}"
    return f"{'missing' if isinstance(e, Known) else 'not so'} in {broken:,} of {of} ({percent(broken / rows)})"


def _aggregate(e: Expectation, frame: pd.DataFrame, result: Mapping[str, Any]) -> str:
    """The rows that are not as expected, by name and value; of numbers that are, their range."""
    named = result.get("partial_unexpected_index_list")
    if named and len(frame) > 1:
        key = next(iter(TABLES[e.table]))
        return ", ".join(f"{row[key]} {_value(row[e.column])}" for row in named)
    values = frame[e.column].dropna()
    if not pd.api.types.is_numeric_dtype(values):
        return f"all of {len(values)} {e.table}"
    low, high = _value(values.min()), _value(values.max())
    return low if low == high else f"{low} to {high}"


def _value(value: Any) -> str:
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return "missing"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.3f}"


def percent(share: float) -> str:
    """A share for reading.

    >>> percent(0.0316), percent(0.00001), percent(1)
    ('3.2 %', 'under 0.1 %', '100 %')
    """
    if 0 < share < 0.001:
        return "under 0.1 %"
    return f"{100 * share:.1f}".removesuffix(".0") + " %"
