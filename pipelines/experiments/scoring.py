"""What a run is worth: the figures of `pipelines.evaluate`, without intervals over patients. Seeds give those."""

from pathlib import Path

from model.artefact import Artefact
from model.faithfulness import occlusion_figures
from model.metrics import SIZE_BOUNDS
from pipelines.baselines import mean_mask_scores, mean_masks
from pipelines.calibrating import fit_calibration
from pipelines.drafting import draft_studies
from pipelines.evaluate import grounded_share, prefixed, score_readings, score_regions, score_reports
from pipelines.evaluation_set import PreparedEvaluation
from pipelines.experiments.declared import Ingested, Phantom
from pipelines.grounding_scores import matched_only, region_figures
from pipelines.occlusion import occlusions
from pipelines.splits import Split


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
    drafts = list(draft_studies(artefact, studies, fit_calibration(artefact, validation)))
    reports = [draft.report for draft in drafts]
    scores = score_regions(studies, reports, grid, SIZE_BOUNDS)
    told = score_readings(artefact, studies, SIZE_BOUNDS)
    floor = mean_mask_scores(studies, mean_masks(training), grid)
    n = len(studies)
    figures = [
        *score_reports([studies[index].text for index in range(n)], [report.text for report in reports]),
        *region_figures(scores, n),
        *occlusion_figures(occlusions(artefact, studies, drafts), n),
        grounded_share(reports),
    ]
    image_free = prefixed("mean_mask", region_figures(floor, n))
    return {
        "n_studies": n,
        "n_statements": len(scores),
        **{figure.name: figure() for figure in figures},
        **prefixed("matched", region_figures(matched_only(scores), n)),
        **prefixed("teacher_forced", region_figures(told, n)),
        **image_free,
        "miou_image_free": image_free["mean_mask.miou"],
    }
