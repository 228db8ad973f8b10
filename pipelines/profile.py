"""data.profile.json: a version of the data in a few numbers, and those of the version before to hold them against."""

import json
from pathlib import Path
from typing import Any, TypedDict

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from model.findings import OBSERVATIONS
from pipelines.whole_files import write_whole

PROFILE = "data.profile.json"


class Profile(TypedDict):
    """The numbers of one version; in the file `last` stands beside them, those of the version before or null.

    `version` is its md5 in data.dvc. `positive_share` has for each of the 14 observations the share of the labelled
    studies in which it is present (label 1), to 6 digits; it is empty where no study is labelled.
    """

    version: str
    n_studies: int
    n_patients: int
    n_labelled: int
    positive_share: dict[str, float]


def describe(rows: pa.Table, version: str) -> Profile:
    """The numbers of a set from the columns patient_id and labels of its manifest."""
    labels = rows["labels"].drop_null()
    positive = {name: pc.sum(pc.equal(pc.struct_field(labels, name), 1)).as_py() or 0 for name in OBSERVATIONS}
    return {
        "version": version,
        "n_studies": len(rows),
        "n_patients": len(pc.unique(rows["patient_id"])),
        "n_labelled": len(labels),
        "positive_share": {name: round(n / len(labels), 6) for name, n in positive.items()} if len(labels) else {},
    }


def write_profile(root: Path, version: str) -> None:
    """Describe data/, which is `version`; what was described before is the last one. Doing so again changes nothing."""
    before = _read(root)
    if before and before["version"] == version:
        return
    rows = pq.read_table(root / "data" / "manifest.parquet", columns=["patient_id", "labels"])
    last = {name: value for name, value in before.items() if name != "last"} if before else None
    write_whole(root / PROFILE, json.dumps({**describe(rows, version), "last": last}, indent=1) + "\n")


def forget_profile(root: Path) -> None:
    """Take the profile away before a set begins anew: another set's numbers are nothing to hold its own against."""
    (root / PROFILE).unlink(missing_ok=True)


def profiled_version(root: Path) -> str | None:
    """The version that data.profile.json describes; None without one."""
    profile = _read(root)
    return profile["version"] if profile else None


def _read(root: Path) -> dict[str, Any] | None:
    path = root / PROFILE
    profile: dict[str, Any] | None = json.loads(path.read_text()) if path.is_file() else None
    return profile
