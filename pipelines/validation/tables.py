"""A versioned set as the tables of `schema`: one pass over the manifest, a batch of rows in memory at a time."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from model.errors import BadInput
from model.findings import OBSERVATIONS
from pipelines.manifest import SCHEMA, StudyRow
from pipelines.progress import track
from pipelines.splits import Split
from pipelines.validation.agreement import Agreement, Labelled, agreement, counted
from pipelines.validation.members import member_faults
from pipelines.validation.policy import Chance
from pipelines.validation.prevalence import Shares, effect
from pipelines.validation.schema import COLUMNS, PATIENTS, SPLITS, STUDIES, WHOLE
from pipelines.validation.schema import OBSERVATIONS as OBSERVATION_COLUMNS

ROWS = 1024  # of the manifest, in memory at a time
AS_DECLARED = "as declared"

Tables = dict[str, pd.DataFrame]


@dataclass(frozen=True, slots=True)
class Measured:
    """The tables of a set, and how its labels were compared with its reports.

    A manifest of another schema gives the table `columns` alone: nothing else could be trusted.
    """

    tables: Tables
    agreement: Agreement | None


def measure(data: Path, chance: Chance, last: Shares | None) -> Measured:
    """Measure the set in `data`.

    Args:
        last: the version before, None where there is none.

    Raises:
        BadInput: `data` holds no manifest, or no study.
    """
    path = data / "manifest.parquet"
    if not path.is_file():
        raise BadInput(str(path), "an ingested set has a manifest", "run radassist ingest, or dvc checkout data.dvc")
    columns = _columns(pq.read_schema(path))
    if set(columns["found"]) != {AS_DECLARED}:
        return Measured({"columns": columns}, None)
    passage = _Passage(pq.ParquetFile(path))
    if not passage.n_studies:
        raise BadInput(str(path), "a set has studies", "run radassist ingest")
    counts = counted(passage, passage.n_studies)
    studies = passage.studies()
    studies["missing_members"], misfits = member_faults(data)
    studies["regions_outside"] = (studies["regions_outside"] + misfits).where(studies["regions"] > 0)
    studies = studies[list(STUDIES)].astype(STUDIES)
    read = agreement(counts, [n > 0 for n in passage.mentioned.values()], chance)
    tables = {
        "columns": columns,
        "studies": studies,
        "patients": _patients(studies),
        "splits": _splits(studies, data),
        "observations": _observations(studies, passage.positives, read, chance, last),
        "whole": _whole(len(studies), data, read),
    }
    return Measured(tables, read)


def _columns(found: pa.Schema) -> pd.DataFrame:
    """Each column of the manifest, declared or found."""
    rows = dict.fromkeys(found.names, "unknown") | {field.name: _found(field, found) for field in SCHEMA}
    return pd.DataFrame({"column": list(rows), "found": list(rows.values())}).astype(COLUMNS)


def _found(declared: pa.Field, schema: pa.Schema) -> str:
    index = schema.get_field_index(declared.name)
    if index < 0:
        return "missing"
    return AS_DECLARED if schema.field(index).equals(declared) else str(schema.field(index).type)


class _Passage:
    """One pass over the manifest: yields what the labeler compares, and keeps the rows of `studies`.

    `n_studies` they are; after it, `positives` and `mentioned` count the studies by observation.
    """

    def __init__(self, file: pq.ParquetFile) -> None:
        self._file = file
        self.n_studies: int = file.metadata.num_rows
        self._frames: list[pd.DataFrame] = []
        self.positives = dict.fromkeys(OBSERVATIONS, 0)
        self.mentioned = dict.fromkeys(OBSERVATIONS, 0)

    def __iter__(self) -> Iterator[list[Labelled]]:
        batches = self._file.iter_batches(ROWS)
        for batch in track(batches, "studies", -(-self.n_studies // ROWS)):
            rows: list[StudyRow] = batch.to_pylist()
            self._frames.append(pd.DataFrame([_study(row) for row in rows]).astype(_ROW))
            labelled: list[Labelled] = []
            for row in rows:
                if row["labels"] is None:
                    continue
                for name, label in row["labels"].items():
                    self.positives[name] += label == 1
                    self.mentioned[name] += label is not None
                if report := _report(row):
                    labelled.append((report, row["labels"]))
            if labelled:
                yield labelled

    def studies(self) -> pd.DataFrame:
        """The table `studies`, the columns of `_ROW` in it."""
        studies = pd.concat(self._frames, ignore_index=True)
        for whose, column in (("patient_id", "patients_of_picture"), ("split", "splits_of_picture")):
            different = studies[["picture", whose]].dropna().drop_duplicates()
            studies[column] = studies["picture"].map(different.groupby("picture").size())
        return studies


_ROW = {
    name: kind
    for name, kind in STUDIES.items()
    if name not in ("patients_of_picture", "splits_of_picture", "missing_members")
} | {"picture": "string"}
"""What one row of the manifest tells by itself."""


def _study(row: StudyRow) -> dict[str, Any]:
    pictured = bool(row["images"])
    regions = [sentence for sentence in row["sentences"] if sentence["mask"] or sentence["boxes"]]
    labels = row["labels"] or {}
    return {
        **{name: row.get(name) for name in ("study_id", "patient_id", "split", "modality", "age", "sex")},
        **{name: row.get(name) for name in ("race_ethnicity", "site", "device")},
        "view": row["images"][0]["view"] if pictured else None,
        "width": row["width"] if pictured else None,
        "height": row["height"] if pictured else None,
        "picture": row["pixels_sha256"],
        "regions": len(regions),
        "regions_outside": sum(not _inside(s["boxes"] or [], row["width"], row["height"]) for s in regions),
        "report_words": _words(_report(row)),
        "findings_words": _words(row["findings"]),
        "impression_words": _words(row["impression"]),
        "labels": None if row["labels"] is None else sum(label is not None for label in labels.values()),
        "contradictions": _contradictions(labels),
    }


def _report(row: StudyRow) -> str:
    return "\n\n".join(text for text in (row["findings"], row["impression"]) if text)


def _words(text: str | None) -> int | None:
    return len(text.split()) or None if text else None


def _inside(boxes: list[list[float]], width: int, height: int) -> bool:
    return all(x0 >= 0 and y0 >= 0 and x1 <= width and y1 <= height for x0, y0, x1, y1 in boxes)


def _contradictions(labels: Mapping[str, int | None]) -> int:
    """Findings that are positive beside a positive No Finding. Support devices are no contradiction."""
    if labels.get("No Finding") != 1:
        return 0
    return sum(label == 1 for name, label in labels.items() if name not in ("No Finding", "Support Devices"))


def _patients(studies: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"splits": studies.groupby("patient_id")["split"].nunique()}).astype(PATIENTS)


def _splits(studies: pd.DataFrame, data: Path) -> pd.DataFrame:
    """A row for each split, empty ones included."""
    frozen = set(json.loads((data / "splits.json").read_text())["test"]["patients"])
    rows = []
    for split in reversed(Split):
        own = studies[studies["split"] == split.value]
        patients = set(own["patient_id"])
        rows.append(
            {
                "split": split.value,
                "studies": len(own),
                "patients": len(patients),
                "strangers": len(patients - frozen) if split is Split.TEST else None,
                "report_share": own["report_words"].notna().mean() if len(own) else None,
                "region_share": (own["regions"] > 0).mean() if len(own) else None,
            }
        )
    return pd.DataFrame(rows).astype(SPLITS)


def _observations(
    studies: pd.DataFrame, positives: Mapping[str, int], read: Agreement, chance: Chance, last: Shares | None
) -> pd.DataFrame:
    """A row for each observation."""
    labelled = int(studies["labels"].notna().sum())
    rows = []
    for index, name in enumerate(OBSERVATIONS):
        before = change = None
        if last:
            before = last.positive_share[name]
            change = effect(positives[name], labelled, before, last.n_labelled, chance.z) if labelled else None
        rows.append(
            {
                "observation": name,
                "positives": positives[name],
                "share": positives[name] / labelled if labelled else None,
                "last_share": before,
                "effect": change,
                "read_positives": read.read[index],
                "agreement": read.by_observation[index],
            }
        )
    return pd.DataFrame(rows).astype(OBSERVATION_COLUMNS)


def _whole(n_studies: int, data: Path, read: Agreement) -> pd.DataFrame:
    path = data / "quarantine.parquet"
    kept_out = len(set(pq.read_table(path, columns=["study_id"])["study_id"].to_pylist())) if path.is_file() else 0
    share = kept_out / (kept_out + n_studies) if kept_out + n_studies else None
    row = {"quarantined_share": share, "agreement": read.overall, "agreement_at_most": read.overall_at_most}
    return pd.DataFrame([{"set": "the set", **row}]).astype(WHOLE)
