"""Stage evaluate: draft a split's reports and score words, findings and regions beside image-free baselines.

    evaluation/drafts.jsonl          one line a study: the draft, the reference, the study's figures
    evaluation/statements.parquet    one row a positive reference statement with a region
    evaluation/per_finding.parquet   words and regions per observation
    evaluation/baselines.json        the constant reports, and what they are constant for

With `--source` it grades the model on any set that a source reads, outside the pipeline.
"""

import argparse
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from model.artefact import Artefact, open_artefact
from model.errors import BadInput
from model.grounding import DraftedTokens, ground
from model.labeler import label_report
from model.metrics import Figure, PatientBootstrap, findings_figures, mean_figure, per_observation, text_figures
from model.report import GroundedReport, Verdict
from model.study import Section
from pipelines.baselines import best_constants, constant_figures, mean_mask_scores, mean_masks, shuffled
from pipelines.evaluation_set import EvaluationSet, EvaluationStudy, PreparedEvaluation, SourceEvaluation
from pipelines.grounding_scores import StatementScore, by_observation, matched_only, region_figures, score_study
from pipelines.metrics import write_metrics
from pipelines.models import load_reporter
from pipelines.progress import track
from pipelines.sources import open_source

BATCH = 32
SHUFFLE_SEED = 0


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything that the stage writes."""

    figures: dict[str, float]
    drafts: list[dict[str, Any]]
    statements: pd.DataFrame
    per_finding: pd.DataFrame
    constants: dict[str, str]


def evaluate(artefact: Artefact, studies: EvaluationSet, training: EvaluationSet | None) -> Evaluation:
    """Draft and score every study.

    Args:
        training: the split that the image-free baselines learn from; None where the model's training set is not at
            hand: there are then no constant and no mean-mask baselines.

    Raises:
        BadInput: there is no study to grade.
    """
    if not len(studies):
        raise BadInput(
            "0 studies with a report", "an evaluation needs studies", "ingest more patients, or another source"
        )
    grid = artefact.grid
    drafts = list(draft_reports(artefact, studies))
    references = [studies[index].text for index in range(len(studies))]
    patients = [studies[index].patient_id for index in range(len(studies))]
    scores = score_regions(studies, drafts, grid)

    figures = score_reports(references, [draft.text for draft in drafts])
    figures += region_figures(scores, len(studies))
    figures.append(grounded_share(drafts))
    bootstrap = PatientBootstrap(patients)
    flat: dict[str, float] = {
        "n_studies": len(studies),
        "n_patients": bootstrap.n_patients,
        "n_statements": len(scores),
    }
    for figure in figures:
        estimate = bootstrap.estimate(figure)
        flat |= {figure.name: estimate.value, f"{figure.name}.low": estimate.low, f"{figure.name}.high": estimate.high}
    flat |= prefixed("matched", region_figures(matched_only(scores), len(studies)))

    order = shuffled(patients, SHUFFLE_SEED)
    moved = [drafts[index] for index in order]
    flat |= prefixed("shuffled", score_reports(references, [draft.text for draft in moved]))
    flat |= prefixed("shuffled", region_figures(score_regions(studies, moved, grid), len(studies)))

    constants: dict[str, str] = {}
    if training is not None:
        constants = best_constants([training[index].text for index in range(len(training))])
        flat |= {f"constant.{name}": value for name, value in constant_figures(references, constants).items()}
        image_free = region_figures(mean_mask_scores(studies, mean_masks(training), grid), len(studies))
        flat |= prefixed("mean_mask", image_free)
        flat["miou_image_free"] = flat["mean_mask.miou"]

    return Evaluation(
        figures=flat,
        drafts=draft_lines(studies, drafts, figures),
        statements=pd.DataFrame([score.row() for score in scores]),
        per_finding=per_finding(references, drafts, scores),
        constants=constants,
    )


def draft_reports(artefact: Artefact, studies: EvaluationSet) -> Iterator[GroundedReport]:
    """Greedy grounded reports, in the order of the studies."""
    import torch

    from pipelines.prepared import images_to_tensor

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    reporter = load_reporter(artefact).to(device)
    tokenizer = artefact.tokenizer
    for first in track(range(0, len(studies), BATCH), "drafts"):
        batch = [studies[index] for index in range(first, min(first + BATCH, len(studies)))]
        drafted = reporter.draft(images_to_tensor(np.stack([s.model_input.image for s in batch])).to(device))
        arrays = (drafted.ids, drafted.attention, drafted.log_probability)
        for study, *parts in zip(batch, *(array.cpu().numpy() for array in arrays), strict=True):
            yield ground(
                study.study_id,
                DraftedTokens(*parts),
                tokenizer,
                reporter.grid,
                study.model_input.geometry,
                model_version=artefact.version,
                input_sha256=study.model_input.sha256,
            )


def score_reports(references: Sequence[str], candidates: Sequence[str]) -> list[Figure]:
    """Words and findings."""
    labels = ([label_report(report) for report in side] for side in (references, candidates))
    return [*text_figures(references, candidates), *findings_figures(*labels)]


def score_regions(
    studies: EvaluationSet, drafts: Sequence[GroundedReport], grid: tuple[int, int]
) -> list[StatementScore]:
    return [score for index, draft in enumerate(drafts) for score in score_study(index, studies[index], draft, grid)]


def grounded_share(drafts: Sequence[GroundedReport]) -> Figure:
    """Share of drafted sentences whose attention grounds them."""
    grounded = [sum(s.verdict is Verdict.GROUNDED for s in draft.sentences) for draft in drafts]
    return mean_figure("grounded_share", grounded, [len(draft.sentences) for draft in drafts])


def prefixed(prefix: str, figures: Sequence[Figure]) -> dict[str, float]:
    return {f"{prefix}.{figure.name}": figure() for figure in figures}


def draft_lines(
    studies: EvaluationSet, drafts: Sequence[GroundedReport], figures: Sequence[Figure]
) -> list[dict[str, Any]]:
    """The lines of drafts.jsonl, each with its study's own figures."""
    each = {figure.name: figure.of_each() for figure in figures}
    return [
        {
            "study_id": draft.study_id,
            "draft": draft.to_json(),
            "reference": reference(studies[index]),
            "figures": {name: None if np.isnan(values[index]) else values[index] for name, values in each.items()},
        }
        for index, draft in enumerate(drafts)
    ]


