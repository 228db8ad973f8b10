"""Stage ingest: studies of a source in, the versioned set out.

    data/manifest.parquet    one row a study (pipelines.manifest)
    data/shards/*.tar        images and regions; a batch adds shards and touches none (pipelines.shards)
    data/splits.json         the frozen test set: its name, its patients, the key that hashed them
    data/quarantine.parquet  studies that were kept out, with the reason

The next set is built beside the old one and takes its place in one step, so that an ingest may be killed at any moment:
run again, it goes on from where it was. Study ids stay as they are, because de-identified sources made them up; patient
ids and UIDs are hashed.
"""

import argparse
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import tee
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from model.errors import BadInput
from model.study import Study
from model.workers import Loss, map_in_order
from pipelines.admission import Admitted, Candidate, Known, Refused, Same, admit
from pipelines.batch import Batch
from pipelines.journal import code_digest, mark_of
from pipelines.manifest import SCHEMA, read_manifest, write_manifest
from pipelines.metrics import write_metrics
from pipelines.profile import forget_profile, write_profile
from pipelines.progress import track
from pipelines.pseudonyms import Pseudonyms
from pipelines.publish import enough_room, publish, workshop_of
from pipelines.shards import link_shards
from pipelines.sources import SOURCES, Rejected, Source, open_source
from pipelines.splits import Split, first_splits, later_splits, strictest
from pipelines.versioning import add_and_push, bring_present, commit_data_version, is_kept, restore, unversioned

QUARANTINE_SCHEMA = pa.schema(
    [pa.field(name, pa.string(), nullable=False) for name in ("study_id", "source", "reason")]
)


@dataclass(frozen=True, slots=True)
class IngestFigures:
    """Counts of one ingest: n_new, n_skipped and n_quarantined of the batch, the others of the whole set.

    `n_duplicate_pixels` are the studies whose first image shows a picture that another study of the patient shows.
    `changed` tells whether the set is another one now.
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


def ingest(source: Source, name: str, data: Path, processes: int | None = None) -> IngestFigures:
    """Bring the studies of `source` into the set at `data`.

    Args:
        source: the data set; `name` is what it goes by in the manifest.
        data: the set's folder; made by the first ingest.
        processes: how many decode, one a core by default, 0 for this process alone. The result does not depend on it.

    Raises:
        BadInput: no study at all could be read; the set was made under another patient key; the disk is full; another
            ingest is at work.
    """
    pseudonyms = Pseudonyms.from_environment()
    with workshop_of(data) as shop:
        old = read_manifest(data) if (data / "manifest.parquet").is_file() else SCHEMA.empty_table()
        if len(old):
            _check_key(data, pseudonyms)
        with Batch(shop / "batch", _task(name, data, pseudonyms), old, source.studies()) as batch:
            decided = _decided(source, batch.left, name, _held(old), pseudonyms, processes)
            for mark, outcome in track(decided, "ingest", len(source), batch.n_done):
                batch.take(mark, outcome)
            draft = _emptied(shop / "draft")
            new = batch.table(draft / "shards")
        refused = [{"study_id": study.study_id, "source": name, "reason": study.reason} for study in batch.refused]
        if not len(old) and not len(new):
            reason = refused[0]["reason"] if refused else "it holds no studies"
            raise BadInput(f"source {name}", f"no study of {len(source)} could be read: {reason}", "check --root")
        table = pa.concat_tables([old, _split(new, old)])
        quarantine = _read_quarantine(data)
        put_aside = _next_quarantine(quarantine, refused, set(new["study_id"].to_pylist()))
        changed = len(new) > 0 or put_aside != quarantine
        if changed:
            link_shards(filter(None, pc.unique(old["shard"]).to_pylist()), data, draft)
            write_manifest(draft, table)
            pq.write_table(pa.Table.from_pylist(put_aside, QUARANTINE_SCHEMA), draft / "quarantine.parquet")
            frozen = data / "splits.json"
            splits = frozen.read_text() if len(old) else _frozen_test_set(table, name, pseudonyms)
            (draft / "splits.json").write_text(splits)
            publish(draft, data)
    pictures = pc.drop_null(table["pixels_sha256"])
    return IngestFigures(
        n_studies=len(table),
        n_patients=len(pc.unique(table["patient_id"])),
        **{f"n_{split}": pc.sum(pc.equal(table["split"], split.value)).as_py() for split in Split},
        n_duplicate_pixels=len(pictures) - len(pc.unique(pictures)),
        n_new=batch.n_new,
        n_skipped=batch.n_skipped,
        n_quarantined=len(batch.refused),
        changed=changed,
    )


def _task(name: str, data: Path, pseudonyms: Pseudonyms) -> dict[str, str]:
    """What an ingest depends on beside its studies: one that was interrupted is gone on with where this is the same."""
    manifest = data / "manifest.parquet"
    held = hashlib.sha256(manifest.read_bytes() if manifest.is_file() else b"").hexdigest()
    return {"source": name, "set": held, "key": pseudonyms.fingerprint, "code": code_digest()}


def _emptied(draft: Path) -> Path:
    """A new folder for the next set, in the place of one that was left."""
    shutil.rmtree(draft, ignore_errors=True)
    (draft / "shards").mkdir(parents=True)
    return draft


def _decided(
    source: Source,
    studies: Iterator[Study | Rejected],
    name: str,
    held: dict[str, Known],
    pseudonyms: Pseudonyms,
    processes: int | None,
) -> Iterator[tuple[str, Admitted | Same | Refused]]:
    """Each study's mark, as it was before its files were read, and what is decided on it, in the source's order."""
    marked = ((mark_of(study), Candidate(study, held.get(study.study_id))) for study in studies)
    asked, again = tee(marked)
    decide = partial(admit, source=name, pseudonyms=pseudonyms, reports_only=source.reports_only)
    processes = os.cpu_count() or 1 if processes is None else processes
    candidates = (candidate for _, candidate in asked)
    outcomes = map_in_order(decide, candidates, _lost, processes, answers=(Admitted, Same, Refused))
    for outcome, (mark, _) in zip(outcomes, again, strict=True):
        yield mark, outcome


def _lost(candidate: Candidate, why: Loss) -> Refused:
    return Refused(candidate.study.study_id, f"{why}: the process that read it was ended")


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
    parser.add_argument("--source", metavar="NAME", help=f"what reads the data set: {', '.join(SOURCES)}")
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
    if reason is None and not args.data.exists():
        forget_profile(root)
    figures = ingest(open_source(args.source, args.root), args.source, args.data)
    print(
        f"{args.source}: {figures.n_new} new, {figures.n_skipped} known, {figures.n_quarantined} quarantined "
        f"({args.data / 'quarantine.parquet'} says why)\n"
        f"{args.data}: {figures.n_studies} studies of {figures.n_patients} patients (train {figures.n_train}, "
        f"validate {figures.n_validate}, test {figures.n_test}), {figures.n_duplicate_pixels} repeat a picture"
    )
    with enough_room(root):
        if reason is None:
            md5 = add_and_push(root)
            changed = figures.changed or not is_kept(root, md5)  # an ingest that was killed before it could say so
            figures = replace(figures, changed=changed)
            write_profile(root, md5)
            commit_data_version(root)
        write_metrics("ingest", {name: int(value) for name, value in asdict(figures).items()}, root / "metrics")
    print(f"not versioned: {reason}" if reason else f"version {md5}, in the default remote")
    return 0
