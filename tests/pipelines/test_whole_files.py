from pathlib import Path

import pytest

from pipelines.whole_files import write_whole


def test_who_reads_a_file_while_it_is_replaced_reads_the_old_one_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "page.html"
    write_whole(path, "the first, é")
    with path.open(encoding="utf-8") as reader:
        write_whole(path, b"the second")
        assert reader.read() == "the first, é"
    assert path.read_text() == "the second"


def test_what_cannot_be_put_in_place_leaves_nothing_beside(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path / "taken", "content")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
