"""Stage ingest: studies of a source in, the versioned set out.

    data/manifest.parquet    one row a study (pipelines.manifest)
    data/shards/*.tar        images and regions; a batch adds shards and touches none (pipelines.shards)
    data/splits.json         the frozen test set: its name, its patients, the key that hashed them
    data/quarantine.parquet  studies that were kept out, with the reason

The next set is built beside the old one and takes its place in one step, so that an ingest may be killed at any moment
and run again. Study ids stay as they are, because de-identified sources made them up; patient ids and UIDs are hashed.
"""

import argparse
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from model.errors import BadInput
from pipelines.admission import Admitted, Candidate, Known, Refused, Same, admit, conflict
from pipelines.manifest import SCHEMA, StudyRow, read_manifest, write_manifest
from pipelines.progress import track
from pipelines.pseudonyms import Pseudonyms
from pipelines.publish import draft_of, publish
from pipelines.shards import ShardWriter, bucket_of, link_shards
from pipelines.sources import Source, open_source
from pipelines.splits import Split, first_splits, later_splits, strictest
from pipelines.versioning import add_and_push, bring_present, commit_data_version, is_kept, restore, unversioned
from pipelines.workers import map_in_order

QUARANTINE_SCHEMA = pa.schema(
    [pa.field(name, pa.string(), nullable=False) for name in ("study_id", "source", "reason")]
)

ROWS_A_CHUNK = 1024


@dataclass(frozen=True, slots=True)
class IngestFigures:
    """Counts of one ingest: n_new, n_skipped and n_quarantined of the batch, the others of the whole set.

    `n_duplicate_pixels` are the studies whose first image shows a picture that another study showed already. `changed`
    tells whether the set is another one now.
    """

    n_studies: int
    n_patients: int
    n_train: int
    n_validate: int
    n_test: int
    n_duplicate_pixels: int
    n_new: int
    n_skipped: int
    n_quarantined: int
    changed: bool


class Batch:
    """What one pass over a source brings: rows, shards and refusals. Rows wait as Arrow chunks, members on disk."""

    def __init__(self, source: str, shards: ShardWriter) -> None:
        self.n_new = self.n_skipped = 0
        self.refused: list[dict[str, str]] = []
        self._source, self._shards = source, shards
        self._admitted: dict[str, Known] = {}
        self._rows: list[StudyRow] = []
        self._chunks: list[pa.Table] = []

    def take(self, outcome: Admitted | Same | Refused) -> None:
        match outcome:
            case Same():
                self.n_skipped += 1
            case Refused(study_id, reason):
                self.refused.append({"study_id": study_id, "source": self._source, "reason": reason})
            case Admitted(row, members):
                self._admit(row, members)

    def _admit(self, row: StudyRow, members: dict[str, bytes]) -> None:
        study = Known(row["patient_id"], row["image_sha256"], row["content_sha256"])
        twin = self._admitted.setdefault(row["study_id"], study)
        if twin is not study:  # the batch itself names the study twice
            same = twin == study
            self.take(Same(row["study_id"]) if same else Refused(row["study_id"], conflict(study, twin)))
            return
        self.n_new += 1
        for name, content in members.items():
            self._shards.add(bucket_of(row["patient_id"]), name, content)
        self._rows.append(row)
        if len(self._rows) == ROWS_A_CHUNK:
            self._flush()

    def _flush(self) -> None:
        self._chunks.append(pa.Table.from_pylist(self._rows, SCHEMA))
        self._rows = []

    def table(self) -> pa.Table:
        """The new studies' rows, with their shards written."""
        self._flush()
        rows = pa.concat_tables(self._chunks)
        shard_of = self._shards.finish()
        return _with_column(rows, "shard", [shard_of[bucket_of(p)] for p in rows["patient_id"].to_pylist()])


