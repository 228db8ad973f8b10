"""Stage errors: where the model fails, in words and in attention, with pictures.

    errors/errors.json    what the page shows, as one plain structure: the validation report reads it
    errors/index.html     one page, self-contained
    errors/pictures/      the statements that the page shows, found_1.png and on

Read from the drafts of stage evaluate and the regions of the prepared test split; nothing is drafted again.
"""

import argparse
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from model.errors import BadInput
from model.metrics import SIZE_BOUNDS, PatientBootstrap
from model.pixels import to_display
from model.report import GroundedReport
from pipelines.error_analysis.entropies import entropies
from pipelines.error_analysis.failures import Acquisition, Verdict, known_failures
from pipelines.error_analysis.gallery import Kind, caption, choose
from pipelines.error_analysis.page import render
from pipelines.error_analysis.pictures import draw_statement
from pipelines.error_analysis.statements import Outcome, Statement, statements_of
from pipelines.error_analysis.tallies import by_size, confusions, per_finding, quadrants
from pipelines.evaluation_set import EvaluationSet, EvaluationStudy, PreparedEvaluation
from pipelines.examples import read_drafts
from pipelines.manifest import StudyRow, stream_manifest
from pipelines.metrics import write_metrics
from pipelines.progress import track
from pipelines.provenance import digest
from pipelines.shards import first_image

SCHEMA = "radassist.errors/1"
COLUMNS = ["study_id", "shard", "images", "modality", "device"]

Content = dict[str, Any]


def errors(root: Path = Path()) -> Content:
    """Write `errors/` for the evaluation in `root`, and return what errors.json holds.

    Raises:
        BadInput: a stage before this one has not run, or its output is of another data set.
    """
    studies = PreparedEvaluation(root / "prepared", "test")
    patients: list[str] = []
    study_ids: list[str] = []
    statements: list[Statement] = []
    drafts = root / "evaluation" / "drafts.jsonl"
    for index, (study, report) in enumerate(drafted_studies(studies, drafts)):
        patients.append(study.patient_id)
        study_ids.append(study.study_id)
        statements += statements_of(index, study, report)
    rows = rows_of(root / "data", study_ids)
    bounds = size_bounds(root / "evaluation" / "baselines.json")
    bootstrap = PatientBootstrap(patients)
    out = root / "errors"
    shutil.rmtree(out, ignore_errors=True)
    (out / "pictures").mkdir(parents=True)
    known = known_failures(statements, [acquisition(rows[study]) for study in study_ids], bounds, bootstrap)
    content = {
        "schema": SCHEMA,
        "n_studies": len(study_ids),
        "n_patients": bootstrap.n_patients,
        "n_statements": len(statements),
        **{f"n_{outcome}": sum(s.outcome is outcome for s in statements) for outcome in Outcome},
        "n_unjudged": sum(s.quadrant is None for s in statements),
        "quadrants": quadrants(statements, bootstrap, len(study_ids)),
        "per_finding": per_finding(statements),
        "by_size": by_size(statements, bounds),
        "size_bounds": list(bounds),
        "confusions": confusions(statements),
        "entropies": entropies(statements, bootstrap, len(study_ids)),
        "known_failures": [failure.to_json() for failure in known],
        "pictures": draw_gallery(root, choose(statements, study_ids), studies, rows),
    }
    (out / "errors.json").write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    (out / "index.html").write_text(render(content, out), encoding="utf-8")
    return content


def drafted_studies(studies: EvaluationSet, drafts: Path) -> Iterator[tuple[EvaluationStudy, GroundedReport]]:
    """Each study with its draft.

    Raises:
        BadInput: there is no study to draft, or the drafts are missing, or of other studies.
    """
    if not len(studies):
        raise BadInput("0 studies in the test split", "errors are looked for in drafts", "ingest more patients")
    lines = read_drafts(drafts)
    for index in track(range(len(studies)), "drafts"):
        study, line = studies[index], next(lines, None)
        if line is None or line["study_id"] != study.study_id:
            raise BadInput(str(drafts), "it has a draft of every study of the test split", "run `radassist evaluate`")
        yield study, GroundedReport.from_json(line["draft"])


