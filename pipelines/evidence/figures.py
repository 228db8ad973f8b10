"""The figures that a report shows: which, in what order, and in plain words what each says."""

import json
import math
from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq

from pipelines.evidence import Content

TEXT = {
    "bleu_1": "words shared with the reference",
    "bleu_2": "pairs of words",
    "bleu_3": "runs of three words",
    "bleu_4": "runs of four words: how alike the wording is",
    "meteor_exact_stem": "words shared by stem, in order",
    "rouge_l": "longest common run of words",
    "rouge_l_f1": "the same, weighing what is missing and added alike",
    "cider": "rare words count more; of 10",
}
FINDINGS = {
    "findings_micro_f1": "the 14 observations, each mention alike",
    "findings_macro_f1": "mean over the observations: rare ones count as much",
    "findings_micro_f1_5": "the five common observations",
    "findings_micro_f1_u1": "uncertain counted as positive",
    "findings_example_f1": "mean over studies",
}
EDITS = {
    "edit_rate": "words changed over words signed, by a simulated reviewer",
    "edit_rate_sentences": "sentences changed over sentences signed",
}
GROUNDING = {
    "statements_found": "positive statements that the draft makes",
    "iou_norm_0.1": "grounding IoU: overlap of map and region",
    "iou_abs_0.1": "overlap where the map is above 0.1 itself",
    "iou_ceiling": "the most that the map's grid allows",
    "miou": "overlap, mean over five thresholds",
    "miou_image_free": "the same of the mean training mask",
    "miou_varying": "miou of findings whose place varies",
    "miou_image_free_varying": "the same of the mean training mask",
    "pointing_game": "peaks that lie in the region",
    "mass_in_mask": "share of the map within the region",
    "cnr": "contrast of the region to the rest",
    "box_precision_0.5": "drafted boxes that fit a region",
    "box_recall_0.5": "regions that a drafted box fits",
    "small.iou_norm_0.1": "grounding IoU of small regions",
    "medium.iou_norm_0.1": "of middling ones",
    "large.iou_norm_0.1": "of large ones",
    "grounded_share": "drafted sentences called grounded",
    "weak_share": "called weak",
    "ungrounded_share": "called ungrounded",
    "ungrounded_positive_share": "positive sentences called ungrounded",
    "withheld_share": "positive sentences withheld: no region, said before, or cut",
    "anatomy.pointing_game": "peaks in the anatomy that a denial speaks of",
    "anatomy.miou": "overlap with that anatomy",
}
FAITHFULNESS = {
    "occlusion_ratio": "the first fall below over the second",
    "occlusion.fall_grounded": "fall when the sentence's boxes are hidden, nats a token",
    "occlusion.fall_random": "fall when random boxes of that area are",
}
CONFIDENCE = {
    "needs_no_correction": "drafts whose findings and sides are all right",
    "confidence.brier": "error of a draft's confidence: 0 perfect, 0.25 a coin",
    "grounding_score.brier": "error of a positive sentence's score",
}
BASELINES = {
    "constant": "the best one report for everybody",
    "nearest": "the report of the training image most alike",
    "shuffled": "this model's drafts, dealt out among the studies",
    "mean_mask": "the mean training mask of the same statement",
}
BESIDE = {
    "matched": "only the statements that the draft did make",
    "teacher_forced": "the reference's own sentences, as the model reads them",
    **BASELINES,
}


def rows(figures: Mapping[str, float | None], wanted: Mapping[str, str]) -> list[Content]:
    """The figures that the evaluation knows, each with its interval, its matched slice and its image-free baselines."""
    return [
        {
            "figure": name,
            "says": says,
            "value": figures[name],
            "low": figures.get(f"{name}.low"),
            "high": figures.get(f"{name}.high"),
            **{kind: figures.get(f"{kind}.{name}") for kind in BESIDE},
        }
        for name, says in wanted.items()
        if name in figures
    ]


def table(path: Path) -> list[Content]:
    """The rows of a file that a stage left, none where it left none; what is not finite is None."""
    found: list[Content] = pq.read_table(path).to_pylist() if path.is_file() else []
    return [{k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()} for row in found]


def history(root: Path) -> list[Content]:
    """The training, a row an epoch."""
    path = root / "trained" / "history.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