def reference(study: EvaluationStudy) -> dict[str, Any]:
    """The signed report as drafts.jsonl shows it."""
    return {section.value: study.section(section) for section in Section} | {
        "sentences": [
            {
                "text": sentence.text,
                "section": sentence.section.value,
                "groundable": sentence.groundable,
                "has_mask": sentence.mask is not None,
                "findings": [asdict(finding) for finding in sentence.findings],
            }
            for sentence in study.sentences
        ]
    }


def per_finding(
    references: Sequence[str], drafts: Sequence[GroundedReport], scores: Sequence[StatementScore]
) -> pd.DataFrame:
    """One row an observation: words (counts, precision, recall, F1) and regions."""
    labels = ([label_report(text) for text in side] for side in (references, [draft.text for draft in drafts]))
    words = pd.DataFrame([asdict(score) for score in per_observation(*labels)])
    regions = by_observation(scores).rename(columns={"n": "statements"})
    return words.merge(regions, on="observation", how="left")


def write(evaluation: Evaluation, out: Path) -> None:
    """Write the stage's folder anew."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    with (out / "drafts.jsonl").open("w") as file:
        file.writelines(json.dumps(line) + "\n" for line in evaluation.drafts)
    evaluation.statements.to_parquet(out / "statements.parquet")
    evaluation.per_finding.to_parquet(out / "per_finding.parquet")
    (out / "baselines.json").write_text(json.dumps(evaluation.constants, indent=1) + "\n")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, default=Path("trained"), help="a model folder (default: trained)")
    parser.add_argument("--prepared", type=Path, default=Path("prepared"), help="what prepare wrote")
    parser.add_argument("--source", help="grade on a source's studies instead of the prepared test split")
    parser.add_argument("--root", type=Path, help="the root of that source")
    parser.add_argument("--out", type=Path, help="with --source: the file that receives the figures")


def main(args: argparse.Namespace) -> int:
    artefact = open_artefact(args.model)
    if args.source is None:
        grid = artefact.grid
        test, training = (PreparedEvaluation(args.prepared, split, grid) for split in ("test", "train"))
        evaluation = evaluate(artefact, test, training)
        write(evaluation, Path("evaluation"))
        write_metrics("evaluate", evaluation.figures)
        return 0
    if args.root is None or args.out is None:
        raise BadInput(
            f"--source {args.source}",
            "a source is read at a root and graded into a file",
            "pass --root DIR and --out FILE",
        )
    studies = SourceEvaluation(open_source(args.source, args.root), artefact.pixels)
    evaluation = evaluate(artefact, studies, None)
    left_out = {f"left_out.{reason}": float(count) for reason, count in studies.left_out.items()}
    write_metrics(args.out.stem, evaluation.figures | left_out, args.out.parent)
    return 0
