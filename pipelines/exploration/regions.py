"""Where in the frontal image each finding lies: the mean of its regions, on a grid over the image.

A region is that of a positive statement, read at the model input's resolution from `prepared/`; the statements of one
study that name the same finding are one region. A place's value is the share of the studies whose region covers it.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model.findings import OBSERVATIONS
from model.pixels import Geometry
from pipelines.exploration.observations import FINDINGS
from pipelines.prepared_studies import Picture, PreparedStudies

Field = NDArray[np.float32]

GRID = 64
MOST_STUDIES = 1000  # of each finding, and behind the mean radiograph: chosen by the hash of their id
FEWEST_RADIOGRAPHS = 20  # no one's picture is to be seen in the mean one
RADIOGRAPH = 256
COLUMNS = ["study_id", "sentence_findings", "sentence_mask", "geometry"]


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
    """One study: its index in the prepared set, and which of its masks each finding has that it states."""

    rank: str
    index: int
    geometry: Geometry
    masks: dict[str, list[int]]


def mean_regions(prepared: Path, studies: pd.DataFrame) -> Regions | None:
    """The regions in `prepared` of those `studies` (`study_id`, `view`) that are frontal or of no known view.

    Of the findings, those with a region are named. None where no frontal study was prepared.
    """
    stored = PreparedStudies(prepared)
    found = sorted(_frontal_studies(stored, frontal_ids(studies)), key=lambda study: study.rank)
    if not found:
        return None
    share: dict[str, Field] = {}
    counted: dict[str, int] = {}
    for finding in FINDINGS:
        own = [study for study in found if finding in study.masks][:MOST_STUDIES]
        total = np.zeros((GRID, GRID), np.float32)
        for study in own:
            total += _region(_picture(stored, study).masks[study.masks[finding]], study.geometry)
        if total.any():  # a region may be too small for the model's input
            share[finding], counted[finding] = total / np.float32(len(own)), len(own)
    return Regions(share, counted, _mean_radiograph(stored, found[:MOST_STUDIES]), _aspect(found))


def frontal_ids(studies: pd.DataFrame) -> frozenset[str]:
    """The ids of the studies whose view is a frontal one (PA, AP, AP AXIAL ...) or not known."""
    return frozenset(studies.study_id[studies.view.isna() | studies.view.str.startswith(("PA", "AP"), na=False)])


def _frontal_studies(stored: PreparedStudies, wanted: frozenset[str]) -> Iterator[_Study]:
    for index in range(len(stored)):
        row = stored.row(index, COLUMNS)
        if row["study_id"] in wanted:
            masks = defaultdict(list)
            for stated, mask in zip(row["sentence_findings"], row["sentence_mask"], strict=True):
                for place in stated if mask >= 0 else ():
                    masks[OBSERVATIONS[place]].append(mask)
            rank = hashlib.sha256(f"explore:{row['study_id']}".encode()).hexdigest()
            yield _Study(rank, index, Geometry(**row["geometry"]), dict(masks))


def _picture(stored: PreparedStudies, study: _Study) -> Picture:
    return stored.picture(stored.row(study.index))


def _region(masks: NDArray[np.bool_], geometry: Geometry) -> Field:
    """Masks (n, size, size) of one study and finding, as one region over the grid."""
    return _over_image(np.asarray(masks.any(axis=0), np.float32), geometry, GRID)


def _over_image(square: Field, geometry: Geometry, side: int) -> Field:
    """The model's input without its padding, (side, side)."""
    rows = slice(geometry.pad_top, geometry.pad_top + geometry.scaled_height)
    columns = slice(geometry.pad_left, geometry.pad_left + geometry.scaled_width)
    smaller = min(geometry.scaled_height, geometry.scaled_width) >= side
    image: Field = cv2.resize(
        square[rows, columns], (side, side), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    )
    return image


def _mean_radiograph(stored: PreparedStudies, studies: list[_Study]) -> NDArray[np.uint8] | None:
    if len(studies) < FEWEST_RADIOGRAPHS:
        return None
    total = np.zeros((RADIOGRAPH, RADIOGRAPH), np.float32)
    for study in studies:
        total += _over_image(_picture(stored, study).image.astype(np.float32), study.geometry, RADIOGRAPH)
    return (total / len(studies)).round().astype(np.uint8)


def _aspect(studies: list[_Study]) -> float:
    return float(np.median([s.geometry.original_height / s.geometry.original_width for s in studies]))