def ingest(source: Source, name: str, data: Path, processes: int | None = None) -> IngestFigures:
    """Bring the studies of `source` into the set at `data`.

    Args:
        source: the data set; `name` is what it goes by in the manifest.
        data: the set's folder; made by the first ingest.
        processes: how many decode, one a core by default, 0 for this process alone. The result does not depend on it.

    Raises:
        BadInput: no study at all could be read; the set was made under another patient key; another ingest is at work.
    """
    pseudonyms = Pseudonyms.from_environment()
    with draft_of(data) as draft:
        old = read_manifest(data) if (data / "manifest.parquet").is_file() else SCHEMA.empty_table()
        if len(old):
            _check_key(data, pseudonyms)
        quarantine = _read_quarantine(data)
        with ShardWriter(draft / "shards") as shards:
            batch = Batch(name, shards)
            for outcome in track(_outcomes(source, name, _held(old), pseudonyms, processes), "ingest", len(source)):
                batch.take(outcome)
            new = batch.table()
        if not len(old) and not len(new):
            reason = batch.refused[0]["reason"] if batch.refused else "it holds no studies"
            raise BadInput(f"source {name}", f"no study of {len(source)} could be read: {reason}", "check --root")
        table = pa.concat_tables([old, _split(new, old)])
        put_aside = _next_quarantine(quarantine, batch.refused, set(new["study_id"].to_pylist()))
        changed = len(new) > 0 or put_aside != quarantine
        if changed:
            link_shards(pc.unique(old["shard"]).to_pylist(), data, draft)
            write_manifest(draft, table)
            pq.write_table(pa.Table.from_pylist(put_aside, QUARANTINE_SCHEMA), draft / "quarantine.parquet")
            frozen = data / "splits.json"
            splits = frozen.read_text() if len(old) else _frozen_test_set(table, name, pseudonyms)
            (draft / "splits.json").write_text(splits)
            publish(draft, data)
    return IngestFigures(
        n_studies=len(table),
        n_patients=len(pc.unique(table["patient_id"])),
        **{f"n_{split}": pc.sum(pc.equal(table["split"], split.value)).as_py() for split in Split},
        n_duplicate_pixels=len(table) - len(pc.unique(table["pixels_sha256"])),
        n_new=batch.n_new,
        n_skipped=batch.n_skipped,
        n_quarantined=len(batch.refused),
        changed=changed,
    )


def _outcomes(
    source: Source, name: str, held: dict[str, Known], pseudonyms: Pseudonyms, processes: int | None
) -> Iterator[Admitted | Same | Refused]:
    """One outcome a study, in the source's order."""
    candidates = (Candidate(study, held.get(study.study_id)) for study in source.studies())
    decide = partial(admit, source=name, pseudonyms=pseudonyms)
    yield from map_in_order(decide, candidates, _crashed, os.cpu_count() or 1 if processes is None else processes)


def _crashed(candidate: Candidate) -> Refused:
    return Refused(candidate.study.study_id, "reading it ended the process that tried")


def _held(table: pa.Table) -> dict[str, Known]:
    columns = (table[name].to_pylist() for name in ("study_id", "patient_id", "image_sha256", "content_sha256"))
    return {study_id: Known(*rest) for study_id, *rest in zip(*columns, strict=True)}


def _split(new: pa.Table, old: pa.Table) -> pa.Table:
    """The new rows with their patients' splits."""
    fixed: dict[str, Split | None] = {}
    patients = new["patient_id"].to_pylist()
    for patient, split in zip(patients, new["split"].to_pylist(), strict=True):
        fixed[patient] = strictest(fixed.get(patient), Split(split) if split else None)
    known = dict(zip(old["patient_id"].to_pylist(), map(Split, old["split"].to_pylist()), strict=True))
    splits = later_splits(fixed, known) if known else first_splits(fixed)
    return _with_column(new, "split", [splits[patient].value for patient in patients])


def _with_column(table: pa.Table, name: str, values: list[str]) -> pa.Table:
    index = table.schema.get_field_index(name)
    return table.set_column(index, table.schema.field(index), pa.array(values, pa.string()))


