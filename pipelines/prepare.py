"""Stage prepare: images to the model's input, reports to tokens, regions to masks at the input's resolution.

prepared/images.npy        uint8 (studies, size, size)
prepared/masks.npy         uint8 (masks, size x size / 8): bits, C order, of each annotated sentence's region
prepared/studies.parquet   one row a study, in the order of images.npy
prepared/tokenizer.json    learned from the training split alone
prepared/config.json       pixel parameters and token limit
"""

import argparse
import io
import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from model.errors import BadInput
from model.findings import OBSERVATIONS
from model.geometry import Box, filled
from model.labeler import label_sentence
from model.pixels import PixelParams, to_model_input
from model.study import Section
from model.tokenizer import ReportTokenizer
from pipelines.manifest import read_manifest
from pipelines.metrics import write_metrics
from pipelines.params import Params, load_params
from pipelines.progress import track
from pipelines.shards import read_member


@dataclass(frozen=True, slots=True)
class PreparedStudy:
    """One study's arrays: `image` uint8 (size, size), `masks` uint8 (annotated sentences, size x size / 8)."""

    image: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    geometry: dict[str, int]
    input_sha256: str


def region(sentence: dict[str, Any], data: Path, shard: str, width: int, height: int) -> NDArray[np.bool_] | None:
    """The region of a sentence in original pixels (height, width): its mask, else its boxes filled, else None."""
    if sentence["mask"] is not None:
        return np.asarray(Image.open(io.BytesIO(read_member(data, shard, sentence["mask"]))), bool)
    if sentence["boxes"] is None or len(sentence["boxes"]) == 0:
        return None
    return filled([Box(*values) for values in sentence["boxes"]], width, height)


def prepare_study(data: Path, row: dict[str, Any], params: PixelParams) -> PreparedStudy:
    """Read one study's frontal image and regions from its shard."""
    model_input = to_model_input(read_member(data, row["shard"], row["images"][0]["member"]), params)
    regions = (region(s, data, row["shard"], row["width"], row["height"]) for s in row["sentences"])
    masks = [np.packbits(model_input.geometry.mask_to_input(r) >= 0.5) for r in regions if r is not None]
    return PreparedStudy(
        model_input.image,
        np.stack(masks) if masks else np.zeros((0, params.size**2 // 8), np.uint8),
        asdict(model_input.geometry),
        model_input.sha256,
    )


def drafted_sentences(row: dict[str, Any]) -> list[tuple[Section, str]]:
    """The sentences that the model learns to write, findings first."""
    ordered = sorted(row["sentences"], key=lambda s: s["section"] == Section.IMPRESSION)
    return [(Section(s["section"]), s["text"]) for s in ordered]


def prepare(data: Path, out: Path, params: Params, vocabulary: Path | None = None) -> dict[str, int]:
    """Write `out` from the versioned set in `data`; return the stage's figures.

    A study without a report is left out and counted: there is nothing to learn from it or to grade it by. So is one
    that is a report alone, without image.

    Args:
        vocabulary: a tokenizer.json to encode the reports with, instead of one that is made for them.

    Raises:
        BadInput: no study of the training split has an image and a report.
    """
    rows = read_manifest(data).to_pylist()
    pictured = [row for row in rows if row["images"]]
    written = [row for row in pictured if row["sentences"]]
    training = [text for row in written if row["split"] == "train" for _, text in drafted_sentences(row)]
    if not training:
        raise BadInput(
            f"{data} ({len(rows)} studies)", "training needs an image and a report", "ingest a set that has some"
        )
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    if vocabulary is None:
        tokenizer = ReportTokenizer.train(training, params.prepare.vocab_size)
    else:
        tokenizer = ReportTokenizer.load(vocabulary)
    tokenizer.save(out / "tokenizer.json")

    pixels = PixelParams(**params.pixels.model_dump())
    images = np.lib.format.open_memmap(out / "images.npy", "w+", np.uint8, (len(written), pixels.size, pixels.size))
    masks: list[NDArray[np.uint8]] = []
    table = []
    first_mask = 0
    for index, (row, study) in enumerate(
        zip(written, track(prepared_studies(data, written, pixels), "images", len(written)), strict=True)
    ):
        images[index] = study.image
        masks.append(study.masks)
        table.append(study_row(row, study, tokenizer, params.prepare.max_tokens, first_mask))
        first_mask += len(study.masks)
    images.flush()
    np.save(out / "masks.npy", np.concatenate(masks))
    studies = pd.DataFrame(table)
    studies.to_parquet(out / "studies.parquet")
    (out / "config.json").write_text(
        json.dumps({"pixels": asdict(pixels), "max_tokens": params.prepare.max_tokens}, indent=1) + "\n"
    )
    return {
        "n_studies": len(written),
        "n_without_image": len(rows) - len(pictured),
        "n_without_report": len(pictured) - len(written),
        "n_train": int((studies.split == "train").sum()),
        "n_validate": int((studies.split == "validate").sum()),
        "n_test": int((studies.split == "test").sum()),
        "n_masks": first_mask,
        "vocabulary": len(tokenizer),
        "n_cut_reports": int(studies.cut.sum()),
    }


def prepared_studies(data: Path, rows: list[dict[str, Any]], params: PixelParams) -> Iterator[PreparedStudy]:
    """The studies' arrays in the order of `rows`, decoded by several processes."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        count = len(rows)
        yield from pool.map(prepare_study, [data] * count, rows, [params] * count, chunksize=16)


def study_row(
    row: dict[str, Any], study: PreparedStudy, tokenizer: ReportTokenizer, max_tokens: int, first_mask: int
) -> dict[str, Any]:
    """One row of studies.parquet. `sentence_mask` is the row in masks.npy per drafted sentence, -1 without a region;
    `sentence_findings` are the places in OBSERVATIONS of what it states."""
    order = sorted(range(len(row["sentences"])), key=lambda i: row["sentences"][i]["section"] == Section.IMPRESSION)
    has_region = [s["mask"] is not None or bool(s["boxes"]) for s in row["sentences"]]
    mask_of = first_mask + np.cumsum([0, *has_region])
    drafted = drafted_sentences(row)
    encoded = tokenizer.encode(drafted, max_tokens)
    return {
        "study_id": row["study_id"],
        "patient_id": row["patient_id"],
        "split": row["split"],
        "shard": row["shard"],
        "member": row["images"][0]["member"],
        "ids": encoded.ids,
        "sentence": encoded.sentence,
        "cut": max(encoded.sentence) + 1 < len(drafted),
        "sentence_text": [text for _, text in drafted],
        "sentence_section": [section.value for section, _ in drafted],
        "sentence_groundable": [row["sentences"][i]["groundable"] for i in order],
        "sentence_findings": [positive_findings(text) for _, text in drafted],
        "sentence_mask": [int(mask_of[i]) if has_region[i] else -1 for i in order],
        "geometry": study.geometry,
        "input_sha256": study.input_sha256,
    }


def positive_findings(text: str) -> list[int]:
    """Places in OBSERVATIONS of what a sentence states to be there."""
    return sorted({OBSERVATIONS.index(finding.observation) for finding in label_sentence(text) if finding.positive})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=Path("data"), help="the ingested set (default: data)")
    parser.add_argument("--out", type=Path, default=Path("prepared"), help="where to write (default: prepared)")


def main(args: argparse.Namespace) -> int:
    write_metrics("prepare", prepare(args.data, args.out, load_params()))
    return 0
