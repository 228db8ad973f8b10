"""MS-CXR: boxes that radiologists drew for phrases of MIMIC-CXR's reports, given to the sentences that say the same.

    ms-cxr/MS_CXR_Local_Alignment_v1.1.0.json    COCO's format: images, categories (8 of CheXpert's observations),
                                                 annotations with bbox [x, y, width, height] and label_text

A phrase was cut or edited by the annotators, so that a sentence is sought that equals it, or else holds most of its
words. One that denies the finding holds them too, and is left out. Source: Boecking et al. 2022 (PhysioNet, MS-CXR).
"""

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from model.errors import BadInput
from model.findings import Certainty
from model.geometry import Box
from model.labeler import label_sentence
from model.study import Sentence

# The least share of a phrase's words that a sentence must hold.
MIN_OVERLAP = 0.75


@dataclass(frozen=True, slots=True)
class Phrase:
    """One annotation: a box in the image's pixels, the words that it was drawn for, and their observation."""

    text: str
    observation: str
    box: Box


def read_ms_cxr(root: Path) -> dict[str, list[Phrase]]:
    """The annotations of each image by its dicom id, of the newest version that lies in the root; {} where none does.

    Raises:
        BadInput: the file is not in COCO's format.
    """
    path = max(root.glob("ms-cxr/MS_CXR_Local_Alignment_v*.json"), default=None)
    if path is None:
        return {}
    phrases: dict[str, list[Phrase]] = defaultdict(list)
    try:
        coco = json.loads(path.read_text())
        images = {image["id"]: Path(image["file_name"]).stem for image in coco["images"]}
        observations = {category["id"]: category["name"] for category in coco["categories"]}
        for entry in coco["annotations"]:
            x, y, width, height = entry["bbox"]
            box = Box(x, y, x + width, y + height)
            phrases[images[entry["image_id"]]].append(
                Phrase(entry["label_text"], observations[entry["category_id"]], box)
            )
    except (LookupError, TypeError, ValueError) as fault:
        raise BadInput(f"annotations {path}", f"COCO's format, but {fault!r}", "take the file as published") from fault
    return dict(phrases)


def with_boxes(sentences: Sequence[Sentence], phrases: Sequence[Phrase]) -> tuple[tuple[Sentence, ...], int]:
    """The sentences, those that phrases speak of with their boxes, and how many phrases no sentence says."""
    boxes: dict[int, list[Box]] = defaultdict(list)
    unsaid = 0
    for phrase in phrases:
        index = _said_by(phrase, sentences)
        if index is None:
            unsaid += 1
        else:
            boxes[index].append(phrase.box)
    found = (
        replace(sentence, boxes=tuple(boxes[index]), groundable=True) if index in boxes else sentence
        for index, sentence in enumerate(sentences)
    )
    return tuple(found), unsaid


def _said_by(phrase: Phrase, sentences: Sequence[Sentence]) -> int | None:
    """The sentence that equals the phrase, else the one that holds the most of its words and the fewest others."""
    words = _words(phrase.text)
    best, best_score = None, (MIN_OVERLAP, 0.0)
    for index, sentence in enumerate(sentences):
        own = _words(sentence.text)
        shared = len(set(words) & set(own))
        score = (2.0, 0.0) if own == words else (shared / max(len(set(words)), 1), shared / max(len(set(own)), 1))
        if score > best_score and not _denies(sentence.text, phrase.observation):
            best, best_score = index, score
    return best


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def _denies(sentence: str, observation: str) -> bool:
    stated = {finding.certainty for finding in label_sentence(sentence) if finding.observation == observation}
    return stated == {Certainty.NEGATED}
