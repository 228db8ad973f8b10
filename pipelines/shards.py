"""Tar shards: few large files of many small members, the same bytes for the same members in the same order.

A shard of the ingested set holds the studies that one batch brought for one bucket of patients, so a batch only ever
adds files, and is named by its own content; those of the prepared set are a series. Members carry no time, owner or
mode of the machine that wrote them.
"""

import hashlib
import os
import shutil
import tarfile
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from model.errors import BadInput
from pipelines.manifest import StudyRow

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
        raise BadInput(str(path), MISSING, WAY_OUT) from error
    except KeyError as error:
        raise BadInput(f"{path} {member}", "the shard has no such member", WAY_OUT) from error
    return read_span(path, span, WAY_OUT)


def first_image(data: Path, row: StudyRow) -> bytes:
    """The image of a study that is used; raises as `read_member`."""
    return read_member(data, row["shard"], row["images"][0]["member"])


def read_span(path: Path, span: Span, way_out: str) -> bytes:
    """The bytes of a file there. The file is open for this alone: threads and processes may read at once.

    Raises:
        BadInput: the file is missing, or shorter.
    """
    try:
        with path.open("rb") as file:
            file.seek(span.offset)
            content = file.read(span.size)
    except FileNotFoundError as error:
        raise BadInput(str(path), "there is no such shard", way_out) from error
    if len(content) < span.size:
        raise BadInput(str(path), f"the shard ends before byte {span.offset + span.size}", way_out)
    return content


@lru_cache(maxsize=4096)
def _index(path: Path, inode: int, size: int, changed: int) -> dict[str, Span]:  # noqa: ARG001 - a new file is a new key
    with tarfile.open(path, "r:") as archive:
        return {info.name: Span(info.offset_data, info.size) for info in archive}


class ShardWriter:
    """Writes one batch's shards. What comes is appended to its bucket's tar at once, so memory holds none of it.

    Args:
        folder: where the tars grow; `finish` gives them their names and their place.
        ends: how long the tars are, in bytes, that an interrupted writer left there and this one goes on with. What
            they hold beyond is cut off; of other buckets nothing stays.

    Raises:
        BadInput: a tar is shorter.
    """

    def __init__(self, folder: Path, ends: Mapping[int, int] | None = None) -> None:
        ends = ends or {}
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob("*.tar"):
            if int(left.stem) not in ends:
                left.unlink()
        self._folder = folder
        self._tars = {bucket: _Tar(self._path(bucket), end) for bucket, end in ends.items()}

    def add(self, bucket: int, members: Mapping[str, bytes]) -> int:
        """Append members; return where the bucket's tar ends now."""
        if bucket not in self._tars:
            self._tars[bucket] = _Tar(self._path(bucket))
        tar = self._tars[bucket]
        for name, content in members.items():
            tar.append(name, content)
        return tar.end

    def sync(self) -> None:
        """Bring what was added to the disk."""
        for tar in self._tars.values():
            tar.sync()

    def finish(self, into: Path) -> dict[int, str]:
        """Put the shards into the folder `into`, under their names; return each bucket's."""
        names = {}
        for bucket, tar in sorted(self._tars.items()):
            names[bucket] = f"{bucket:02d}-{tar.finish()[:16]}.tar"
            _link(self._path(bucket), into / names[bucket])
        return names

    def close(self) -> None:
        for tar in self._tars.values():
            tar.close()

    def _path(self, bucket: int) -> Path:
        return self._folder / f"{bucket:02d}.tar"


class ShardSeries:
    """Writes shards one after the other, 00000.tar and so on: a new one where the last has reached `limit` bytes."""

    def __init__(self, folder: Path, limit: int) -> None:
        folder.mkdir(parents=True)
        self._folder, self._limit, self._count = folder, limit, 0
        self._begin()

    def add(self, members: Mapping[str, bytes]) -> tuple[str, list[Span]]:
        """Append members to one shard; return its name, and where it has the content of each."""
        if self._tar.end >= self._limit:
            self.close()
            self._begin()
        return self._name, [self._tar.append(name, content) for name, content in members.items()]

    def close(self) -> None:
        """End the last shard."""
        self._tar.finish()
        self._tar.close()

    def _begin(self) -> None:
        self._name = f"{self._count:05d}.tar"
        self._tar = _Tar(self._folder / self._name)
        self._count += 1


class _Tar:
    """A tar that grows, and its sha256. `tarfile` writes tars as well, but remembers every member."""

    def __init__(self, path: Path, end: int = 0) -> None:
        self._file = path.open("ab")
        if self._file.tell() < end:
            raise BadInput(str(path), f"an ingest was interrupted when it had {end} bytes", f"delete {path.parent}")
        self._file.truncate(end)
        with path.open("rb") as file:
            self._sha256 = hashlib.file_digest(file, "sha256")
        self.end, self._synced = end, end

    def append(self, name: str, content: bytes) -> Span:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        padding = bytes(-len(content) % tarfile.BLOCKSIZE)
        self._write(info.tobuf(tarfile.PAX_FORMAT, "utf-8"), content, padding)
        return Span(self.end - len(padding) - len(content), len(content))

    def sync(self) -> None:
        if self._synced < self.end:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._synced = self.end

    def finish(self) -> str:
        """Write the end of the archive; return the file's sha256."""
        self._write(bytes(2 * tarfile.BLOCKSIZE))
        self.sync()
        return self._sha256.hexdigest()

    def close(self) -> None:
        self._file.close()

    def _write(self, *pieces: bytes) -> None:
        for piece in pieces:
            self._file.write(piece)
            self._sha256.update(piece)
            self.end += len(piece)


def link_shards(names: Iterable[str], data: Path, into: Path) -> None:
    """Give the set in `into` shards of the one in `data`, which stay as they are: hard links, copies where none can be.

    Raises:
        BadInput: a shard is missing.
    """
    for name in names:
        shard, target = data / "shards" / name, into / "shards" / name
        if not shard.is_file():
            raise BadInput(str(shard), MISSING, WAY_OUT)
        _link(shard, target)


def _link(shard: Path, target: Path) -> None:
    try:
        target.hardlink_to(shard)
    except OSError:
        shutil.copy2(shard, target)
