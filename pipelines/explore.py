"""Stage explore: what is in the training set, to be looked at before a model learns from it.

exploration/index.html   one page, self-contained; written last, so that it is there only where all of the rest is
exploration/tables/      the page's tables as CSV, counts below five hidden
exploration/figures/     the page's figures
"""

import argparse
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa

from model.errors import BadInput
from model.tokenizer import ReportTokenizer
from pipelines.exploration import figures
from pipelines.exploration.disclosure import LEAST, disclosed
from pipelines.exploration.page import render
from pipelines.exploration.regions import Regions, mean_regions
from pipelines.exploration.survey import COLUMNS, Survey, count_splits, explored, survey, training_texts
from pipelines.exploration.tables import Tables, flat_figures, tables
from pipelines.manifest import read_manifest, study_rows
from pipelines.metrics import write_metrics
from pipelines.params import Params, Prepare, load_params
from pipelines.progress import track
from pipelines.versioning import data_md5
from pipelines.vocabulary import make_tokenizer


def explore(data: Path, prepared: Path, out: Path, params: Params) -> dict[str, float | None]:
    """Describe the set in `data` in `out`; return the stage's figures.

    `prepared` gives the tokenizer and the regions. Where it is not there, as for a set of reports alone, the
    tokenizer is made in the same way, and no region is known.

    Raises:
        BadInput: no set in `data`, or none of its studies trains or validates.
    """
    manifest = read_manifest(data)
    chosen = explored(manifest)
    if not len(chosen):
        raise BadInput(f"{data} ({len(manifest)} studies)", "training and validation are explored", "ingest more")
    tokenizer = tokenizer_of(prepared, manifest, params.prepare)
    rows = track(study_rows(chosen.select(COLUMNS)), "studies", len(chosen))
    found = survey(rows, tokenizer)
    regions = mean_regions(prepared, found.studies) if prepared.is_dir() else None
    measured = tables(found, count_splits(manifest), regions)
    summary = flat_figures(found, regions, params.prepare.max_tokens)
    shutil.rmtree(out, ignore_errors=True)
    for folder in ("tables", "figures"):
        (out / folder).mkdir(parents=True)
    for name, table in measured.items():
        if len(table):
            disclosed(table).to_csv(out / "tables" / f"{name}.csv", index=bool(table.index.name), float_format="%.6g")
    pictures = draw(out / "figures", found, measured, regions, params.prepare.max_tokens)
    md5 = data_md5(data.absolute().parent)
    page = render(measured, summary, pictures, tokenizer, params.prepare.max_tokens, md5)
    (out / "index.html").write_text(page, encoding="utf-8")
    return summary


def tokenizer_of(prepared: Path, manifest: pa.Table, params: Prepare) -> ReportTokenizer | None:
    """The prepared set's tokenizer, else the one that it would have; None where there are no training reports."""
    if (kept := prepared / "tokenizer.json").is_file():
        return ReportTokenizer.load(kept)
    texts = list(training_texts(manifest))
    return make_tokenizer(params, texts) if texts else None


def draw(folder: Path, found: Survey, measured: Tables, regions: Regions | None, max_tokens: int) -> dict[str, Path]:
    """Draw into `folder` what the set knows enough of; return the figures' files by name."""
    if len(measured["report_lengths"]):
        figures.report_lengths(folder / "report_lengths.svg", found.studies, max_tokens)
    if len(measured["observations"]):
        figures.observation_bars(folder / "observations.svg", measured["observations"])
    if (np.diag(measured["co_occurrence"]) >= LEAST).sum() > 1:
        figures.co_occurrence(folder / "co_occurrence.svg", measured["co_occurrence"])
    if len(measured["length_by_findings"]):
        figures.length_by_findings(folder / "length_by_findings.svg", measured["length_by_findings"])
    if regions is not None and max(regions.studies.values(), default=0) >= LEAST:
        figures.mean_regions(folder / "regions.png", regions)
    return {path.stem: path for path in folder.iterdir()}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    for name, default, told in (
        ("--data", "data", "the ingested set"),
        ("--prepared", "prepared", "the prepared set, for tokenizer and regions"),
        ("--out", "exploration", "where to write"),
    ):
        parser.add_argument(name, type=Path, default=Path(default), metavar="DIR", help=f"{told} (default: {default})")


def main(args: argparse.Namespace) -> int:
    figures = explore(args.data, args.prepared, args.out, load_params())
    write_metrics("explore", figures)
    print(f"{args.out / 'index.html'}: {figures['n_studies']} studies explored")
    return 0
