"""Stage prepare: images to the model's input, reports to tokens, regions to masks at the input's resolution.

`pipelines.prepared_studies` says what it writes. Studies go through it one after the other, so that memory holds few of
them; run again after a kill, it begins anew.
"""

import argparse
import io
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from itertools import chain, tee
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray
from PIL import Image

from model.errors import BadInput
from model.findings import OBSERVATIONS
from model.geometry import Box, filled
from model.labeler import label_sentence
from model.pixels import Geometry, PixelParams, to_model_input
from model.prompt import prompt_text
from model.study import Section
from model.tokenizer import ReportTokenizer
from model.workers import Loss, map_in_order
from pipelines.manifest import SentenceRow, StudyRow, stream_manifest
from pipelines.metrics import write_metrics
from pipelines.params import Params, load_params
from pipelines.prepared_studies import Packed, PreparedRow, PreparedWriter
from pipelines.progress import track
from pipelines.shards import first_image, read_member
from pipelines.splits import Split
from pipelines.vocabulary import make_tokenizer

COLUMNS = ["study_id", "patient_id", "split", "shard", "images", "width", "height", "sentences"]
TOLD = ["age", "sex", "indication"]
"""What a prompt says."""


@dataclass(frozen=True, slots=True)
class StudyPicture:
    """One study's picture; a mask for each sentence that has a region."""

    packed: Packed
    geometry: Geometry
    input_sha256: str


def prepare(
    data: Path, out: Path, params: Params, *, vocabulary: Path | None = None, processes: int | None = None
) -> dict[str, int]:
    """Write `out` from the versioned set in `data`; return the stage's figures.

    A study without a report is left out and counted: there is nothing to learn from it or to grade it by. So is one
    that is a report alone, without image.

    Args:
        vocabulary: a tokenizer.json to encode the reports with, instead of one that is made for them.
        processes: how many decode, one a core by default, 0 for this process alone. The result does not depend on it.

    Raises:
        BadInput: no study of the training split has an image and a report; an image cannot be read any more.
    """
    count = census(data)
    if not count["n_train"]:
        raise BadInput(
            f"{data} ({count.total()} studies)", "training needs an image and a report", "ingest a set that has some"
        )
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    settings = params.prepare
    if vocabulary is None:
        taught = (training_sentences(data), training_prompts(data) if settings.prompt_tokens else ())
        tokenizer = make_tokenizer(settings, chain(*taught))
    else:
        tokenizer = ReportTokenizer.load(vocabulary)
    tokenizer.save(out / "tokenizer.json")

    pixels = PixelParams(**params.pixels.model_dump())
    asked, again = tee(drafted_studies(data))
    processes = os.cpu_count() or 1 if processes is None else processes
    answers = (StudyPicture, Packed, Geometry)
    read = map_in_order(partial(read_picture, data=data, params=pixels), asked, lost, processes, answers=answers)
    n_studies, n_masks, n_cut = sum(count[f"n_{split}"] for split in Split), 0, 0
    with PreparedWriter(out) as writer:
        for study, picture in zip(again, track(read, "images", n_studies), strict=True):
            row = prepared_row(study, picture, tokenizer, settings.max_tokens)
            writer.add(row, picture.packed)
            n_masks += sum(mask >= 0 for mask in row["sentence_mask"])
            n_cut += row["cut"]
    limits = {"max_tokens": settings.max_tokens, "prompt_tokens": settings.prompt_tokens}
    (out / "config.json").write_text(json.dumps({"pixels": asdict(pixels), **limits}, indent=1) + "\n")
    figures = ("n_without_image", "n_without_report", "n_train", "n_validate", "n_test")
    return {
        "n_studies": n_studies,
        **{name: count[name] for name in figures},
        "n_masks": n_masks,
        "vocabulary": len(tokenizer),
        "n_cut_reports": n_cut,
    }


def census(data: Path) -> Counter[str]:
    """How many studies of each split are prepared, and how many are left out."""
    count: Counter[str] = Counter()
    for batch in stream_manifest(data, ["split", "images", "sentences"]):
        pictured, written = (pc.greater(pc.list_value_length(batch[name]), 0) for name in ("images", "sentences"))
        count["n_without_image"] += pc.sum(pc.invert(pictured)).as_py()
        count["n_without_report"] += pc.sum(pc.and_not(pictured, written)).as_py()
        kept = batch.filter(pc.and_(pictured, written))
        count.update(f"n_{split}" for split in kept["split"].to_pylist())
    return count


