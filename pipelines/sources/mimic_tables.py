"""The tables of MIMIC-CXR and MIMIC-IV, study by study and subject by subject.

Of 377,110 images' rows memory holds what the source asks for alone, with equal words shared.
"""

import csv
import gzip
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from sys import intern

from model.errors import BadInput
from pipelines.sources.mimic_layout import LABEL_COLUMNS

Row = dict[str, str]

COLUMNS = {
    "metadata": {"subject_id", "study_id", "dicom_id"},
    "split": {"subject_id", "study_id", "split"},
    "chexpert": {"subject_id", "study_id"},
    "negbio": {"subject_id", "study_id"},
}
# The view by its code (DICOM CID 4010) where ViewPosition is empty, as it is for one image in 24.
VIEW_OF_CODE = {
    "postero-anterior": "PA",
    "antero-posterior": "AP",
    "lateral": "LATERAL",
    "left lateral": "LL",
    "right lateral": "RL",
    "left anterior oblique": "LAO",
    "right anterior oblique": "RAO",
}
# How MIMIC-IV's race says that nobody knows.
NOT_KNOWN = frozenset({"", "?", "UNKNOWN", "UNABLE TO OBTAIN", "PATIENT DECLINED TO ANSWER"})


@dataclass(frozen=True, slots=True)
class ImageRow:
    """An image by the metadata table: view in capitals, "" where unknown; day YYYYMMDD; time HHMMSS.FFF as a number,
    infinite where unknown."""

    dicom_id: str
    view: str
    day: str
    time: float
    site: str | None


@dataclass(slots=True)
class Listed:
    """What the tables say of one study: its images, its split, its labels by observation."""

    images: list[ImageRow] = field(default_factory=list)
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

    The labels are CheXpert's, or NegBio's where the root has these alone; studies of equal labels share them.

    Raises:
        BadInput: a table is missing or damaged, lacks a column, or has a label that is none.
    """
    listed: dict[tuple[str, str], Listed] = defaultdict(Listed)
    for row in _table(root, "metadata"):
        listed[_key(row)].images.append(_image(row))
    for row in _table(root, "split"):
        listed[_key(row)].split = intern(row["split"])
    shared: dict[tuple[str, ...], dict[str, int]] = {}
    labeler = "negbio" if _found(root, "negbio") and not _found(root, "chexpert") else "chexpert"
    for row in _table(root, labeler):
        values = tuple(row.get(name) or "" for name in LABEL_COLUMNS)
        listed[_key(row)].labels = shared.get(values) or shared.setdefault(values, _labels(values))
    return {key: listed[key] for key in sorted(listed)}


def _image(row: Row) -> ImageRow:
    code = (row.get("ViewCodeSequence_CodeMeaning") or "").strip().lower()
    view = (row.get("ViewPosition") or "").strip().upper() or VIEW_OF_CODE.get(code, "")
    time, site = row.get("StudyTime") or "", row.get("Site")
    return ImageRow(
        dicom_id=row["dicom_id"],
        view=intern(view),
        day=intern(row.get("StudyDate") or ""),
        time=float(time) if time.replace(".", "", 1).isdecimal() else inf,
        site=intern(site) if site else None,
    )


def _labels(values: tuple[str, ...]) -> dict[str, int]:
    try:
        return {name: int(float(value)) for name, value in zip(LABEL_COLUMNS, values, strict=True) if value}
    except ValueError as fault:
        raise BadInput(
            f"labels {', '.join(values)}", "a label is 1.0, 0.0, -1.0 or empty", "take the table as published"
        ) from fault


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
        race=race_group(row.get("race")) or race,
    )


def _races(root: Path) -> dict[str, str]:
    admissions = _find(root, "admissions.csv")
    stated: dict[str, Counter[str]] = defaultdict(Counter)
    for row in _rows(admissions) if admissions else ():
        if race := race_group(row.get("race") or row.get("ethnicity")):
            stated[row["subject_id"]][race] += 1
    return {subject: races.most_common(1)[0][0] for subject, races in stated.items()}


def race_group(race: str | None) -> str | None:
    """The group of one of MIMIC-IV's 33 races, None where it says that nobody knows: "ASIAN - CHINESE" is ASIAN.

    A race that names no larger one ("PORTUGUESE", "SOUTH AMERICAN") stands for itself.
    """
    group = (_known(race) or "").upper().split(" - ")[0]
    if group.startswith("BLACK"):
        return "BLACK/AFRICAN AMERICAN"
    if group.startswith("HISPANIC"):
        return "HISPANIC OR LATINO"
    return group or None


def _known(value: str | None) -> str | None:
    return None if value is None or value.strip().upper() in NOT_KNOWN else value.strip()


def _key(row: Row) -> tuple[str, str]:
    return intern(row["subject_id"]), intern(row["study_id"])


def _found(root: Path, name: str) -> Path | None:
    return _find(root, f"mimic-cxr-*-{name}.csv")


def _table(root: Path, name: str) -> Iterator[Row]:
    path = _found(root, name)
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
    try:
        with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as lines:
            yield from csv.DictReader(lines)
    except (EOFError, gzip.BadGzipFile, zlib.error, csv.Error, UnicodeDecodeError) as fault:
        raise BadInput(f"table {path}", f"it is damaged: {type(fault).__name__}", "fetch it again") from fault
