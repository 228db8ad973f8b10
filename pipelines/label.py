"""`radassist label`: the 14 observations of every report in a CSV file, and the words that gave them."""

import argparse
import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from model.errors import BadInput
from model.findings import OBSERVATIONS
from model.labeler import Convention, explain, label_report
from pipelines.progress import track

REASONS = ("row", "observation", "certainty", "words", "sentence")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("reports", type=Path, metavar="REPORTS.csv", help="a CSV file with a column `report`")
    parser.add_argument("--out", type=Path, required=True, metavar="LABELS.csv", help="where the labels go")
    parser.add_argument(
        "--convention",
        type=Convention,
        choices=list(Convention),
        default=Convention.CHEXPERT,
        help="chexpert: 1 stated, 0 denied, -1 uncertain; assertion: 1 likely or better, else 0 (default: %(default)s)",
    )
    parser.add_argument(
        "--explain", type=Path, metavar="REASONS.csv", help="where one row goes for each statement that was read"
    )


def main(args: argparse.Namespace) -> int:
    label(args.reports, args.out, args.convention, args.explain)
    return 0


def label(reports: Path, out: Path, convention: Convention, reasons: Path | None = None) -> None:
    """Write the rows of `reports` to `out` with a column for each observation; blank = not mentioned.

    `reasons` gets a row for each statement: the number of the report's row, from 1; the observation, or the abnormality
    outside the 14; its certainty, blank where the words say nothing of this image; the words that decided, the name's
    own first; the sentence.

    Raises:
        BadInput: `reports` is no UTF-8 CSV file with a column `report`, or already has a column of an observation.
    """
    columns, rows = _read(reports)
    labelled = (row | label_report(row["report"], convention) for row in track(rows, "label", total=len(rows)))
    _write(out, [*columns, *OBSERVATIONS], labelled)
    if reasons is not None:
        _write(reasons, REASONS, (reason for number, row in enumerate(rows, 1) for reason in _reasons(number, row)))


def _reasons(number: int, row: dict[str, str]) -> Iterator[dict[str, str | int]]:
    for reason in explain(row["report"]):
        words = " ... ".join(reason.words)
        cells = (number, reason.observation, reason.certainty or "", words, reason.sentence)
        yield dict(zip(REASONS, cells, strict=True))


def _write(out: Path, columns: Sequence[str], rows: Iterable[Mapping[str, str | int]]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def _read(reports: Path) -> tuple[list[str], list[dict[str, str]]]:
    if not reports.is_file():
        raise BadInput(f"{reports}", "the reports stand in a CSV file", "name one that exists")
    try:
        with reports.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restval="", strict=True)
            columns, rows = list(reader.fieldnames or ()), list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{reports} ({error})", "the reports stand in a CSV file in UTF-8", "save it as such") from error
    if "report" not in columns:
        raise BadInput(f"{reports} columns {', '.join(columns)}", "one column is `report`", "rename the text's column")
    if taken := [name for name in columns if name in OBSERVATIONS]:
        raise BadInput(f"{reports} column {taken[0]!r}", "the labels' columns are still free", "drop the column")
    longer = next((number for number, row in enumerate(rows, start=1) if None in row), None)
    if longer is not None:
        raise BadInput(f"{reports} row {longer}", "no row has more cells than columns", "put quotes around the report")
    return columns, rows
