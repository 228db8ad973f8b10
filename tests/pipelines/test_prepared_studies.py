"""The prepared set on disk: what was put in comes out bit for bit, read a study at a time, and damage is told."""

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from model.errors import BadInput
from model.pixels import Geometry
from model.tokenizer import ReportTokenizer
from pipelines.batches import loader
from pipelines.prepared import Batch, PreparedSet, covered_shares, fingerprint
from pipelines.prepared_studies import Packed, PreparedRow, PreparedStudies, PreparedWriter

SIZE = 32
ROOT = Path(__file__).parents[2]

Pictured = tuple[NDArray[np.uint8], list[NDArray[np.bool_]]]


def pictured(seed: int, size: int = SIZE) -> Pictured:
    """Noise, and as many masks as the seed says, 0 to 2."""
    generator = np.random.default_rng(seed)
    masks = [generator.random((size, size)) < 0.3 for _ in range(seed % 3)]
    return generator.integers(0, 256, (size, size), dtype=np.uint8), masks


def row_of(number: int, image: NDArray[np.uint8], masks: Sequence[NDArray[np.bool_]]) -> PreparedRow:
    """A sentence a mask, and one without."""
    size, count = len(image), len(masks) + 1
    return {
        "study_id": f"s{number:06d}",
        "patient_id": f"p{number}",
        "split": ("train", "validate")[number % 5 == 4],
        "prompt": f"{number}0s.",
        "ids": [1, *range(4, 4 + count), 2],
        "sentence": [-1, *range(count), -1],
        "cut": False,
        "sentence_text": [f"Größe {k}." for k in range(count)],
        "sentence_section": ["findings"] * count,
        "sentence_groundable": [*[True] * len(masks), (None, False)[number % 2]],
        "sentence_findings": [*[[1 + k] for k in range(len(masks))], []],
        "sentence_mask": [*range(len(masks)), -1],
        "geometry": asdict(Geometry.fit(size, size, size)),
        "input_sha256": sha256(image.tobytes()).hexdigest(),
    }


def write(folder: Path, studies: Sequence[Pictured], shard_bytes: int = 8000) -> Path:
    folder.mkdir(parents=True)
    with PreparedWriter(folder, shard_bytes) as writer:
        for number, (image, masks) in enumerate(studies):
            writer.add(row_of(number, image, masks), Packed.of(image, masks))
    (folder / "config.json").write_text('{"prompt_tokens": 2}')
    ReportTokenizer.train(["60s."], 300).save(folder / "tokenizer.json")
    return folder


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    return write(tmp_path / "prepared", [pictured(number) for number in range(25)])


def test_what_was_written_is_read_bit_for_bit(prepared: Path) -> None:
    studies = PreparedStudies(prepared)
    assert len(studies) == 25
    assert len(list((prepared / "shards").iterdir())) > 2
    for number in range(25):
        image, masks = pictured(number)
        row = studies.row(number)
        wanted = row_of(number, image, masks)
        assert {name: row[name] for name in wanted} == wanted  # type: ignore[literal-required]
        picture = studies.picture(row)
        np.testing.assert_array_equal(picture.image, image)
        np.testing.assert_array_equal(picture.masks, np.array(masks, bool).reshape(-1, SIZE, SIZE))
        assert (picture.image.dtype, picture.masks.dtype) == (np.uint8, bool)


@settings(max_examples=30)
@given(st.sampled_from([32, 96]), st.integers(0, 4), st.randoms(use_true_random=False))
def test_no_picture_loses_a_bit(size: int, count: int, random: object) -> None:
    generator = np.random.default_rng(random.getrandbits(32))  # type: ignore[attr-defined]
    image = generator.integers(0, int(generator.integers(1, 257)), (size, size), dtype=np.uint8)
    masks = generator.random((count, size, size)) < generator.random()
    picture = Packed.of(image, list(masks)).unpacked()
    np.testing.assert_array_equal(picture.image, image)
    np.testing.assert_array_equal(picture.masks, masks)


def test_equal_studies_give_equal_bytes(prepared: Path, tmp_path: Path) -> None:
    again = write(tmp_path / "again", [pictured(number) for number in range(25)])
    for path in filter(Path.is_file, prepared.rglob("*")):
        assert path.read_bytes() == (again / path.relative_to(prepared)).read_bytes(), path
    assert fingerprint(prepared) == fingerprint(again)


@pytest.mark.parametrize("changed", ["image", "mask"])
def test_the_fingerprint_is_another_where_a_pixel_is(prepared: Path, tmp_path: Path, changed: str) -> None:
    studies = [pictured(number) for number in range(25)]
    image, masks = studies[11]
    if changed == "image":
        image[3, 4] ^= 1
    else:
        masks[1][3, 4] ^= True
    assert fingerprint(write(tmp_path / "other", studies)) != fingerprint(prepared)


