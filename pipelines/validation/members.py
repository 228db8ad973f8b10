"""Whether the shards hold what the manifest names, and whether the masks are of their images' size."""

import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from PIL import Image, UnidentifiedImageError

Size = tuple[int, int]

# Names alone: report texts stay on disk.
_READ = ["shard", "width", "height", "images.list.element.member", "sentences.list.element.mask"]


def member_faults(data: Path) -> tuple[list[int], list[int]]:
    """For each row of the manifest, how many members are missing, and how many masks are of another size.

    Shards are walked once each, header by header; of a mask its first bytes are read, of an image none.
    """
    with pq.ParquetFile(data / "manifest.parquet") as manifest:
        table = manifest.read(_READ)
    table = table.append_column("row", pa.array(range(len(table)), pa.int64()))
    missing, misfits = [0] * len(table), [0] * len(table)
    for shard in pc.unique(table["shard"]).to_pylist():
        rows = table.filter(pc.equal(table["shard"], shard)).to_pylist()
        masks = {s["mask"]: (row["width"], row["height"]) for row in rows for s in row["sentences"] if s["mask"]}
        sizes = _sizes(data / "shards" / shard, set(masks))
        for row in rows:
            named = [image["member"] for image in row["images"]]
            regions = [s["mask"] for s in row["sentences"] if s["mask"]]
            missing[row["row"]] = sum(name not in sizes for name in [*named, *regions])
            misfits[row["row"]] = sum(name in sizes and sizes[name] != masks[name] for name in regions)
    return missing, misfits


def _sizes(shard: Path, masks: set[str]) -> dict[str, Size | None]:
    """The members of a shard; for the masks width and height, None where that is no PNG. No shard, no members."""
    if not shard.is_file():
        return {}
    sizes: dict[str, Size | None] = {}
    try:
        with tarfile.open(shard, "r:") as archive:
            for info in archive:
                sizes[info.name] = _size(archive, info) if info.name in masks else None
    except tarfile.ReadError:  # cut short: what follows is missing
        pass
    return sizes


def _size(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Size | None:
    content = archive.extractfile(info)
    if content is None:
        return None
    try:
        with Image.open(content, formats=["PNG"]) as mask:
            return mask.size
    except UnidentifiedImageError:
        return None
