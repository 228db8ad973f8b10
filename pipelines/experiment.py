"""`radassist experiment NAME`: what `experiments/NAME.yaml` declares, run over its seeds, and the table of it.

    var/experiments/runs/SHA256/           a run: trial.json, trained/, and metrics.json when it is finished
    var/experiments/sets/                  the studies, see `pipelines.experiments.sets`
    docs/experiments.md                    the table, in its place among the words about it
    docs/experiments/NAME*.svg, NAME.csv   the pictures; every figure of every run

An experiment that was interrupted goes on with the run that was cut off, from its last checkpoint. A run is named by
the digest of what it is: none is made twice, whichever experiment asks for it, and one of other settings is another.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from pydantic_core import to_jsonable_python

from model.artefact import open_artefact
from pipelines.evidence.figures import history
from pipelines.experiments.declared import FOLDER, Experiment, Trial, hashed, read_experiment, trials
from pipelines.experiments.pictures import draw_curves, draw_figures
from pipelines.experiments.scoring import score, scored_split
from pipelines.experiments.sets import prepared_set
from pipelines.experiments.table import put, table
from pipelines.experiments.tracking import tracked
from pipelines.metrics import read_metrics, write_metrics
from pipelines.params import load_presets
from pipelines.progress import Meter
from pipelines.train import stage_figures, train

WORK = Path("var") / "experiments"
PAGE = Path("docs") / "experiments.md"
DIGITS = 12

Figures = Mapping[str, float | None]


def experiment(name: str) -> None:
    """Run what is left of an experiment, record it in MLflow, write its table and pictures.

    Raises:
        BadInput: there is no such experiment; or it does not fit params.yaml.
    """
    declared = read_experiment(name)
    planned = list(trials(declared, load_presets().presets, str(FOLDER / f"{name}.yaml")))
    with tracked(name, declared.question, hashed([trial.sha256 for trial in planned])) as parent:
        found = []
        for index, trial in enumerate(planned):
            with Meter(f"{name}: runs", len(planned)) as meter:  # a line a run: its training has a bar of its own
                meter.advance(index, trial.name)
            found.append(run(trial))
            parent.record(trial, found[-1], folder_of(trial))
        parent.keep(publish(name, declared, planned, found))


def folder_of(trial: Trial) -> Path:
    return WORK / "runs" / trial.sha256[:DIGITS]


def start_of(trial: Trial) -> Path | None:
    """The model whose weights and vocabulary a run starts from."""
    return folder_of(trial.after) / "trained" if trial.after else None


def own_set(trial: Trial) -> Path:
    """What a run is trained on."""
    start = start_of(trial)
    return prepared_set(trial.data, trial.params, WORK / "sets", start / "tokenizer.json" if start else None)


def run(trial: Trial) -> Figures:
    """The figures of a run, which is trained and scored where that is not done yet."""
    folder = folder_of(trial)
    if not (folder / "metrics.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        stated = {"name": trial.name, "data": trial.data, "params": trial.params}
        (folder / "trial.json").write_text(json.dumps(to_jsonable_python(stated), indent=1) + "\n")
        trained = folder / "trained"
        if not (trained / "manifest.json").is_file():
            train(own_set(trial), trained, folder / "checkpoints", trial.params, start=start_of(trial))
        learned = {f"train.{name}": value for name, value in stage_figures(history(folder)).items()}
        write_metrics("draft", {**scored(trial, trained), **learned}, folder)
        (folder / "draft.json").rename(folder / "metrics.json")
    return read_metrics("metrics", folder)


def scored(trial: Trial, trained: Path) -> dict[str, float]:
    """The figures on each set that the experiment names, with its name before them; else on the run's own."""
    artefact, own = open_artefact(trained), own_set(trial)
    figures: dict[str, float] = {}
    for name, data in (trial.scored_on or {"": trial.data}).items():
        there = prepared_set(data, trial.params, WORK / "sets")
        found = score(artefact, own, there, scored_split(data))
        figures |= {f"{name}.{figure}" if name else figure: value for figure, value in found.items()}
    return figures


def publish(name: str, declared: Experiment, planned: Sequence[Trial], found: Sequence[Figures]) -> list[Path]:
    """Write the table and the pictures; return the files."""
    rows = [{"variant": t.variant, "seed": t.seed, **figures} for t, figures in zip(planned, found, strict=True)]
    runs = pd.DataFrame(rows)
    runs = runs.sort_values("variant", key=lambda column: column.map(list(declared.variants).index), kind="stable")
    histories: dict[str, list[list[dict[str, float]]]] = {variant: [] for variant in declared.variants}
    for trial in planned:
        histories[trial.variant].append(history(folder_of(trial)))
    places = [f"{place}." for place in declared.scored_on] or [""]
    beside = PAGE.with_suffix("")
    beside.mkdir(parents=True, exist_ok=True)
    figures, curves, every = (beside / f"{name}{ending}" for ending in (".svg", "_curves.svg", ".csv"))
    draw_figures(runs, declared.reference, places, figures)
    draw_curves(histories, curves)
    runs.to_csv(every, index=False, float_format="%.6g")
    shown = [
        f"![{alt}]({beside.name}/{path.name})" for alt, path in (("Figures", figures), ("Learning curves", curves))
    ]
    put(PAGE, name, declared.question, "\n\n".join([table(runs, declared.reference, places), *shown]))
    return [figures, curves, every, FOLDER / f"{name}.yaml"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    names = ", ".join(sorted(path.stem for path in FOLDER.glob("*.yaml")))
    parser.add_argument("name", metavar="NAME", help=f"an experiment of {FOLDER}/: {names}")


def main(args: argparse.Namespace) -> int:
    experiment(args.name)
    print(f"{args.name}: the table stands in {PAGE}, the pictures and every figure in {PAGE.with_suffix('')}/")
    return 0
