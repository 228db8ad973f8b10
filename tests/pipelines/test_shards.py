"""Shards as other programs see them: plain tars, the same bytes for the same members, one member read alone."""

import subprocess
import tarfile
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.errors import BadInput
from pipelines.shards import BUCKETS, ShardWriter, bucket_of, link_shards, read_member


def write(data: Path, members: dict[str, bytes], bucket: int = 3) -> str:
    (data / "shards").mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder, closing(ShardWriter(Path(folder))) as writer:
        for name, content in members.items():
            writer.add(bucket, {name: content})
        return writer.finish(data / "shards")[bucket]


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
    assert [line.split()[-1] for line in listed] == list(MEMBERS)
    assert all(line.startswith("-rw-r--r-- 0/0") and "1970-01-01 00:00" in line for line in listed)


def test_content_names_the_shard(tmp_path: Path) -> None:
    one = write(tmp_path / "one", MEMBERS)
    two = write(tmp_path / "two", MEMBERS)
    assert one == two
    assert (tmp_path / "one/shards" / one).read_bytes() == (tmp_path / "two/shards" / two).read_bytes()
    assert write(tmp_path / "three", MEMBERS | {"c": b""}) != one
    assert list((tmp_path / "one/shards").iterdir()) == [tmp_path / "one/shards" / one]


@settings(max_examples=40)
@given(
    members=st.dictionaries(st.text("abé", min_size=1, max_size=120), st.binary(max_size=1500), max_size=8),
    done=st.integers(0, 8),
    torn=st.binary(max_size=700),
)
def test_a_writer_goes_on_where_another_was_interrupted(members: dict[str, bytes], done: int, torn: bytes) -> None:
    """The first `done` members were kept; what came after, whole or torn, is not counted on."""
    each = [{name: content} for name, content in members.items()]
    with TemporaryDirectory() as folder:
        here = Path(folder)
        for place in ("whole", "interrupted", "a", "b"):
            (here / place).mkdir()
        with closing(ShardWriter(here / "whole")) as writer:
            for member in each:
                writer.add(3, member)
            names = writer.finish(here / "a")
        with closing(ShardWriter(here / "interrupted")) as writer:
            ends = [writer.add(3, member) for member in each[:done]]
        for tar in ("03.tar", "04.tar"):
            with (here / "interrupted" / tar).open("ab") as file:
                file.write(torn)
        with closing(ShardWriter(here / "interrupted", {3: ends[-1]} if ends else {})) as writer:
            for member in each[done:]:
                writer.add(3, member)
            assert writer.finish(here / "b") == names
        for name in names.values():
            assert (here / "a" / name).read_bytes() == (here / "b" / name).read_bytes()
            with tarfile.open(here / "b" / name) as archive:
                assert {info.name for info in archive} == set(members)


def test_a_tar_shorter_than_it_was_is_no_base_to_go_on_from(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"03\.tar: .* had 512 bytes; delete"):
        ShardWriter(tmp_path, {3: 512})


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
