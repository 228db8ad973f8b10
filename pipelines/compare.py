"""`radassist compare RUN_A RUN_B`: two models on the same studies, every figure's difference with its paired interval.

    figures.csv, findings.csv    a row a figure: of the whole, and of each observation (F1, grounding)
    studies.csv                  a row a study that changed, the most changed first
    differences.svg              the differences with their intervals
    changed_1.png and on         the drafts of the most changed studies, side by side

A comparison of two runs of MLflow is a run there, in the experiment `radassist-comparisons`, and holds these files. Of
evaluations in folders MLflow knows nothing: `--out` keeps the files.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from pipelines.comparison.compared import Comparison, compared
from pipelines.comparison.pictures import draw_changed, draw_differences
from pipelines.comparison.runs import open_run
from pipelines.comparison.tables import frame, text
from pipelines.comparison.tracking import EXPERIMENT, record


def write(comparison: Comparison, data: Path, out: Path) -> None:
    """Write the tables and pictures into a folder, and say why there is no picture of a study."""
    out.mkdir(parents=True, exist_ok=True)
    for stale in out.glob("changed_*.png"):
        stale.unlink()
    frame(comparison.figures).to_csv(out / "figures.csv", index=False)
    frame(comparison.findings).to_csv(out / "findings.csv", index=False)
    comparison.studies.to_csv(out / "studies.csv", index=False)
    draw_differences(comparison, out / "differences.svg")
    if why_not := draw_changed(comparison, data, out):
        print(f"no pictures of studies: {why_not}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    called = "a run's id or name, models:/NAME@ALIAS, NAME/VERSION, or a folder with evaluation/"
    parser.add_argument("run_a", metavar="RUN_A", help=called)
    parser.add_argument("run_b", metavar="RUN_B", help="what is held against it, named likewise")
    parser.add_argument("--out", type=Path, metavar="DIR", help="keep the tables and pictures here")
    parser.add_argument(
        "--data", type=Path, default=Path("data"), help="the ingested set with the radiographs (default: %(default)s)"
    )


def main(args: argparse.Namespace) -> int:
    with TemporaryDirectory() as folder:
        place = Path(folder)
        comparison = compared(open_run(args.run_a, place / "a"), open_run(args.run_b, place / "b"))
        print(text(comparison))
        out = args.out or place / "out"
        write(comparison, args.data, out)
        if comparison.a.mlflow_run_id and comparison.b.mlflow_run_id:
            print(f"recorded in MLflow, experiment {EXPERIMENT}, as run {record(comparison, out)}")
    if args.out:
        print(f"the tables and pictures lie in {args.out}")
    return 0
