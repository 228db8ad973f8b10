"""Shards as other programs see them: plain tars, the same bytes for the same members, one member read alone."""

import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import BadInput
from pipelines.shards import BUCKETS, ShardWriter, bucket_of, link_shards, read_member


def write(data: Path, members: dict[str, bytes], bucket: int = 3) -> str:
    with ShardWriter(data / "shards") as writer:
        for name, content in members.items():
            writer.add(bucket, name, content)
        return writer.finish()[bucket]


MEMBERS = {"b/image_0.png": b"b" * 700, "a/image_0.png": b"", "a/mask_00.png": bytes(range(256)) * 40}


def test_members_come_back_one_by_one(tmp_path: Path) -> None:
    shard = write(tmp_path, MEMBERS)
    for name, content in MEMBERS.items():
        assert read_member(tmp_path, shard, name) == content


def test_gnu_tar_reads_a_shard(tmp_path: Path) -> None:
    shard = write(tmp_path, MEMBERS)
    listed = subprocess.run(
        ["tar", "--list", "--verbose", "--numeric-owner", "--utc", "--file", str(tmp_path / "shards" / shard)],
        capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    assert [line.split()[-1] for line in listed] == sorted(MEMBERS)
    assert all(line.startswith("-rw-r--r-- 0/0") and "1970-01-01 00:00" in line for line in listed)


def test_order_does_not_matter_and_content_names_the_shard(tmp_path: Path) -> None:
    one = write(tmp_path / "one", MEMBERS)
    two = write(tmp_path / "two", dict(reversed(MEMBERS.items())))
    assert one == two
    assert (tmp_path / "one/shards" / one).read_bytes() == (tmp_path / "two/shards" / two).read_bytes()
    assert write(tmp_path / "three", MEMBERS | {"c": b""}) != one
    assert list((tmp_path / "one/shards").iterdir()) == [tmp_path / "one/shards" / one]


def test_a_shard_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    shard = write(tmp_path, {"a": b"old"})
    assert read_member(tmp_path, shard, "a") == b"old"
    with tarfile.open(tmp_path / "shards" / "draft", "w") as archive:
        (tmp_path / "new").write_bytes(b"newer")
        archive.add(tmp_path / "new", "z")
        archive.add(tmp_path / "new", "a")
    (tmp_path / "shards" / "draft").replace(tmp_path / "shards" / shard)
    assert read_member(tmp_path, shard, "a") == b"newer"


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    shard = write(tmp_path, MEMBERS)
    with pytest.raises(BadInput, match="no such member"):
        read_member(tmp_path, shard, "a/image_1.png")
    with pytest.raises(BadInput, match="not there"):
        read_member(tmp_path, "00-0.tar", "a")


def test_reading_one_member_does_not_read_the_shard(tmp_path: Path) -> None:
    """A shard of 64 GiB, nearly all of it a hole in the file: only seeking can be quick, or fit into memory."""
    (tmp_path / "shards").mkdir()
    path = tmp_path / "shards" / "big.tar"
    hole = 64 * 2**30
    info = tarfile.TarInfo("hole")
    info.size = hole
    header = info.tobuf(tarfile.GNU_FORMAT)
    last = tarfile.TarInfo("last")
    last.size = 4
    with path.open("wb") as file:
        file.write(header)
        file.seek(hole, 1)
        file.write(last.tobuf(tarfile.GNU_FORMAT) + b"here" + b"\0" * 508 + b"\0" * 1024)
    assert read_member(tmp_path, "big.tar", "last") == b"here"


def test_linked_shards_are_the_same_files(tmp_path: Path) -> None:
    shard = write(tmp_path / "old", MEMBERS)
    (tmp_path / "new" / "shards").mkdir(parents=True)
    link_shards([shard], tmp_path / "old", tmp_path / "new")
    assert (tmp_path / "old/shards" / shard).samefile(tmp_path / "new/shards" / shard)
    with pytest.raises(BadInput, match="not there"):
        link_shards(["00-0.tar"], tmp_path / "old", tmp_path / "new")


@given(st.integers(0, 2**64 - 1))
def test_every_patient_has_a_bucket(number: int) -> None:
    assert 0 <= bucket_of(f"{number:016x}") < BUCKETS
