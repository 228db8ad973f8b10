"""What a run is worth: the figures of `pipelines.evaluate`, without intervals over patients. Seeds give those."""

from dataclasses import replace
from pathlib import Path

from model.artefact import Artefact
from model.faithfulness import occlusion_figures
from model.metrics import SIZE_BOUNDS
from pipelines.calibrating import fit_calibration
from pipelines.drafting import draft_studies
from pipelines.evaluate import score_readings
from pipelines.evaluation_set import PreparedEvaluation, all_reports
from pipelines.experiments.declared import Ingested, Phantom
from pipelines.grounding_scores import matched_only, prefixed, region_figures, score_study
from pipelines.mean_masks import TrainingRegions, score_mean_masks
from pipelines.occlusion import occlusions
from pipelines.splits import Split
from pipelines.verdict_shares import verdict_shares
from pipelines.written_reports import LabelledReports, report_figures, surfaced_report


def scored_split(data: Phantom | Ingested) -> Split:
    """A phantom is made for the experiment alone: its test split is free, and no epoch was chosen on it. The test split
    of a data set is for the gate: experiments, of which the best is taken, are scored on the validation split."""
    return Split.TEST if isinstance(data, Phantom) else Split.VALIDATE


def score(artefact: Artefact, learned: Path, prepared: Path, split: Split) -> dict[str, float]:
    """Draft a split of `prepared` and score words, findings and regions; nothing is withheld.

    Args:
        learned: the prepared set that the model was trained on: calibration and mean masks come from there.
    """
    grid = artefact.grid
    studies = PreparedEvaluation(prepared, split)
    validation, training = (PreparedEvaluation(learned, name) for name in (Split.VALIDATE, Split.TRAIN))
    calibration = fit_calibration(artefact, validation)
    means = TrainingRegions.of(training).means()
    drafts, scores, floor = [], [], []
    for index, (study, draft) in enumerate(draft_studies(artefact, studies, calibration)):
        drafts.append(draft)
        scores += score_study(index, study, draft.report, grid)
        floor += score_mean_masks(index, study, means, grid)
    n = len(studies)
    reports = [draft.report for draft in drafts]
    candidates = LabelledReports([surfaced_report(report) for report in reports])
    mean_mask = region_figures(floor, n)
    figures = [
        *report_figures(LabelledReports(all_reports(studies)), candidates),
        *region_figures(scores, n),
        *occlusion_figures(occlusions(artefact, studies, drafts), n),
        *verdict_shares(reports),
        *prefixed("matched", region_figures(matched_only(scores), n)),
        *prefixed("teacher_forced", region_figures(score_readings(artefact, studies, SIZE_BOUNDS), n)),
        *prefixed("mean_mask", mean_mask),
        *(replace(figure, name="miou_image_free") for figure in mean_mask if figure.name == "miou"),
    ]
    return {"n_studies": n, "n_statements": len(scores)} | {figure.name: figure() for figure in figures}
