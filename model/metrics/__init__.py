"""Figures of words, findings and regions, each with a patient-cluster interval.

numpy, scipy and OpenCV alone, until METEOR.
"""

from model.metrics.bootstrap import Estimate, PatientBootstrap, estimates
from model.metrics.boxes import agreeing, region_boxes
from model.metrics.edits import Edit, SentenceEdit, edit_figures, sentence_edits, word_edits
from model.metrics.figures import Figure, mean_figure
from model.metrics.findings import findings_figures, per_observation
from model.metrics.grounding import SIZE_BOUNDS, SizeBucket, grid_ceiling, grounding_figures, size_bucket
from model.metrics.matching import Match, match_statements
from model.metrics.pairs import score_pairs, text_figures

__all__ = [
    "SIZE_BOUNDS",
    "Edit",
    "Estimate",
    "Figure",
    "Match",
    "PatientBootstrap",
    "SentenceEdit",
    "SizeBucket",
    "agreeing",
    "edit_figures",
    "estimates",
    "findings_figures",
    "grid_ceiling",
    "grounding_figures",
    "match_statements",
    "mean_figure",
    "per_observation",
    "region_boxes",
    "score_pairs",
    "sentence_edits",
    "size_bucket",
    "text_figures",
    "word_edits",
]
