"""`radassist score`: figures of words, findings and edits for any system's reports."""

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from model.errors import BadInput
from model.metrics import Figure, mean_figure, score_pairs, word_edits
from model.metrics.radgraph import radgraph_figures
from model.reviewer import review_figures
from model.text import sentences


class Pair(BaseModel):
    """A signed report and the one drafted for the same study; `patient` groups a patient's studies."""

    model_config = ConfigDict(strict=True)

    reference: str
    candidate: str
    patient: str | None = Field(default=None, min_length=1)


class Annotations(BaseModel):
    """What RadGraph found in the two reports of a pair."""

    reference: dict[str, Any]
    candidate: dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    shape = '[{"reference": ..., "candidate": ...}], with "patient" where known'
    parser.add_argument("pairs", type=Path, metavar="PAIRS.json", help=shape)
    parser.add_argument("--out", type=Path, required=True, metavar="METRICS.json", help="where the figures go")
    parser.add_argument(
        "--bert-score",
        type=Path,
        metavar="DIR",
        help="add BERTScore by the encoder in DIR: config.json, model.safetensors and a tokenizer",
    )
    parser.add_argument(
        "--layer", type=int, default=9, help="the encoder's layer that is compared (default: %(default)s)"
    )
    parser.add_argument(
        "--chexbert",
        type=Path,
        metavar="DIR",
        help="add the findings' figures by CheXbert: config.json, model.safetensors and vocab.txt in DIR",
    )
    parser.add_argument(
        "--radgraph",
        type=Path,
        metavar="FILE.json",
        help="add RadGraph F1 of the pairs: RadGraph's annotations, listed and named as the pairs are",
    )


def main(args: argparse.Namespace) -> int:
    score(args.pairs, args.out, args.bert_score, args.layer, chexbert=args.chexbert, radgraph=args.radgraph)
    return 0


def score(
    pairs: Path,
    out: Path,
    encoder: Path | None = None,
    layer: int = 9,
    *,
    chexbert: Path | None = None,
    radgraph: Path | None = None,
) -> None:
    """Write the figures of all pairs to `out`, flat, null where undefined.

    Raises:
        BadInput: `pairs` is no such JSON file, a reference is empty, `encoder` is no encoder, `chexbert` no
            CheXbert, or `radgraph` does not hold an annotation of each report.
    """
    if not pairs.is_file():
        raise BadInput(f"{pairs}", "the pairs stand in a JSON file", "name one that exists")
    try:
        read = TypeAdapter(list[Pair]).validate_json(pairs.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise BadInput(f"{pairs} {where}", first["msg"], 'write [{"reference": ..., "candidate": ...}]') from error
    patients = [pair.patient for pair in read if pair.patient]
    if patients and len(patients) < len(read):
        raise BadInput(f"{pairs}", "all pairs name their patient or none does", "complete it or leave it out")
    references, candidates = [pair.reference for pair in read], [pair.candidate for pair in read]
    extras = edit_figures_of(references, candidates)
    if encoder is not None:
        extras.append(_bert_score(references, candidates, encoder, layer))
    if chexbert is not None:
        extras += _chexbert(references, candidates, chexbert)
    if radgraph is not None:
        extras += _radgraph(radgraph, len(read))
    figures = score_pairs(references, candidates, patients or None, extras)
    finite = {name: value if math.isfinite(value) else None for name, value in figures.items()}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(finite, indent=2) + "\n", encoding="utf-8")


def edit_figures_of(references: Sequence[str], candidates: Sequence[str]) -> list[Figure]:
    """`edit_rate` and `edit_rate_sentences` before the simulated reviewer, and `word_error_rate`: the words between
    candidate and reference over those of the reference."""
    words = [word_edits(candidate, reference) for candidate, reference in zip(candidates, references, strict=True)]
    return [
        *review_figures([sentences(text) for text in candidates], [sentences(text) for text in references]),
        mean_figure("word_error_rate", words, [len(reference.split()) for reference in references]),
    ]


def _bert_score(references: list[str], candidates: list[str], encoder: Path, layer: int) -> Figure:
    from model.metrics.bert_score import bert_score

    return bert_score(references, candidates, encoder, layer)


def _chexbert(references: list[str], candidates: list[str], folder: Path) -> list[Figure]:
    from model.metrics.chexbert import chexbert_figures

    return chexbert_figures(references, candidates, folder)


def _radgraph(file: Path, pairs: int) -> list[Figure]:
    try:
        read = TypeAdapter(list[Annotations]).validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise BadInput(f"{file}", '[{"reference": {...}, "candidate": {...}}], one a pair', "write it so") from error
    if len(read) != pairs:
        raise BadInput(f"{file}: {len(read)} annotations", f"each of the {pairs} pairs has one", "annotate them all")
    return radgraph_figures([one.reference for one in read], [one.candidate for one in read])
