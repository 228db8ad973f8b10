"""data/manifest.parquet: one row a study, sorted by study id. What a source did not know is null."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypedDict

import pyarrow as pa
import pyarrow.parquet as pq

from model.errors import BadInput
from model.findings import OBSERVATIONS

ROWS = 1024
"""Rows in memory at a time, where the table is not."""

BUFFER_BYTES = 1 << 20
"""What is read ahead of each column."""

SCHEMA = pa.schema(
    [
        pa.field("study_id", pa.string(), nullable=False),
        pa.field("patient_id", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("shard", pa.string(), nullable=False),
        pa.field("images", pa.list_(pa.struct([("member", pa.string()), ("view", pa.string())])), nullable=False),
        ("image_sha256", pa.string()),
        ("pixels_sha256", pa.string()),
        pa.field("content_sha256", pa.string(), nullable=False),
        pa.field("width", pa.int32(), nullable=False),
        pa.field("height", pa.int32(), nullable=False),
        ("findings", pa.string()),
        ("impression", pa.string()),
        ("indication", pa.string()),
        ("technique", pa.string()),
        ("comparison", pa.string()),
        pa.field(
            "sentences",
            pa.list_(
                pa.struct(
                    [
                        ("text", pa.string()),
                        ("section", pa.string()),
                        ("groundable", pa.bool_()),
                        ("mask", pa.string()),
                        ("boxes", pa.list_(pa.list_(pa.float64()))),
                    ]
                )
            ),
            nullable=False,
        ),
        ("labels", pa.struct([(observation, pa.int8()) for observation in OBSERVATIONS])),
        ("age", pa.int16()),
        ("sex", pa.string()),
        ("race_ethnicity", pa.string()),
        ("site", pa.string()),
        ("device", pa.string()),
        ("modality", pa.string()),
    ]
)


class ImageRow(TypedDict):
    """One image: its member in the study's shard."""

    member: str
    view: str | None


class SentenceRow(TypedDict):
    """One sentence. `mask` is a member of the shard (1-bit PNG), `boxes` x0, y0, x1, y1: both in the first image's
    original pixels."""

    text: str
    section: str
    groundable: bool | None
    mask: str | None
    boxes: list[list[float]] | None


class StudyRow(TypedDict):
    """One study, as `Table.to_pylist` gives it.

    `images[0]` is the image that is used; width, height (px) and both image hashes are its own: `image_sha256` of the
    stored file, `pixels_sha256` of the decoded 8-bit picture, so that one picture in two files is found.
    A study of a set that is reports alone has no images, shard "", null hashes, and 0 for width and height.
    `content_sha256` covers images, report and regions: it decides whether a study that comes again is the same.
    `labels` are 1, 0 or -1 (uncertain), null where not mentioned.
    """

    study_id: str
    patient_id: str
    split: str
    source: str
    shard: str
    images: list[ImageRow]
    image_sha256: str | None
    pixels_sha256: str | None
    content_sha256: str
    width: int
    height: int
    findings: str | None
    impression: str | None
    indication: str | None
    technique: str | None
    comparison: str | None
    sentences: list[SentenceRow]
    labels: dict[str, int | None] | None
    age: int | None
    sex: str | None
    race_ethnicity: str | None
    site: str | None
    device: str | None
    modality: str | None


def read_manifest(data: Path) -> pa.Table:
    """The whole table, in SCHEMA.

    Raises:
        BadInput: `data` holds no manifest, or one of another schema.
    """
    with _opened(data) as file:
        return file.read()


def stream_manifest(data: Path, columns: Sequence[str] = SCHEMA.names) -> Iterator[pa.RecordBatch]:
    """Some columns of the table, a batch of it in memory at a time.

    Raises:
        BadInput: as `read_manifest`.
    """
    with _opened(data) as file:
        yield from file.iter_batches(ROWS, columns=columns)


def _opened(data: Path) -> pq.ParquetFile:
    path = data / "manifest.parquet"
    if not path.is_file():
        raise BadInput(str(path), "an ingested set has a manifest", "run radassist ingest, or dvc checkout data.dvc")
    file = pq.ParquetFile(path, buffer_size=BUFFER_BYTES)
    if not file.schema_arrow.equals(SCHEMA):
        raise BadInput(str(path), "the manifest has another version's columns", "ingest the set anew")
    return file


def write_manifest(data: Path, table: pa.Table) -> None:
    """Write the rows sorted by study id; equal rows give equal bytes."""
    pq.write_table(table.sort_by("study_id").combine_chunks(), data / "manifest.parquet", compression="zstd")


def study_rows(table: pa.Table) -> Iterator[StudyRow]:
    """The rows one after the other, a batch of them in memory at a time."""
    for batch in table.to_batches(max_chunksize=ROWS):
        yield from batch.to_pylist()
