"""One pass over a source: what is decided between its studies, and kept of each.

Memory holds the rows, as Arrow chunks, and what later studies are compared with; members and journal are on disk.
"""

from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from model.study import Study
from pipelines.admission import Admitted, Known, Refused, Same, conflict
from pipelines.journal import Filed, Journal, Outcome, mark_of
from pipelines.manifest import SCHEMA, StudyRow
from pipelines.shards import ShardWriter, bucket_of
from pipelines.sources import Rejected

STEP = 256  # studies between two entries into the journal: what an interruption may cost
ROWS_A_CHUNK = 1024


class Batch:
    """The studies of one source on their way into a set.

    Args:
        folder: where shards and journal grow; an interrupted batch of the same task is gone on with.
        task: what else than the source's studies the outcome depends on.
        old: the set's manifest.
        studies: those of the source; `left` are the ones that an interrupted batch has not done.
    """

    def __init__(
        self, folder: Path, task: Mapping[str, str], old: pa.Table, studies: Iterator[Study | Rejected]
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.n_new = self.n_skipped = 0
        self.refused: list[Refused] = []
        self._folder = folder
        self._journal = Journal(folder / "journal.jsonl", task)
        self._waiting = 0
        self._admitted: dict[str, Known] = {}
        self._shown: dict[bytes, tuple[str, str]] = {}
        self._rows: list[StudyRow] = []
        self._chunks: list[pa.Table] = []
        for columns in old.select(["pixels_sha256", "patient_id", "study_id"]).to_batches(ROWS_A_CHUNK):
            for pixels, patient, study in zip(*(column.to_pylist() for column in columns), strict=True):
                self._show(pixels, patient, study)
        self.left = self._go_on(studies)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shards.close()
        self._journal.close()

    @property
    def n_done(self) -> int:
        return self.n_new + self.n_skipped + len(self.refused)

    def take(self, mark: str, outcome: Admitted | Same | Refused) -> None:
        """Keep what became of the next study, whose mark is `mark`."""
        kept = self._file(outcome) if isinstance(outcome, Admitted) else outcome
        self._count(kept)
        self._journal.add(mark, kept)
        self._waiting += 1
        if self._waiting == STEP:
            self._write()

    def table(self, shards: Path) -> pa.Table:
        """The new studies' rows; their shards go into that folder."""
        self._write()
        self._flush()
        shard_of = self._shards.finish(shards)
        rows = pa.concat_tables(self._chunks)
        index = SCHEMA.get_field_index("shard")
        placed = zip(rows["patient_id"].to_pylist(), pc.list_value_length(rows["images"]).to_pylist(), strict=True)
        names = [shard_of[bucket_of(patient)] if n_images else "" for patient, n_images in placed]
        return rows.set_column(index, SCHEMA.field(index), pa.array(names, pa.string()))

    def _go_on(self, studies: Iterator[Study | Rejected]) -> Iterator[Study | Rejected]:
        """Take over what was done of the first studies, as long as they are what they were; return the others."""
        ends: dict[int, int] = {}
        for mark, outcome in self._journal.read():
            study = next(studies, None)
            if study is None or mark_of(study) != mark:
                studies = chain([study] if study else [], studies)
                break
            self._count(outcome)
            if isinstance(outcome, Filed) and outcome.end:
                ends[bucket_of(outcome.row["patient_id"])] = outcome.end
        self._journal.start()
        self._shards = ShardWriter(self._folder, ends)
        return studies

    def _file(self, study: Admitted) -> Outcome:
        """Put a study into its shard, unless the batch has it already, or shows its picture under another patient."""
        row = study.row
        known, twin = _known(row), self._admitted.get(row["study_id"])
        if twin is not None:
            return Same(row["study_id"]) if twin == known else Refused(row["study_id"], conflict(known, twin))
        patient, first = self._shown.get(_key(row["pixels_sha256"]), (row["patient_id"], ""))
        if patient != row["patient_id"]:
            return Refused(row["study_id"], f"duplicate: the picture of study {first}, which is another patient's")
        if not study.members:  # a report alone
            return Filed(row, 0)
        return Filed(row, self._shards.add(bucket_of(row["patient_id"]), study.members))

    def _count(self, outcome: Outcome) -> None:
        match outcome:
            case Same():
                self.n_skipped += 1
            case Refused():
                self.refused.append(outcome)
            case Filed(row, _):
                self.n_new += 1
                self._admitted[row["study_id"]] = _known(row)
                self._show(row["pixels_sha256"], row["patient_id"], row["study_id"])
                self._rows.append(row)
                if len(self._rows) == ROWS_A_CHUNK:
                    self._flush()

    def _show(self, pixels_sha256: str | None, patient_id: str, study_id: str) -> None:
        if pixels_sha256 is not None:
            self._shown.setdefault(_key(pixels_sha256), (patient_id, study_id))

    def _flush(self) -> None:
        self._chunks.append(pa.Table.from_pylist(self._rows, SCHEMA))
        self._rows = []

    def _write(self) -> None:
        self._shards.sync()
        self._journal.write()
        self._waiting = 0


def _known(row: StudyRow) -> Known:
    return Known(row["patient_id"], row["image_sha256"], row["content_sha256"])


def _key(pixels_sha256: str | None) -> bytes:
    """Half the memory of the text; empty for a study without a picture."""
    return bytes.fromhex(pixels_sha256 or "")
