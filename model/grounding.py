"""From attention rows to a grounded report: which region each drafted sentence rests on, and whether it rests on one.

Pure functions on numpy arrays; no torch. The map of a sentence is the mean of the supervised layer's attention over the
sentence's tokens, for each the row that wrote it: what the decoder looked at before the token was there.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from model.artefact import Artefact
from model.calibration import Calibration, draft_features, verdict
from model.geometry import Box
from model.labeler import anatomy_of, label_sentence
from model.pixels import Geometry, ModelInput
from model.report import GroundedReport, GroundedSentence, Verdict
from model.study import Section
from model.text import sentences
from model.tokenizer import EOS_ID, ReportTokenizer
from model.words import named_findings

BOX_THRESHOLD = 0.3
"""Patches at or above this share of the map's range belong to a region."""
SMALLEST_MASS = 0.1
"""A region that holds less than this share of the thresholded mass is noise."""


@dataclass(frozen=True, slots=True)
class DraftedTokens:
    """One study's draft as any decoder gives it.

    Attributes:
        ids: (T,), start and end included, padding allowed.
        attention: (T - 1, N + 1) or longer, head-mean, null token last; row t wrote token t + 1.
        log_probability: (T,) of token t given those before it.
    """

    ids: NDArray[np.int64]
    attention: NDArray[np.float32]
    log_probability: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SentenceSpan:
    """A sentence and its tokens: `ids[first:last]`."""

    text: str
    section: Section
    first: int
    last: int


def sentence_spans(ids: Sequence[int], tokenizer: ReportTokenizer) -> list[SentenceSpan]:
    """Split a token sequence into sentences; every token between two special ones belongs to exactly one."""
    spans = []
    for section, start, stop in tokenizer.sections(ids):
        text, ends = tokenizer.written(ids[start:stop])
        first = start
        for sentence, end in zip(*sentence_ends(text), strict=True):
            last = min(stop, start + int(np.searchsorted(ends, end)) + 1)
            spans.append(SentenceSpan(sentence, section, first, last))
            first = last
    return spans


def sentence_ends(text: str) -> tuple[list[str], list[int]]:
    """The sentences of a text and, for each, how many characters of the text have been read at its end.

    A sentence is the text's own characters in their order, white space and list marks aside.
    """
    inked = [(index, character) for index, character in enumerate(text) if not character.isspace()]
    ink = "".join(character for _, character in inked)
    found, ends, searched = sentences(text), [], 0
    for sentence in found:
        bare = "".join(sentence.split())
        searched = ink.index(bare, searched) + len(bare)
        ends.append(inked[searched - 1][0] + 1)
    return found, ends


def sentence_map(
    attention: NDArray[np.float32], span: SentenceSpan, grid: tuple[int, int]
) -> tuple[NDArray[np.float32], float]:
    """Mean attention of a sentence: the map (rows, columns), which sums to 1 - null mass, and the null mass."""
    rows = attention[span.first - 1 : span.last - 1]
    if not len(rows):
        return np.zeros(grid, np.float32), 1.0
    mean = rows.mean(axis=0)
    return mean[:-1].reshape(grid), float(mean[-1])


def entropy(grid_map: NDArray[np.float32], null_mass: float) -> float:
    """Entropy of the attention over the patches and the null token, over that of even attention: 0 one patch, 1 even.

    It is the training log's attention entropy, of a sentence's mean map. NaN without attention.
    """
    attention = np.append(grid_map.astype(np.float64).ravel(), null_mass)
    total = attention.sum()
    if total <= 0:
        return float("nan")
    share = attention[attention > 0] / total
    return float(-(share * np.log(share)).sum() / np.log(attention.size))


