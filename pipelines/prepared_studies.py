"""`prepared/` on disk: a table that is mapped into memory, and shards that are read a study at a time.

prepared/studies.arrow     one row a study, in the manifest's order (SCHEMA)
prepared/shards/00000.tar  STUDY/image.png: the model's input; STUDY/masks.bits.z: zlib's stream of the regions, uint8
                           (masks, size x size / 8), a bit a pixel in C order
prepared/tokenizer.json    of the report's words
prepared/config.json       pixel parameters and token limit

The table names the shard, the place and the sha256 of what each study has there: of a set that was damaged nothing is
read, and the table's own digest stands for every image and mask.
"""

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypedDict

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from model.errors import BadInput
from pipelines.shards import ShardSeries, Span, read_span

TABLE, SHARDS = "studies.arrow", "shards"

SHARD_BYTES = 1 << 29
"""About how large a shard gets: a thousand of them hold 250,000 studies of 2048 x 2048."""

ROWS = 1024
"""Rows that are written at once: few enough to hold, many enough for the table to have few chunks."""

WAY_OUT = "run radassist prepare"

_SPAN = pa.struct([("offset", pa.int64()), ("size", pa.int64())])

SCHEMA = pa.schema(
    [
        pa.field(name, kind, nullable=False)
        for name, kind in {
            "study_id": pa.string(),
            "patient_id": pa.string(),
            "split": pa.string(),
            "prompt": pa.string(),
            "ids": pa.list_(pa.int32()),
            "sentence": pa.list_(pa.int32()),
            "cut": pa.bool_(),
            "sentence_text": pa.list_(pa.string()),
            "sentence_section": pa.list_(pa.string()),
            "sentence_groundable": pa.list_(pa.bool_()),
            "sentence_findings": pa.list_(pa.list_(pa.int8())),
            "sentence_mask": pa.list_(pa.int16()),
            "geometry": pa.struct(
                [
                    (side, pa.int32())
                    for side in (
                        "original_width",
                        "original_height",
                        "scaled_width",
                        "scaled_height",
                        "pad_left",
                        "pad_top",
                        "size",
                    )
                ]
            ),
            "input_sha256": pa.string(),
            "shard": pa.string(),
            "image": _SPAN,
            "masks": _SPAN,
            "sha256": pa.string(),
        }.items()
    ]
)


class PreparedRow(TypedDict):
    """What a study is learned and graded by.

    `prompt` is what is known beside the image, see `model.prompt`. `ids` are the report's tokens with start and end,
    `sentence` the index of the sentence of each, -1 for the special ones; `cut` tells whether sentences were left out.
    `sentence_*` has an item a sentence, findings before impression: `sentence_findings` are the places in OBSERVATIONS
    of what it states to be there, `sentence_mask` is which of the study's masks is its region, -1 without one.
    `geometry` are the fields of `Geometry`, `input_sha256` is `ModelInput.sha256`.
    """

    study_id: str
    patient_id: str
    split: str
    prompt: str
    ids: list[int]
    sentence: list[int]
    cut: bool
    sentence_text: list[str]
    sentence_section: list[str]
    sentence_groundable: list[bool | None]
    sentence_findings: list[Sequence[int]]
    sentence_mask: list[int]
    geometry: dict[str, int]
    input_sha256: str


class StoredRow(PreparedRow):
    """A row as it stands in the table: `image` and `masks` are spans of the shard, `sha256` is of both, one after the
    other."""

    shard: str
    image: dict[str, int]
    masks: dict[str, int]
    sha256: str


class Picture(NamedTuple):
    """image: uint8 (size, size); masks: bool (masks, size, size)."""

    image: NDArray[np.uint8]
    masks: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Packed:
    """A picture without loss in few bytes: the image as PNG, the masks as zlib's stream of their bits."""

    image: bytes
    masks: bytes

    @classmethod
    def of(cls, image: NDArray[np.uint8], masks: Sequence[NDArray[np.bool_]]) -> Self:
        """Pack an image (size, size) and masks of its shape.

        PNG's filters are what makes a radiograph small: half of its raw bytes at 2048 x 2048, where zlib alone leaves
        three quarters. Runs are all that masks have, and zlib finds those six times as fast as a 1-bit PNG gives them.
        """
        # of PNG's settings the smallest and the quickest at once: a radiograph's noise has no repeats to look for
        _, png = cv2.imencode(
            ".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
        )
        return cls(png.tobytes(), zlib.compress(b"".join(np.packbits(mask).tobytes() for mask in masks)))

    @property
    def sha256(self) -> str:
        digest = hashlib.sha256(self.image)
        digest.update(self.masks)
        return digest.hexdigest()

    def unpacked(self) -> Picture:
        image: Any = cv2.imdecode(np.frombuffer(self.image, np.uint8), cv2.IMREAD_UNCHANGED)
        bits = np.unpackbits(np.frombuffer(zlib.decompress(self.masks), np.uint8))
        return Picture(image, bits.view(bool).reshape(-1, *image.shape))


