"""Tar shards: few large files of many small members, the same bytes for the same members.

A shard holds the studies that one batch brought for one bucket of patients, so a batch only ever adds files. It is
named by its own content. Members are sorted and carry no time, owner or mode of the machine that wrote them.
"""

import hashlib
import shutil
import tarfile
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

from model.errors import BadInput

BUCKETS = 32

MISSING = "the manifest names a shard that is not there"
WAY_OUT = "bring the set back with dvc checkout data.dvc"


class Span(NamedTuple):
    """Where a member's bytes lie in a file."""

    offset: int
    size: int


def bucket_of(patient_id: str) -> int:
    """The bucket of a hashed patient id (hexadecimal), 0 to BUCKETS - 1."""
    return int(patient_id, 16) % BUCKETS


def read_member(data: Path, shard: str, member: str) -> bytes:
    """One member of a shard of the set in `data`, read alone; the shard's index is kept for the next.

    Raises:
        BadInput: the shard is missing, or has no such member.
    """
    path = data / "shards" / shard
    try:
        seen = path.stat()
        span = _index(path, seen.st_ino, seen.st_size, seen.st_mtime_ns)[member]
    except FileNotFoundError as error:
        raise BadInput(
            str(path), "the manifest names a shard that is not there", "run dvc checkout data.dvc"
        ) from error
    except KeyError as error:
        raise BadInput(f"{path} {member}", "the shard has no such member", WAY_OUT) from error
    with path.open("rb") as file:
        file.seek(span.offset)
        return file.read(span.size)


@lru_cache(maxsize=4096)
def _index(path: Path, inode: int, size: int, changed: int) -> dict[str, Span]:  # noqa: ARG001 - a new file is a new key
    with tarfile.open(path, "r:") as archive:
        return {info.name: Span(info.offset_data, info.size) for info in archive}


class ShardWriter:
    """Writes one batch's shards into a folder.

    Members come in any order: each is appended at once to its bucket's spool file, and `close` turns spools into sorted
    tars. Memory holds names and offsets alone.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._spools: dict[int, BinaryIO] = {}
        self._spans: dict[int, dict[str, Span]] = {}

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for spool in self._spools.values():
            spool.close()
            Path(spool.name).unlink(missing_ok=True)

    def add(self, bucket: int, member: str, content: bytes) -> None:
        if bucket not in self._spools:
            self._spools[bucket] = (self._folder / f".{bucket:02d}.spool").open("w+b")
            self._spans[bucket] = {}
        spool = self._spools[bucket]
        self._spans[bucket][member] = Span(spool.tell(), len(content))
        spool.write(content)

    def finish(self) -> dict[int, str]:
        """Write the tars; return each bucket's shard by file name."""
        return {bucket: self._write(bucket) for bucket in sorted(self._spools)}

    def _write(self, bucket: int) -> str:
        spool = self._spools[bucket]
        draft = self._folder / f".{bucket:02d}.tar"
        with tarfile.open(draft, "w", format=tarfile.PAX_FORMAT) as archive:
            for name, span in sorted(self._spans[bucket].items()):
                info = tarfile.TarInfo(name)
                info.size = span.size
                spool.seek(span.offset)
                archive.addfile(info, spool)
        with draft.open("rb") as file:
            shard = f"{bucket:02d}-{hashlib.file_digest(file, 'sha256').hexdigest()[:16]}.tar"
        draft.rename(self._folder / shard)
        return shard


def link_shards(names: Iterable[str], data: Path, into: Path) -> None:
    """Give the set in `into` shards of the one in `data`, which stay as they are: hard links, copies where none can be.

    Raises:
        BadInput: a shard is missing.
    """
    for name in names:
        shard, target = data / "shards" / name, into / "shards" / name
        if not shard.is_file():
            raise BadInput(str(shard), MISSING, WAY_OUT)
        try:
            target.hardlink_to(shard)
        except OSError:
            shutil.copy2(shard, target)