def rows_of(data: Path, study_ids: Sequence[str]) -> dict[str, StudyRow]:
    """What the manifest knows of some studies, columns COLUMNS."""
    wanted = set(study_ids)
    rows = (row for batch in stream_manifest(data, COLUMNS) for row in batch.to_pylist())
    return {row["study_id"]: row for row in rows if row["study_id"] in wanted}


def acquisition(row: StudyRow) -> Acquisition:
    return {"modality": row["modality"], "view": row["images"][0]["view"], "device": row["device"]}


def size_bounds(baselines: Path) -> tuple[float, float]:
    """The bounds between which the evaluation calls a region medium."""
    low, high = json.loads(baselines.read_text()).get("sizes", SIZE_BOUNDS) if baselines.is_file() else SIZE_BOUNDS
    return low, high


def draw_gallery(
    root: Path, chosen: Sequence[tuple[Kind, Statement]], studies: EvaluationSet, rows: Mapping[str, StudyRow]
) -> list[Content]:
    """Draw the chosen statements into errors/pictures/ and describe them."""
    wanted = {statement.study for _, statement in chosen}
    lines = enumerate(read_drafts(root / "evaluation" / "drafts.jsonl"))
    reports = {index: GroundedReport.from_json(line["draft"]) for index, line in lines if index in wanted}
    numbers: Counter[Kind] = Counter()
    described = []
    for kind, statement in track(chosen, "pictures"):
        numbers[kind] += 1
        study = studies[statement.study]
        row = rows[study.study_id]
        sentence = None if statement.drafted is None else reports[statement.study].sentences[statement.drafted]
        asked = None if statement.asked is None else study.sentences[statement.asked]
        picture = Path("pictures") / f"{kind}_{numbers[kind]}.png"
        image = to_display(first_image(root / "data", row))
        drawn = draw_statement(image, study.model_input.geometry, sentence, asked.mask if asked else None)
        drawn.save(root / "errors" / picture)
        described.append(
            {
                "kind": kind.value,
                "observation": statement.finding.observation,
                "side": statement.finding.side,
                "quadrant": statement.quadrant,
                "caption": caption(statement),
                "draft": sentence.text if sentence else None,
                "reference": asked.text if asked else None,
                "study_id": study.study_id,
                "picture": picture.as_posix(),
                "picture_sha256": digest(root / "errors" / picture),
            }
        )
    return described


def figures(content: Content) -> dict[str, float | None]:
    """What metrics/errors.json holds of the analysis."""
    flat: dict[str, float | None] = {name: value for name, value in content.items() if name.startswith("n_")}
    for row in content["quadrants"]:
        flat |= interval(row["quadrant"], row["share"], row)
    for name in ("right", "wrong", "difference", "concordance"):
        estimate = content["entropies"][name]
        flat |= interval(f"entropy.{name}", estimate["value"], estimate)
    flat["entropy.p"] = content["entropies"]["p"]
    for failure in content["known_failures"]:
        flat |= interval(failure["name"], failure["value"], failure)
    flat["n_known_failures_seen"] = sum(f["verdict"] == Verdict.SEEN for f in content["known_failures"])
    return flat


def interval(name: str, value: float | None, row: Mapping[str, Any]) -> dict[str, float | None]:
    return {name: value, f"{name}.low": row["low"], f"{name}.high": row["high"]}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none: it reads what the stages before it left in the current folder."""


def main(args: argparse.Namespace) -> int:  # noqa: ARG001 - every command is handed its arguments
    content = errors()
    write_metrics("errors", figures(content))
    print(f"errors/index.html: {content['n_statements']} statements of {content['n_studies']} studies")
    return 0
