"""Where in the frontal image each finding lies: the mean of its regions, on a grid over the image.

A region is that of a positive statement, read at the model input's resolution from `prepared/`; the statements of one
study that name the same finding are one region. A place's value is the share of the studies whose region covers it.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from model.labeler import label_sentence
from model.pixels import Geometry
from pipelines.exploration.observations import FINDINGS

Field = NDArray[np.float32]

GRID = 64
MOST_STUDIES = 1000  # of each finding, and behind the mean radiograph: chosen by the hash of their id
FEWEST_RADIOGRAPHS = 20  # no one's picture is to be seen in the mean one
RADIOGRAPH = 256
COLUMNS = ["study_id", "sentence_text", "sentence_mask", "geometry"]


@dataclass(frozen=True, slots=True)
class Regions:
    """`share` by finding: float32 (GRID, GRID) in [0, 1], over the image without padding, of `studies` of the finding.

    `radiograph`: uint8 (RADIOGRAPH, RADIOGRAPH), the mean frontal image; None of fewer than FEWEST_RADIOGRAPHS.
    `aspect` is the height of the median image over its width.
    """

    share: dict[str, Field]
    studies: dict[str, int]
    radiograph: NDArray[np.uint8] | None
    aspect: float


@dataclass(frozen=True, slots=True)
class _Study:
    """One study: its row in images.npy, and the rows in masks.npy of each finding that it states with a region."""

    rank: str
    image: int
    geometry: Geometry
    masks: dict[str, list[int]]


def mean_regions(prepared: Path, studies: pd.DataFrame) -> Regions | None:
    """The regions in `prepared` of those `studies` (`study_id`, `view`) that are frontal or of no known view.

    Of the findings, those with a region are named. None where no frontal study was prepared.
    """
    found = sorted(_frontal_studies(prepared, frontal_ids(studies)), key=lambda study: study.rank)
    if not found:
        return None
    masks = np.load(prepared / "masks.npy", mmap_mode="r")
    share: dict[str, Field] = {}
    counted: dict[str, int] = {}
    for finding in FINDINGS:
        own = [study for study in found if finding in study.masks][:MOST_STUDIES]
        total = np.zeros((GRID, GRID), np.float32)
        for study in own:
            total += _region(masks[study.masks[finding]], study.geometry)
        if total.any():  # a region may be too small for the model's input
            share[finding], counted[finding] = total / np.float32(len(own)), len(own)
    return Regions(share, counted, _mean_radiograph(prepared, found[:MOST_STUDIES]), _aspect(found))


def frontal_ids(studies: pd.DataFrame) -> frozenset[str]:
    """The ids of the studies whose view is a frontal one (PA, AP, AP AXIAL ...) or not known."""
    return frozenset(studies.study_id[studies.view.isna() | studies.view.str.startswith(("PA", "AP"), na=False)])


def _frontal_studies(prepared: Path, wanted: frozenset[str]) -> Iterator[_Study]:
    first = 0
    for batch in pq.ParquetFile(prepared / "studies.parquet").iter_batches(1024, columns=COLUMNS):
        for image, row in enumerate(batch.to_pylist(), first):
            if row["study_id"] in wanted:
                masks = defaultdict(list)
                for text, mask in zip(row["sentence_text"], row["sentence_mask"], strict=True):
                    for finding in positive_findings(text) if mask >= 0 else ():
                        masks[finding].append(mask)
                rank = hashlib.sha256(f"explore:{row['study_id']}".encode()).hexdigest()
                yield _Study(rank, image, Geometry(**row["geometry"]), dict(masks))
        first += len(batch)


@lru_cache(maxsize=1 << 16)  # reports repeat their sentences
def positive_findings(sentence: str) -> frozenset[str]:
    """The findings that a sentence states as definite or likely."""
    return frozenset(finding.observation for finding in label_sentence(sentence) if finding.positive) & set(FINDINGS)


def _region(packed: NDArray[np.uint8], geometry: Geometry) -> Field:
    """Masks (n, size x size / 8) of one study and finding, as one region over the grid."""
    size = geometry.size
    covered = np.unpackbits(np.bitwise_or.reduce(packed)).reshape(size, size).astype(np.float32)
    return _over_image(covered, geometry, GRID)


def _over_image(square: Field, geometry: Geometry, side: int) -> Field:
    """The model's input without its padding, (side, side)."""
    rows = slice(geometry.pad_top, geometry.pad_top + geometry.scaled_height)
    columns = slice(geometry.pad_left, geometry.pad_left + geometry.scaled_width)
    smaller = min(geometry.scaled_height, geometry.scaled_width) >= side
    image: Field = cv2.resize(
        square[rows, columns], (side, side), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    )
    return image


def _mean_radiograph(prepared: Path, studies: list[_Study]) -> NDArray[np.uint8] | None:
    if len(studies) < FEWEST_RADIOGRAPHS:
        return None
    images = np.load(prepared / "images.npy", mmap_mode="r")
    total = np.zeros((RADIOGRAPH, RADIOGRAPH), np.float32)
    for study in studies:
        total += _over_image(images[study.image].astype(np.float32), study.geometry, RADIOGRAPH)
    return (total / len(studies)).round().astype(np.uint8)


def _aspect(studies: list[_Study]) -> float:
    return float(np.median([s.geometry.original_height / s.geometry.original_width for s in studies]))
