"""The tables of MIMIC-CXR and MIMIC-IV, study by study and subject by subject."""

import csv
import gzip
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from model.errors import BadInput
from pipelines.sources.mimic_layout import LABEL_COLUMNS

Row = dict[str, str]

COLUMNS = {
    "metadata": {"subject_id", "study_id", "dicom_id"},
    "split": {"subject_id", "study_id", "split"},
    "chexpert": {"subject_id", "study_id"},
}
# How MIMIC-IV's race says that nobody knows.
NOT_KNOWN = frozenset({"", "?", "UNKNOWN", "UNABLE TO OBTAIN", "PATIENT DECLINED TO ANSWER"})


@dataclass(slots=True)
class Listed:
    """What the tables say of one study: its images' rows, its split, its CheXpert labels."""

    images: list[Row] = field(default_factory=list)
    split: str | None = None
    labels: dict[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """What MIMIC-IV's tables say of a subject; `anchor_age` is the age in years in `anchor_year`."""

    sex: str | None = None
    anchor_age: int | None = None
    anchor_year: int | None = None
    race: str | None = None

    def age(self, day: str) -> int | None:
        """Age on a day, YYYYMMDD: the anchor age moved on to its year, where both years are known."""
        if self.anchor_age is None or self.anchor_year is None or not day[:4].isdigit():
            return self.anchor_age
        return self.anchor_age + int(day[:4]) - self.anchor_year


def read_listed(root: Path) -> dict[tuple[str, str], Listed]:
    """Every study that a table names, by (subject, study), in that order.

    Raises:
        BadInput: a table is missing, or lacks a column.
    """
    listed: dict[tuple[str, str], Listed] = defaultdict(Listed)
    for row in _table(root, "metadata"):
        listed[_key(row)].images.append(row)
    for row in _table(root, "split"):
        listed[_key(row)].split = row["split"]
    for row in _table(root, "chexpert"):
        listed[_key(row)].labels = {name: int(float(row[name])) for name in LABEL_COLUMNS if row.get(name)}
    return {key: listed[key] for key in sorted(listed)}


def read_people(root: Path) -> dict[str, Person]:
    """The subjects of patients.csv, or of admissions.csv alone, as far as these lie in the root.

    Race is patients.csv's own column where it has one, else what most admissions say.
    """
    patients, races = _find(root, "patients.csv"), _races(root)
    rows = {row["subject_id"]: row for row in _rows(patients)} if patients else {}
    return {subject: _person(rows.get(subject, {}), races.get(subject)) for subject in rows.keys() | races.keys()}


def _person(row: Row, race: str | None) -> Person:
    age, year = row.get("anchor_age"), row.get("anchor_year")
    return Person(
        sex=_known(row.get("gender")),
        anchor_age=int(age) if age else None,
        anchor_year=int(year) if year else None,
        race=_known(row.get("race")) or race,
    )


def _races(root: Path) -> dict[str, str]:
    admissions = _find(root, "admissions.csv")
    stated: dict[str, Counter[str]] = defaultdict(Counter)
    for row in _rows(admissions) if admissions else ():
        if race := _known(row.get("race") or row.get("ethnicity")):
            stated[row["subject_id"]][race] += 1
    return {subject: races.most_common(1)[0][0] for subject, races in stated.items()}


def _known(value: str | None) -> str | None:
    return None if value is None or value.strip().upper() in NOT_KNOWN else value.strip()


def _key(row: Row) -> tuple[str, str]:
    return row["subject_id"], row["study_id"]


def _table(root: Path, name: str) -> Iterator[Row]:
    path = _find(root, f"mimic-cxr-*-{name}.csv")
    if path is None:
        raise BadInput(f"root {root}", f"MIMIC-CXR has mimic-cxr-2.0.0-{name}.csv or .csv.gz", "put it in the root")
    for number, row in enumerate(_rows(path)):
        if number == 0 and (lacking := COLUMNS[name] - row.keys()):
            raise BadInput(f"table {path}", f"it lacks {', '.join(sorted(lacking))}", "take the table as published")
        yield row


def _find(root: Path, pattern: str) -> Path | None:
    """The newest of the files that a pattern names, plain or compressed."""
    return max((path for ending in ("", ".gz") for path in root.glob(pattern + ending)), default=None)


def _rows(path: Path) -> Iterator[Row]:
    with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as lines:
        yield from csv.DictReader(lines)
