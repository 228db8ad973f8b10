"""Stage evaluate: draft a split's reports and score words, findings and regions beside baselines.

    evaluation/drafts.jsonl          one line a study: the draft, the reference, the study's figures
    evaluation/statistics.parquet    the figures as sums over studies, see `pipelines.statistics`
    evaluation/statements.parquet    one row a positive reference statement with a region
    evaluation/per_finding.parquet   words and regions per observation
    evaluation/calibration.json      what the model's scores are worth, see `pipelines.calibrating`
    evaluation/reliability.parquet   reliability curves: predicted and observed, in ten bins
    evaluation/baselines.json        the constant reports, and what they are constant for; whose place varies, and why

With `--source` it grades the model on any set that a source reads, outside the pipeline.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from model.artefact import Artefact, open_artefact
from model.calibration import FILE as CALIBRATION
from model.calibration import Calibration, read_calibration
from model.errors import BadInput
from model.faithfulness import occlusion_figures
from model.metrics import SIZE_BOUNDS, Figure, PatientBootstrap
from model.report import GroundedReport
from pipelines.baselines import Learned, learn, report_baselines, shuffled
from pipelines.box_scores import box_figures
from pipelines.calibrating import fit_calibration
from pipelines.confidence import confidence_figures
from pipelines.drafting import Draft, draft_studies
from pipelines.evaluation_files import Evaluation, draft_lines, write
from pipelines.evaluation_set import EvaluationSet, PreparedEvaluation, SourceEvaluation, all_reports
from pipelines.gate import POLICY, Withhold, load_policy
from pipelines.grading import grade
from pipelines.grounding_scores import (
    StatementScore,
    anatomy_figures,
    by_size,
    matched_only,
    of_observations,
    prefixed,
    region_figures,
    score_reading,
)
from pipelines.mean_masks import varying
from pipelines.metrics import write_metrics
from pipelines.nearest import Thumbnail, thumbnail
from pipelines.occlusion import occlusions
from pipelines.per_finding import per_finding
from pipelines.reading import read_references
from pipelines.sources import open_source
from pipelines.statistics import Statistics
from pipelines.verdict_shares import verdict_shares
from pipelines.written_reports import LabelledReports, report_figures, surfaced_report

SHUFFLE_SEED = 0


def evaluate(
    artefact: Artefact,
    studies: EvaluationSet,
    training: EvaluationSet | None,
    *,
    calibration: Calibration,
    withhold: Withhold,
) -> Evaluation:
    """Draft and score every study.

    Args:
        training: the split that the baselines learn from; None where the model's training set is not at hand: there
            are then shuffled drafts alone.
        calibration: what the model's scores are worth. withhold: what is left out of the surfaced report.

    Raises:
        BadInput: there is no study to grade.
    """
    if not len(studies):
        raise BadInput(
            "0 studies with a report", "an evaluation needs studies", "ingest more patients, or another source"
        )
    drafts: list[Draft] = []
    thumbnails: list[Thumbnail] = []
    for study, draft in draft_studies(artefact, studies, calibration):
        drafts.append(draft)
        thumbnails.append(thumbnail(study.model_input.image))
    learned = None if training is None else learn(training, thumbnails)
    bounds = SIZE_BOUNDS if learned is None else learned.sizes
    reports = [surfaced(draft.report, withhold) for draft in drafts]
    patients = [studies.patient_id(index) for index in range(len(studies))]
    references = LabelledReports(all_reports(studies))
    candidates = LabelledReports([surfaced_report(report) for report in reports])
    order = shuffled(patients, SHUFFLE_SEED).tolist()
    grades = grade(studies, reports, order, learned, artefact.grid, bounds)
    falls = occlusions(artefact, studies, drafts)
    trusted, reliability = confidence_figures([r.confidence for r in reports], grades.right, grades.sentences)

    n = len(studies)
    own = [
        *report_figures(references, candidates),
        *region_figures(grades.statements, n),
        *by_size(grades.statements, n),
        *box_figures(grades.boxes),
        *anatomy_figures(grades.anatomy, n),
        *occlusion_figures(falls, n),
        *trusted,
        *verdict_shares(reports),
    ]
    moved = LabelledReports([candidates.reports[index] for index in order])
    beside = [
        *prefixed("matched", region_figures(matched_only(grades.statements), n)),
        *prefixed("teacher_forced", region_figures(score_readings(artefact, studies, bounds), n)),
        *prefixed("shuffled", report_figures(references, moved)),
        *prefixed("shuffled", region_figures(grades.shuffled, n)),
    ]
    places: list[str] = []
    if learned is not None:
        places = varying(learned.agreement)
        own.append(of_observations("miou_varying", grades.statements, places, n))
        beside += report_baselines(learned, references)
        beside += mean_mask_figures(grades.mean_mask, places, n)

    bootstrap = PatientBootstrap(patients)
    figures = {figure.name: figure for figure in (*own, *beside)}
    return Evaluation(
        figures={
            "n_studies": n,
            "n_patients": bootstrap.n_patients,
            "n_statements": len(grades.statements),
            "anatomy.n": len(grades.anatomy),
            "occlusion.n": len(falls),
            **bootstrap.estimates(list(figures.values())),
        },
        drafts=draft_lines(grades.references, reports, own),
        statements=pd.DataFrame([score.row() for score in grades.statements]),
        per_finding=per_finding(references, candidates, grades.statements, falls, bootstrap),
        reliability=reliability,
        statistics=Statistics(tuple(report.study_id for report in reports), tuple(patients), figures),
        baselines={} if learned is None else described(learned, places),
    )


def mean_mask_figures(scores: Sequence[StatementScore], places: Sequence[str], studies: int) -> list[Figure]:
    """`mean_mask.NAME`; its `miou` as `miou_image_free`, and over the observations whose place varies."""
    figures = region_figures(scores, studies)
    return [
        *prefixed("mean_mask", figures),
        *(replace(figure, name="miou_image_free") for figure in figures if figure.name == "miou"),
        of_observations("miou_image_free_varying", scores, places, studies),
    ]


def described(learned: Learned, places: Sequence[str]) -> dict[str, Any]:
    """The constant reports, why a place counts as varying, and what parts the sizes."""
    return {
        "constants": learned.constants,
        "agreement_with_mean_mask": learned.agreement,
        "varying": places,
        "sizes": learned.sizes,
    }


def surfaced(report: GroundedReport, withhold: Withhold) -> GroundedReport:
    """The report as the policy lets it be shown."""
    return report.withhold_ungrounded() if withhold is Withhold.UNGROUNDED_POSITIVE else report


def score_readings(artefact: Artefact, studies: EvaluationSet, bounds: tuple[float, float]) -> list[StatementScore]:
    """The references' own sentences, read with teacher forcing."""
    return [
        score
        for index, (study, maps) in enumerate(read_references(artefact, studies))
        for score in score_reading(index, study, maps, artefact.grid, bounds)
    ]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, default=Path("trained"), help="a model folder (default: trained)")
    parser.add_argument(
        "--prepared",
        type=Path,
        default=Path("prepared"),
        help="what prepare wrote and the model saw: calibration and baselines are learned from it",
    )
    parser.add_argument("--policy", type=Path, default=POLICY, metavar="FILE", help="what is withheld")
    parser.add_argument("--source", help="grade on a source's studies instead of the prepared test split")
    parser.add_argument("--root", type=Path, help="the root of that source")
    parser.add_argument("--out", type=Path, help="with --source: the file that receives the figures")


