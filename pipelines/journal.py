"""How far an ingest has come, kept on disk so that the next one goes on from there.

The first line says what the ingest is of; each further one is a study: its mark, and what became of it. Lines are
written in steps, each after the members that it speaks of are on the disk, so that what stands here can be relied on.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from model.study import Study
from pipelines.admission import Refused, Same
from pipelines.manifest import StudyRow
from pipelines.sources import Rejected


@dataclass(frozen=True, slots=True)
class Filed:
    """A new study: its row, still without shard, and where its bucket's tar ended after it."""

    row: StudyRow
    end: int


Outcome = Filed | Same | Refused
_KINDS: dict[str, type[Outcome]] = {kind.__name__: kind for kind in (Filed, Same, Refused)}


class Journal:
    """The journal at `path` of an ingest of `task`; that of another task counts for nothing.

    `read` what it has as far as that still holds, then `start` to `add`.
    """

    def __init__(self, path: Path, task: Mapping[str, str]) -> None:
        self._path, self._task = path, json.dumps(dict(task)).encode() + b"\n"
        self._kept = 0
        self._lines: list[bytes] = []

    def read(self) -> Iterator[tuple[str, Outcome]]:
        """Marks and outcomes in their order. Where the caller stops, that one and what follows it are not kept."""
        if not self._path.is_file():
            return
        with self._path.open("rb") as file:
            if next(file, b"") != self._task:
                return
            self._kept = len(self._task)
            for line in file:
                if not line.endswith(b"\n"):  # torn
                    return
                mark, kind, *values = json.loads(line)
                yield mark, _KINDS[kind](*values)
                self._kept += len(line)

    def start(self) -> None:
        """Cut off what is not kept. This goes before any change to the shards that the journal speaks of."""
        self._file = self._path.open("ab")
        self._file.truncate(self._kept)
        if not self._kept:
            self._file.write(self._task)
        self.write()

    def add(self, mark: str, outcome: Outcome) -> None:
        """Note an outcome; the next `write` keeps it."""
        values = [getattr(outcome, field.name) for field in fields(outcome)]
        self._lines.append(json.dumps([mark, type(outcome).__name__, *values]).encode() + b"\n")

    def write(self) -> None:
        """Bring what was added to the disk."""
        self._file.writelines(self._lines)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._lines.clear()

    def close(self) -> None:
        self._file.close()


def mark_of(study: Study | Rejected) -> str:
    """Changes with the study's report and with its image files, as far as their size and time tell."""
    if isinstance(study, Rejected):
        said: tuple[object, ...] = (study.study_id, study.reason)
    else:
        report = (study.findings, study.impression, study.indication, study.technique, study.comparison)
        said = (study.study_id, study.patient_id, study.split, report, [_state(image.path) for image in study.images])
    return hashlib.sha256(repr(said).encode()).hexdigest()[:16]


def _state(path: Path) -> tuple[str, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return str(path), found.st_size, found.st_mtime_ns


def code_digest() -> str:
    """Tells this code from another, which may decide otherwise."""
    digest = hashlib.sha256()
    root = Path(__file__).parents[1]
    for path in sorted(path for package in ("model", "pipelines") for path in (root / package).rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