def test_any_program_can_look_into_a_shard(prepared: Path, tmp_path: Path) -> None:
    subprocess.run(["tar", "--extract", "--file", str(prepared / "shards/00000.tar")], cwd=tmp_path, check=True)
    image = cv2.imread(str(tmp_path / "s000000" / "image.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(image, pictured(0)[0])


def test_a_split_has_its_own_studies_in_order(prepared: Path) -> None:
    validate = PreparedStudies(prepared, "validate")
    ids = [validate.row(index, ["study_id"])["study_id"] for index in range(len(validate))]
    assert ids == ["s000004", "s000009", "s000014", "s000019", "s000024"]
    assert validate.lengths().tolist() == [3 + number % 3 for number in (4, 9, 14, 19, 24)]
    assert len(PreparedStudies(prepared, "test")) == 0


def test_damage_is_one_clear_line(prepared: Path) -> None:
    studies = PreparedStudies(prepared)
    row = studies.row(0)
    shard = prepared / "shards" / row["shard"]
    whole = shard.read_bytes()
    flipped = bytearray(whole)
    flipped[row["masks"]["offset"] + 3] ^= 1
    for content, rule in ((bytes(flipped), "study s000000: it does not hold"), (whole[:600], "ends before byte")):
        shard.write_bytes(content)
        with pytest.raises(BadInput, match=f"00000.tar.*{rule}.*; run radassist prepare"):
            studies.picture(row)
    shard.unlink()
    with pytest.raises(BadInput, match=r"00000\.tar: there is no such shard; run radassist prepare"):
        studies.picture(row)


def test_a_set_that_was_not_written_to_its_end_is_none(prepared: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="a prepared set has a table"):
        PreparedStudies(tmp_path)
    table = (prepared / "studies.arrow").read_bytes()
    (prepared / "studies.arrow").write_bytes(table[:-9])
    with pytest.raises(BadInput, match=r"studies\.arrow: the table of the prepared set is not whole"):
        PreparedStudies(prepared)
    ragged = (np.zeros((SIZE, SIZE), np.uint8), [np.zeros((1, 1), object)])
    with pytest.raises(TypeError):
        write(tmp_path / "stopped", [pictured(0), ragged])
    with pytest.raises(BadInput, match="not whole"):
        PreparedStudies(tmp_path / "stopped")


def digest(batch: Batch) -> str:
    parts = (batch.image, batch.text_ids, batch.grounding_masks, batch.finding_masks)
    return sha256(b"".join(part.numpy().tobytes() for part in parts)).hexdigest()


def test_reading_processes_give_the_batches_that_none_gives(prepared: Path) -> None:
    studies = PreparedSet(prepared, "train", (4, 4))
    rows = np.random.default_rng(0).permutation(20).reshape(5, 4).tolist()
    torch.manual_seed(3)
    alone, state = [digest(batch) for batch in loader(studies, rows)], torch.get_rng_state()
    torch.manual_seed(3)
    assert [digest(batch) for batch in loader(studies, rows, readers=2)] == alone
    assert torch.equal(torch.get_rng_state(), state)


def test_a_process_that_shares_no_memory_maps_the_set_itself(prepared: Path) -> None:
    studies = PreparedSet(prepared, "train", (4, 4))
    sent = pickle.dumps(studies)
    assert len(sent) < 5000  # the vocabulary, and none of the studies
    received: PreparedSet = pickle.loads(sent)  # noqa: S301 - as processes do it
    np.testing.assert_array_equal(received[7].target, studies[7].target)


def test_a_patch_is_covered_by_the_share_of_its_pixels() -> None:
    masks = np.zeros((2, 8, 8), bool)
    masks[0, :4, :2] = True  # half of the upper left of 2 x 2 patches
    masks[1, 3:5, 4:] = True
    shares = covered_shares(masks, (2, 2))
    assert shares.dtype == np.float32
    np.testing.assert_array_equal(shares, [[0.5, 0, 0, 0], [0, 0.25, 0, 0.25]])
    np.testing.assert_array_equal(
        covered_shares(masks, (1, 4)), masks.reshape(2, 1, 8, 4, 2).mean((2, 4), dtype=np.float32).reshape(2, 4)
    )


def test_a_sentence_that_has_no_place_asks_for_the_null_token_and_an_unknown_one_for_nothing(prepared: Path) -> None:
    studies = PreparedSet(prepared, "train", (4, 4))
    for number, null in ((1, 1.0), (2, 0.0)):
        count = number % 3 + 1
        wanted = studies[number].target
        assert wanted.shape == (count + 2, 17)
        np.testing.assert_allclose(wanted[: count - 1, :-1].sum(1), 1.0)  # the regions of the sentences before
        np.testing.assert_array_equal(wanted[count - 1], [0.0] * 16 + [null])
        np.testing.assert_array_equal(wanted[count:], 0.0)  # the end, and what is written after it


READ = """
import sys
from pathlib import Path

import psutil

from pipelines.prepared_studies import PreparedStudies

studies = PreparedStudies(Path(sys.argv[1]))
for index in range(10):
    studies.picture(studies.row(index))
before = psutil.Process().memory_full_info().uss
for index in range(len(studies)):
    studies.picture(studies.row(index))
print(psutil.Process().memory_full_info().uss - before)
"""


def test_reading_every_study_takes_no_memory_for_them(tmp_path: Path) -> None:
    """40 MB of noise, of which a study is 0.3 MB; the mapped table is small here, and can be taken back at any time."""
    folder = write(tmp_path / "prepared", [pictured(number, 512) for number in range(150)], shard_bytes=1 << 23)
    stored = sum(path.stat().st_size for path in (folder / "shards").iterdir())
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", READ, str(folder)], env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) < stored / 8