class PreparedWriter:
    """Writes table and shards, a study at a time; memory holds ROWS rows.

    A context: a folder whose writer did not come to its end holds no set.
    """

    def __init__(self, folder: Path, shard_bytes: int = SHARD_BYTES) -> None:
        self._shards = ShardSeries(folder / SHARDS, shard_bytes)
        self._file = pa.OSFile(str(folder / TABLE), "wb")
        self._table = pa.ipc.new_file(self._file, SCHEMA)
        self._rows: list[StoredRow] = []

    def add(self, row: PreparedRow, packed: Packed) -> None:
        """Append a study."""
        members = {f"{row['study_id']}/image.png": packed.image, f"{row['study_id']}/masks.bits.z": packed.masks}
        shard, (image, masks) = self._shards.add(members)
        self._rows.append(
            {**row, "shard": shard, "image": image._asdict(), "masks": masks._asdict(), "sha256": packed.sha256}
        )
        if len(self._rows) == ROWS:
            self._write()

    def _write(self) -> None:
        self._table.write_batch(pa.RecordBatch.from_pylist(self._rows, SCHEMA))
        self._rows = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, where: TracebackType | None
    ) -> None:
        self._shards.close()
        if fault is None:
            self._write()
            self._table.close()
        self._file.close()


class PreparedStudies:
    """The studies of `prepared/`, or of one split of it, each read when it is asked for.

    Processes share the table's memory: one that is forked has it, and one that this is sent to maps it again.

    Raises:
        BadInput: the folder holds no set, or one that is not whole.
    """

    def __init__(self, folder: Path, split: str | None = None) -> None:
        self._arguments = folder, split
        self._shards = folder / SHARDS
        self._table = _map_table(folder / TABLE)
        self._columns = {name: self._table[name] for name in SCHEMA.names}
        chosen = np.ones(len(self._table), bool) if split is None else pc.equal(self._columns["split"], split)
        self._places = np.flatnonzero(chosen)

    def __reduce__(self) -> tuple[type[Self], tuple[Path, str | None]]:
        return type(self), self._arguments

    def __len__(self) -> int:
        return len(self._places)

    def row(self, index: int, columns: Sequence[str] = SCHEMA.names) -> StoredRow:
        """The study's row of the table; where not all columns are asked for, it has those alone."""
        place = int(self._places[index])
        row: Any = {name: self._columns[name][place].as_py() for name in columns}
        return row  # type: ignore[no-any-return]

    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each study's report."""
        lengths: NDArray[np.int64] = pc.list_value_length(self._columns["ids"]).to_numpy().astype(np.int64)
        return lengths[self._places]

    def picture(self, row: StoredRow) -> Picture:
        """The study's image and masks, read from its shard.

        Raises:
            BadInput: the shard is missing or damaged.
        """
        path = self._shards / row["shard"]
        image, masks = Span(**row["image"]), Span(**row["masks"])
        content = read_span(path, Span(image.offset, masks.offset + masks.size - image.offset), WAY_OUT)
        packed = Packed(content[: image.size], content[masks.offset - image.offset :])
        if packed.sha256 != row["sha256"]:
            raise BadInput(f"{path}, study {row['study_id']}", "it does not hold what prepare wrote there", WAY_OUT)
        return packed.unpacked()


def _map_table(path: Path) -> pa.Table:
    try:
        table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    except FileNotFoundError as error:
        raise BadInput(str(path), "a prepared set has a table of its studies", WAY_OUT) from error
    except pa.ArrowInvalid as error:
        raise BadInput(str(path), "the table of the prepared set is not whole", WAY_OUT) from error
    if not table.schema.equals(SCHEMA):
        raise BadInput(str(path), "the prepared set has another version's columns", WAY_OUT)
    return table
