"""Caption sets in ROCO's two layouts, as rows for the source `folder`. The name of the file or folder is the split.

    ROCOv2    train_captions.csv (ID, Caption), train_concepts.csv (ID, CUIs; optional), train/ID.jpg; valid, test
    ROCO      train/radiology/captions.txt (ID, tab, caption), train/radiology/images/ID.jpg; validation, test

One of ROCO's folders alone is a set without splits. These sets hold images of every kind: ROCOv2's concepts tell
modality and, of plain X-rays, the body part by their UMLS codes. Sources: Pelka et al. 2018 (LABELS 2018), Rückert et
al. 2024 (Scientific Data 11, 688).
"""

import csv
from collections.abc import Iterator
from pathlib import Path

from model.errors import BadInput

Row = dict[str, str]

MODALITY_OF_CONCEPT = {
    "C1306645": "X-RAY",
    "C0040405": "CT",
    "C0024485": "MR",
    "C0041618": "US",
    "C0002978": "XA",
    "C0032743": "PT",
}
CHEST = "C0817096"


def caption_rows(root: Path) -> list[Row]:
    """A row for each caption: file (from the root on), caption, split, and what the concepts tell; [] of no such set.

    Raises:
        BadInput: a table lacks a column.
    """
    tables = sorted(root.glob("*_captions.csv"))
    if tables:
        return [row for path in tables for row in _second(path)]
    return [row for path in sorted(root.glob("**/radiology/captions.txt")) for row in _first(path, root)]


def _second(path: Path) -> Iterator[Row]:
    split = path.name.removesuffix("_captions.csv")
    concepts_path = path.with_name(f"{split}_concepts.csv")
    concepts = dict(_pairs(concepts_path, "CUIs")) if concepts_path.is_file() else {}
    for image, caption in _pairs(path, "Caption"):
        yield {"file": f"{split}/{image}.jpg", "caption": caption, "split": split, **_told(concepts.get(image, ""))}


def _pairs(path: Path, column: str) -> Iterator[tuple[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as lines:
        for row in csv.DictReader(lines):
            if "ID" not in row or column not in row:
                raise BadInput(f"table {path}", f"its columns are ID and {column}", "take the table as published")
            yield row["ID"], row[column] or ""


def _told(codes: str) -> Row:
    """Modality and body part, as far as concepts, separated by semicolons, tell them."""
    stated = [code.strip() for code in codes.split(";")]
    modality = next((MODALITY_OF_CONCEPT[code] for code in stated if code in MODALITY_OF_CONCEPT), "")
    if modality != "X-RAY":
        return {"modality": modality}
    return {"modality": modality, "body_part": "CHEST" if CHEST in stated else "NOT THE CHEST"}


def _first(path: Path, root: Path) -> Iterator[Row]:
    folder = path.parent.relative_to(root)
    split = {} if len(folder.parts) == 1 else {"split": folder.parts[-2]}
    for line in path.read_text(encoding="utf-8-sig").splitlines():
        image, _, caption = line.partition("\t")
        if image:
            yield {"file": f"{folder.as_posix()}/images/{image.strip()}.jpg", "caption": caption, **split}