def _frozen_test_set(table: pa.Table, source: str, pseudonyms: Pseudonyms) -> str:
    """splits.json: written by the first ingest and never again. The name tells one test set from another."""
    studies = table.filter(pc.equal(table["split"], Split.TEST.value))
    patients = sorted(pc.unique(studies["patient_id"]).to_pylist())
    name = f"{source}-{hashlib.sha256(' '.join(patients).encode()).hexdigest()[:8]}"
    test = {"name": name, "n_patients": len(patients), "n_studies": len(studies), "patients": patients}
    return json.dumps({"test": test, "patient_key": pseudonyms.fingerprint}, indent=1) + "\n"


def _check_key(data: Path, pseudonyms: Pseudonyms) -> None:
    made_with = json.loads((data / "splits.json").read_text())["patient_key"]
    if made_with != pseudonyms.fingerprint:
        raise BadInput(
            f"RADASSIST_PATIENT_KEY of fingerprint {pseudonyms.fingerprint}",
            f"{data} was hashed with the key {made_with}, and another would hide who is known already",
            "set the key that the set was made with",
        )


def _read_quarantine(data: Path) -> list[dict[str, str]]:
    path = data / "quarantine.parquet"
    rows: list[dict[str, str]] = pq.read_table(path).to_pylist() if path.is_file() else []
    return rows


def _next_quarantine(
    before: list[dict[str, str]], refused: list[dict[str, str]], admitted: set[str]
) -> list[dict[str, str]]:
    """Refusals stand, each once, until the study is admitted; those of the same batch stand beside it."""
    standing = [row for row in before if row["study_id"] not in admitted]
    return sorted(
        {tuple(row.values()): row for row in [*standing, *refused]}.values(), key=lambda row: (*row.values(),)
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "RADASSIST_PATIENT_KEY of the environment is the secret that patient ids are hashed with."
    parser.add_argument("--source", metavar="NAME", help="what reads the data set: mimic_cxr, folder")
    parser.add_argument("--root", type=Path, metavar="DIR", help="where the data set lies")
    parser.add_argument("--data", type=Path, default=Path("data"), metavar="DIR", help="the set (default: data)")
    parser.add_argument("--restore", metavar="MD5", help="bring a version of the set back; the first digits do")


def main(args: argparse.Namespace) -> int:
    root = args.data.absolute().parent
    if args.restore:
        print(f"data restored to version {restore(root, args.restore)}")
        return 0
    if args.source is None or args.root is None:
        raise BadInput("ingest", "it needs --source and --root, or --restore", "see radassist ingest --help")
    reason = unversioned(args.data)
    if reason is None and not args.data.exists() and not bring_present(root):
        print("data.dvc names a version that is gone: this ingest begins a new set, with a test set of its own")
    figures = ingest(open_source(args.source, args.root), args.source, args.data)
    print(
        f"{args.source}: {figures.n_new} new, {figures.n_skipped} known, {figures.n_quarantined} quarantined "
        f"({args.data / 'quarantine.parquet'} says why)\n"
        f"{args.data}: {figures.n_studies} studies of {figures.n_patients} patients (train {figures.n_train}, "
        f"validate {figures.n_validate}, test {figures.n_test}), {figures.n_duplicate_pixels} repeat a picture"
    )
    if reason is not None:
        _write_metrics(root, {**asdict(figures), "data_md5": None})
        print(f"not versioned: {reason}")
        return 0
    md5 = add_and_push(root)
    changed = figures.changed or not is_kept(root, md5)  # an ingest that was killed before it could say so
    _write_metrics(root, {**asdict(figures), "changed": changed, "data_md5": md5})
    commit_data_version(root)
    print(f"version {md5}, in the default remote")
    return 0


def _write_metrics(root: Path, figures: dict[str, Any]) -> None:
    (root / "metrics").mkdir(exist_ok=True)
    (root / "metrics" / "ingest.json").write_text(json.dumps(figures, indent=1) + "\n")
