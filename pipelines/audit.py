"""Stage audit: whether the evaluated model serves everybody alike, by age, sex, race/ethnicity, site, view and device.

audit/subgroups.parquet   one row an attribute, group and figure, see `pipelines.fairness.Subgroup`
"""

import argparse
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from model.errors import BadInput
from model.report import GroundedReport
from pipelines.examples import read_drafts
from pipelines.fairness import Groups, Status, Subgroup, audit_figures, compare_groups
from pipelines.fairness_figures import audited
from pipelines.manifest import stream_manifest
from pipelines.metrics import write_metrics
from pipelines.statistics import FILE as STATISTICS
from pipelines.statistics import read_statistics

FILE = "subgroups.parquet"
COLUMNS = ("study_id", "images", "age", "sex", "race_ethnicity", "site", "device")
ATTRIBUTES = ("age", "sex", "race_ethnicity", "site", "view", "device")
AGES = ((0, 17), (18, 39), (40, 64), (65, 79))

_NUMBERS = ("value", "low", "high", "gap", "gap_low", "gap_high", "p", "p_adjusted")
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("attribute", "group", "figure", "about", "better")),
        *((name, pa.int64()) for name in ("n_studies", "n_patients")),
        *((name, pa.float64()) for name in _NUMBERS),
        ("status", pa.string()),
    ]
)


def audit(data: Path, evaluation: Path, out: Path) -> list[Subgroup]:
    """Compare the groups of the studies that were graded, and write what was found to `out` anew.

    Raises:
        BadInput: the evaluation or the manifest is missing, or a graded study is not in the manifest.
    """
    statistics = read_statistics(evaluation / STATISTICS)
    reports = (GroundedReport.from_json(line["draft"]) for line in read_drafts(evaluation / "drafts.jsonl"))
    rows = compare_groups(audited(statistics, reports), read_groups(data, statistics.study_ids))
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    plain = [{name: None if cell != cell else cell for name, cell in asdict(row).items()} for row in rows]
    pq.write_table(pa.Table.from_pylist(plain, SCHEMA), out / FILE)
    return rows


def read_groups(data: Path, study_ids: Sequence[str]) -> Groups:
    """What the manifest records of these studies, in their order."""
    wanted = set(study_ids)
    batches = stream_manifest(data, COLUMNS)
    known = {row["study_id"]: groups_of(row) for b in batches for row in b.to_pylist() if row["study_id"] in wanted}
    if missing := len(wanted - known.keys()):
        rule = "every graded study stands in the manifest"
        raise BadInput(f"{missing} of {len(wanted)} studies", rule, "run `radassist evaluate` on this data set")
    return {attribute: [known[study_id][attribute] for study_id in study_ids] for attribute in ATTRIBUTES}


def groups_of(row: dict[str, Any]) -> dict[str, str | None]:
    """The groups of one study of the manifest; None where nobody recorded."""
    view = row["images"][0]["view"] if row["images"] else None
    return {attribute: row.get(attribute) for attribute in ATTRIBUTES} | {"age": age_group(row["age"]), "view": view}


def age_group(age: int | None) -> str | None:
    """
    >>> age_group(17), age_group(18), age_group(80), age_group(None)
    ('0 to 17', '18 to 39', '80 and over', None)
    """
    if age is None:
        return None
    return next((f"{first} to {last}" for first, last in AGES if age <= last), f"{AGES[-1][1] + 1} and over")


def told(row: Subgroup) -> str:
    """A gap in one line."""
    return (
        f"{row.attribute} {row.group}: {row.figure} {row.value:.3f}, {row.gap:+.3f} against the rest "
        f"[{row.gap_low:+.3f}, {row.gap_high:+.3f}], adjusted p {row.p_adjusted:.4f}"
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    for name, default, meaning in (
        ("--data", "data", "the ingested set"),
        ("--evaluation", "evaluation", "what evaluate wrote"),
        ("--out", "audit", "where to write"),
    ):
        says = f"{meaning} (default: {default})"
        parser.add_argument(name, type=Path, default=Path(default), metavar="DIR", help=says)


def main(args: argparse.Namespace) -> int:
    rows = audit(args.data, args.evaluation, args.out)
    figures = audit_figures(rows)
    write_metrics("audit", figures)
    for row in rows:
        if row.status is Status.GAP:
            print(told(row))
    counted = f"{figures['n_subgroups']:.0f} groups, {figures['n_insufficient']:.0f} of them too small"
    print(f"{args.out / FILE}: {counted}, {figures['n_gaps']:.0f} gaps")
    return 0