def drafted_studies(data: Path) -> Iterator[StudyRow]:
    """The studies that have an image and a report; the sentences as the model learns to write them, findings first."""
    for batch in stream_manifest(data, COLUMNS + TOLD):
        for row in batch.to_pylist():
            if row["images"] and row["sentences"]:
                row["sentences"].sort(key=lambda sentence: sentence["section"] == Section.IMPRESSION)
                yield row


def training_sentences(data: Path) -> Iterator[str]:
    """What the tokenizer learns from."""
    for row in drafted_studies(data):
        if row["split"] == Split.TRAIN:
            yield from (sentence["text"] for sentence in row["sentences"])


def training_prompts(data: Path) -> Iterator[str]:
    """What it learns from, too, where prompts are read."""
    yield from (prompt(row) for row in drafted_studies(data) if row["split"] == Split.TRAIN)


def prompt(row: StudyRow) -> str:
    """What is known of a study beside its image."""
    return prompt_text(row["age"], row["sex"], row["indication"])


def read_picture(row: StudyRow, data: Path, params: PixelParams) -> StudyPicture:
    """Read one study's frontal image and regions from its shard."""
    made = to_model_input(first_image(data, row), params)
    regions = (region(sentence, data, row) for sentence in row["sentences"])
    masks = [made.geometry.mask_to_input(r) >= 0.5 for r in regions if r is not None]
    return StudyPicture(Packed.of(made.image, masks), made.geometry, made.sha256)


def region(sentence: SentenceRow, data: Path, row: StudyRow) -> NDArray[np.bool_] | None:
    """The region of a sentence in original pixels (height, width): its mask, else its boxes filled, else None."""
    if sentence["mask"] is not None:
        return np.asarray(Image.open(io.BytesIO(read_member(data, row["shard"], sentence["mask"]))), bool)
    if not sentence["boxes"]:
        return None
    return filled([Box(*values) for values in sentence["boxes"]], row["width"], row["height"])


def lost(row: StudyRow, why: Loss) -> StudyPicture:
    raise BadInput(
        f"study {row['study_id']}", f"the process that read its image was ended ({why})", "ingest the set anew"
    )


def prepared_row(row: StudyRow, picture: StudyPicture, tokenizer: ReportTokenizer, max_tokens: int) -> PreparedRow:
    """What stands in the table of a study, beside where its picture lies."""
    sentences = row["sentences"]
    texts, sections = [s["text"] for s in sentences], [Section(s["section"]) for s in sentences]
    encoded = tokenizer.encode(list(zip(sections, texts, strict=True)), max_tokens)
    has_region = np.array([s["mask"] is not None or bool(s["boxes"]) for s in sentences])
    return {
        "study_id": row["study_id"],
        "patient_id": row["patient_id"],
        "split": row["split"],
        "prompt": prompt(row),
        "ids": encoded.ids,
        "sentence": encoded.sentence,
        "cut": max(encoded.sentence) + 1 < len(sentences),
        "sentence_text": texts,
        "sentence_section": [section.value for section in sections],
        "sentence_groundable": [s["groundable"] for s in sentences],
        "sentence_findings": [positive_findings(text) for text in texts],
        "sentence_mask": np.where(has_region, np.cumsum(has_region) - 1, -1).tolist(),
        "geometry": asdict(picture.geometry),
        "input_sha256": picture.input_sha256,
    }


@lru_cache(maxsize=1 << 16)  # reports repeat their sentences
def positive_findings(text: str) -> tuple[int, ...]:
    """Places in OBSERVATIONS of what a sentence states to be there."""
    return tuple(sorted({OBSERVATIONS.index(found.observation) for found in label_sentence(text) if found.positive}))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=Path("data"), help="the ingested set (default: data)")
    parser.add_argument("--out", type=Path, default=Path("prepared"), help="where to write (default: prepared)")


def main(args: argparse.Namespace) -> int:
    write_metrics("prepare", prepare(args.data, args.out, load_params()))
    return 0
