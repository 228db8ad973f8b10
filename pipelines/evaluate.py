"""Stage evaluate: draft a split's reports and score words, findings and regions beside image-free baselines.

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
from pathlib import Path

import pandas as pd

from model.artefact import Artefact, open_artefact
from model.calibration import FILE as CALIBRATION
from model.calibration import Calibration, read_calibration
from model.errors import BadInput
from model.faithfulness import occlusion_figures
from model.labeler import label_report
from model.metrics import SIZE_BOUNDS, Figure, PatientBootstrap, findings_figures, mean_figure, text_figures
from model.report import GroundedReport, Verdict
from pipelines.baselines import image_free, shuffled, size_terciles
from pipelines.calibrating import fit_calibration
from pipelines.confidence import confidence_figures
from pipelines.drafting import draft_studies
from pipelines.evaluation_files import Evaluation, draft_lines, per_finding, write
from pipelines.evaluation_set import EvaluationSet, PreparedEvaluation, SourceEvaluation
from pipelines.gate import POLICY, Withhold, load_policy
from pipelines.grounding_scores import (
    StatementScore,
    anatomy_figures,
    by_size,
    matched_only,
    of_observations,
    region_figures,
    score_anatomy,
    score_reading,
    score_study,
)
from pipelines.metrics import write_metrics
from pipelines.occlusion import occlusions
from pipelines.reading import read_references
from pipelines.sources import open_source
from pipelines.statistics import Statistics

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
        training: the split that the image-free baselines learn from; None where the model's training set is not at
            hand: there are then no constant and no mean-mask baselines.
        calibration: what the model's scores are worth. withhold: what is left out of the surfaced report.

    Raises:
        BadInput: there is no study to grade.
    """
    if not len(studies):
        raise BadInput(
            "0 studies with a report", "an evaluation needs studies", "ingest more patients, or another source"
        )
    grid = artefact.grid
    drafts = list(draft_studies(artefact, studies, calibration))
    reports = [surfaced(draft.report, withhold) for draft in drafts]
    references = [studies[index].text for index in range(len(studies))]
    patients = [studies[index].patient_id for index in range(len(studies))]
    bounds = SIZE_BOUNDS if training is None else size_terciles(training)
    scores = score_regions(studies, reports, grid, bounds)
    anatomy = [score for index, report in enumerate(reports) for score in score_anatomy(index, studies[index], report)]
    falls = occlusions(artefact, studies, drafts)
    trusted, reliability = confidence_figures(studies, reports)

    figures = score_reports(references, [report.text for report in reports])
    figures += region_figures(scores, len(studies))
    figures += by_size(scores, len(studies))
    figures += anatomy_figures(anatomy, len(studies))
    figures += occlusion_figures(falls, len(studies))
    figures += trusted
    figures += [grounded_share(reports), withheld_share(reports)]
    free = None if training is None else image_free(studies, references, training, grid)
    if free is not None:
        figures.append(of_observations("miou_varying", scores, free.varying, len(studies)))
        figures.append(of_observations("miou_image_free_varying", free.scores, free.varying, len(studies)))

    bootstrap = PatientBootstrap(patients)
    flat: dict[str, float] = {
        "n_studies": len(studies),
        "n_patients": bootstrap.n_patients,
        "n_statements": len(scores),
        "anatomy.n": len(anatomy),
        "occlusion.n": len(falls),
    }
    for figure in figures:
        estimate = bootstrap.estimate(figure)
        flat |= {figure.name: estimate.value, f"{figure.name}.low": estimate.low, f"{figure.name}.high": estimate.high}
    flat |= prefixed("matched", region_figures(matched_only(scores), len(studies)))
    flat |= prefixed("teacher_forced", region_figures(score_readings(artefact, studies, bounds), len(studies)))

    order = shuffled(patients, SHUFFLE_SEED)
    moved = [reports[index] for index in order]
    flat |= prefixed("shuffled", score_reports(references, [report.text for report in moved]))
    flat |= prefixed("shuffled", region_figures(score_regions(studies, moved, grid, bounds), len(studies)))
    if free is not None:
        flat |= prefixed("mean_mask", region_figures(free.scores, len(studies)))
        flat |= {f"constant.{name}": value for name, value in free.constants.items()}
        flat["miou_image_free"] = flat["mean_mask.miou"]

    return Evaluation(
        figures=flat,
        drafts=draft_lines(studies, reports, figures),
        statements=pd.DataFrame([score.row() for score in scores]),
        per_finding=per_finding(references, reports, scores, falls),
        reliability=reliability,
        statistics=Statistics(
            tuple(draft.study_id for draft in reports), tuple(patients), {figure.name: figure for figure in figures}
        ),
        baselines={} if free is None else {**free.described, "sizes": bounds},
    )


def surfaced(report: GroundedReport, withhold: Withhold) -> GroundedReport:
    """The report as the policy lets it be shown."""
    return report.withhold_ungrounded() if withhold is Withhold.UNGROUNDED_POSITIVE else report


def score_reports(references: Sequence[str], candidates: Sequence[str]) -> list[Figure]:
    """Words and findings."""
    labels = ([label_report(report) for report in side] for side in (references, candidates))
    return [*text_figures(references, candidates), *findings_figures(*labels)]


def score_regions(
    studies: EvaluationSet, drafts: Sequence[GroundedReport], grid: tuple[int, int], bounds: tuple[float, float]
) -> list[StatementScore]:
    return [
        score for index, draft in enumerate(drafts) for score in score_study(index, studies[index], draft, grid, bounds)
    ]


def score_readings(artefact: Artefact, studies: EvaluationSet, bounds: tuple[float, float]) -> list[StatementScore]:
    """The references' own sentences, read with teacher forcing."""
    return [
        score
        for index, maps in enumerate(read_references(artefact, studies))
        for score in score_reading(index, studies[index], maps, artefact.grid, bounds)
    ]


def grounded_share(drafts: Sequence[GroundedReport]) -> Figure:
    """Share of drafted sentences whose attention grounds them."""
    grounded = [sum(s.verdict is Verdict.GROUNDED for s in draft.sentences) for draft in drafts]
    return mean_figure("grounded_share", grounded, [len(draft.sentences) for draft in drafts])


def withheld_share(drafts: Sequence[GroundedReport]) -> Figure:
    """Share of the drafted sentences that state a finding which are withheld."""
    withheld = [sum(s.withheld for s in draft.sentences) for draft in drafts]
    return mean_figure("withheld_share", withheld, [sum(s.positive for s in draft.sentences) for draft in drafts])


def prefixed(prefix: str, figures: Sequence[Figure]) -> dict[str, float]:
    return {f"{prefix}.{figure.name}": figure() for figure in figures}


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