def connected(grid_map: NDArray[np.float32]) -> list[tuple[float, tuple[slice, slice]]]:
    """The connected regions of a map at BOX_THRESHOLD: the mass of each and its rows and columns, heaviest first."""
    low, high = float(grid_map.min()), float(grid_map.max())
    if high <= low:
        return []
    kept = (grid_map - low) / (high - low) >= BOX_THRESHOLD
    labels, count = ndimage.label(kept, structure=np.ones((3, 3)))
    masses = ndimage.sum_labels(grid_map, labels, range(1, count + 1)).astype(float).tolist()
    least = SMALLEST_MASS * sum(masses)
    boxes = [(vertical, horizontal) for vertical, horizontal in ndimage.find_objects(labels)]
    found = [(mass, box) for mass, box in zip(masses, boxes, strict=True) if mass >= least]
    return sorted(found, key=lambda pair: -pair[0])


def grounding_score(grid_map: NDArray[np.float32]) -> float:
    """The share of all attention, the null token's included, that lies in the sentence's own regions, in [0, 1].

    A map with a sharp edge scores high, one that trails off over the image, looks at the null token or is even scores
    low. How small a region is says nothing of its being right: a nodule is no better grounded than a heart.
    """
    return min(1.0, sum(mass for mass, _ in connected(grid_map)))


def regions(grid_map: NDArray[np.float32], geometry: Geometry) -> tuple[Box, ...]:
    """Boxes in original pixels around the connected regions that hold the map's mass, heaviest first."""
    rows, columns = grid_map.shape
    tall, wide = geometry.size / rows, geometry.size / columns
    boxes = (
        geometry.to_original(
            Box(horizontal.start * wide, vertical.start * tall, horizontal.stop * wide, vertical.stop * tall)
        )
        for _, (vertical, horizontal) in connected(grid_map)
    )
    return tuple(box for box in boxes if box is not None)


@dataclass(frozen=True, slots=True)
class Grounder:
    """Grounded reports of one model's drafts."""

    tokenizer: ReportTokenizer
    grid: tuple[int, int]
    calibration: Calibration
    model_version: str

    @classmethod
    def of(cls, artefact: Artefact, calibration: Calibration) -> "Grounder":
        return cls(artefact.tokenizer, artefact.grid, calibration, artefact.version)

    def __call__(self, study_id: str, seen: ModelInput, draft: DraftedTokens) -> GroundedReport:
        """The report of what was drafted of a study.

        A sentence that its section has already is withheld, and so is one that the limit on tokens cut.
        """
        ids = draft.ids.tolist()
        spans = sentence_spans(ids, self.tokenizer)
        grounded: list[GroundedSentence] = []
        for span in spans:
            repeated = any((s.text, s.section) == (span.text, span.section) for s in grounded)
            cut = span is spans[-1] and EOS_ID not in ids and not re.search(r"\D[.!?]$", span.text)
            grid_map, null_mass = sentence_map(draft.attention, span, self.grid)
            findings = label_sentence(span.text)
            positive = any(finding.positive for finding in findings)
            probability = self.calibration.grounding(grounding_score(grid_map), positive=positive)
            reading = verdict(probability)
            grounded.append(
                GroundedSentence(
                    text=span.text,
                    section=span.section,
                    map=grid_map,
                    null_mass=null_mass,
                    boxes=regions(grid_map, seen.geometry) if reading is not Verdict.UNGROUNDED else (),
                    score=probability,
                    verdict=reading,
                    findings=findings,
                    anatomy=anatomy_of(span.text),
                    withheld=repeated or cut,
                )
            )
        features = confidence_features(ids, draft.log_probability, self.tokenizer, grounded)
        return GroundedReport(
            study_id=study_id,
            sentences=tuple(grounded),
            image_width=seen.geometry.original_width,
            image_height=seen.geometry.original_height,
            model_version=self.model_version,
            input_sha256=seen.sha256,
            confidence=self.calibration.confidence(*features),
        )


def confidence_features(
    ids: Sequence[int],
    log_probability: NDArray[np.float32],
    tokenizer: ReportTokenizer,
    sentences: Sequence[GroundedSentence],
) -> tuple[float, float, float]:
    """What the confidence in a draft is read from, see `model.calibration.draft_features`."""
    naming = [
        float(log_probability[token])
        for span in sentence_spans(ids, tokenizer)
        for named in named_findings(ids, span.first, span.last, tokenizer)
        for token in named.tokens
    ]
    return draft_features(naming, [grounding_score(s.map) for s in sentences if s.positive])