def calibration_of(artefact: Artefact, prepared: Path) -> Calibration:
    """The calibration that a model carries; else it is fitted on the validation split of what it was trained on.

    Raises:
        BadInput: the model has none, and there is no prepared set to fit one on.
    """
    if not (artefact.folder / CALIBRATION).is_file() and prepared.is_dir():
        return fit_calibration(artefact, PreparedEvaluation(prepared, "validate"))
    return read_calibration(artefact.folder)


def main(args: argparse.Namespace) -> int:
    artefact = open_artefact(args.model)
    withhold = load_policy(args.policy).withhold
    training = PreparedEvaluation(args.prepared, "train") if args.prepared.is_dir() else None
    if args.source is None:
        test = PreparedEvaluation(args.prepared, "test")
        calibration = calibration_of(artefact, args.prepared)
        evaluation = evaluate(artefact, test, training, calibration=calibration, withhold=withhold)
        write(evaluation, calibration, Path("evaluation"))
        write_metrics("evaluate", evaluation.figures)
        return 0
    if args.root is None or args.out is None:
        raise BadInput(
            f"--source {args.source}",
            "a source is read at a root and graded into a file",
            "pass --root DIR and --out FILE",
        )
    studies = SourceEvaluation(open_source(args.source, args.root), artefact.pixels)
    calibration = calibration_of(artefact, args.prepared)
    evaluation = evaluate(artefact, studies, training, calibration=calibration, withhold=withhold)
    left_out = {f"left_out.{reason}": float(count) for reason, count in studies.left_out.items()}
    write_metrics(args.out.stem, evaluation.figures | left_out, args.out.parent)
    return 0
