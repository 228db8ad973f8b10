"""How the model does by age, sex, race/ethnicity, site, view and device, as stage audit left it."""

from collections.abc import Sequence
from pathlib import Path

from pipelines.evidence import NOT_MEASURED, Content
from pipelines.evidence.figures import table
from pipelines.metrics import read_metrics

INSUFFICIENT, GAP = "insufficient n", "gap"


def subgroups_section(root: Path) -> Content:
    """Every row of the audit, and its figures; a section that says so where no audit was made."""
    path = root / "audit" / "subgroups.parquet"
    if not path.is_file():
        return {"status": NOT_MEASURED, "rows": [], "figures": {}}
    return {"status": "measured", "rows": table(path), "figures": read_metrics("audit", root / "metrics")}


def by_group(rows: Sequence[Content]) -> list[Content]:
    """The audit as a table is read: a line a group, its figures by name beside its numbers of studies and patients.

    Groups stand in the order in which the audit names them.
    """
    groups: dict[tuple[str, str], Content] = {}
    for row in rows:
        key = (row["attribute"], row["group"])
        line = groups.setdefault(key, {"attribute": key[0], "group": key[1], "figures": {}})
        line |= {"n_studies": row["n_studies"], "n_patients": row["n_patients"]}
        line["figures"][row["figure"]] = row
    return list(groups.values())
