"""The drafts read again with regions hidden: do their words rest on what they show? See `model.faithfulness`."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model.artefact import Artefact
from model.faithfulness import Occlusion, filled_region, hidden_boxes, hide, occlusion_figures, random_region, thorax
from model.grounding import regions, sentence_spans
from model.tokenizer import ReportTokenizer
from model.words import NamedFinding, named_findings
from pipelines.drafting import Draft
from pipelines.evaluation_set import EvaluationSet, EvaluationStudy
from pipelines.models import reporter_on_device
from pipelines.progress import track

MOST_STATEMENTS = 25
"""Statements of an observation that are tried: the first ones, in the order of the studies."""
RANDOM_REGIONS = 3
"""Random regions a sentence."""
SEED = 0
STUDIES_AT_ONCE = 16
"""Studies whose sentences are read in one batch."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A sentence of a study's draft, to be read from `images`: its own region hidden first, then the random ones."""

    study: int
    named: Sequence[NamedFinding]
    images: Sequence[NDArray[np.uint8]]


def occlusions(artefact: Artefact, studies: EvaluationSet, drafts: Sequence[Draft]) -> list[Occlusion]:
    """The falls of the drafts' positive statements, at most MOST_STATEMENTS an observation.

    A sentence without a box, or whose boxes leave no room for random ones in the thorax, has none.
    """
    import torch

    from model.reporter import forced
    from pipelines.prepared import images_to_tensor

    reporter, device = reporter_on_device(artefact)
    tokenizer = artefact.tokenizer
    tried: Counter[str] = Counter()
    falls = []
    for first in track(range(0, len(drafts), STUDIES_AT_ONCE), "occlusions"):
        trials = []
        for index in range(first, min(first + STUDIES_AT_ONCE, len(drafts))):
            trials += trials_of(index, studies[index], drafts[index], tokenizer, tried)
        if not trials:
            continue
        length = max(len(drafts[trial.study].ids) for trial in trials)
        images = np.stack([image for trial in trials for image in trial.images])
        ids = np.stack([padded(drafts[trial.study].ids, length) for trial in trials for _ in trial.images])
        told = np.stack([drafts[trial.study].prompt for trial in trials for _ in trial.images])
        written, prompt = torch.from_numpy(ids).to(device), torch.from_numpy(told).to(device)
        read = forced(reporter, images_to_tensor(images).to(device), written, prompt)
        likely = read.log_probability.cpu().numpy().reshape(len(trials), 1 + RANDOM_REGIONS, -1)
        for trial, after in zip(trials, likely, strict=True):
            before = drafts[trial.study].log_probability
            for named in trial.named:
                fall = (before[named.tokens] - after[:, named.tokens]).mean(axis=1)
                falls.append(Occlusion(trial.study, named.observation, float(fall[0]), float(fall[1:].mean())))
    return falls


def trials_of(
    index: int, study: EvaluationStudy, draft: Draft, tokenizer: ReportTokenizer, tried: Counter[str]
) -> list[Trial]:
    """What is to be read again of one draft; `tried` counts the statements of each observation, and is counted up."""
    generator = np.random.default_rng([SEED, index])
    image, geometry = study.model_input.image, study.model_input.geometry
    within = thorax(geometry)
    ids = draft.ids.tolist()
    trials = []
    for span, sentence in zip(sentence_spans(ids, tokenizer), draft.report.sentences, strict=True):
        named = [
            found
            for found in named_findings(ids, span.first, span.last, tokenizer)
            if found.positive and len(found.tokens) and tried[found.observation] < MOST_STATEMENTS
        ]
        boxes = hidden_boxes(regions(sentence.map, geometry), geometry, within)
        if not named or not boxes:
            continue
        elsewhere = [random_region(boxes, within, generator) for _ in range(RANDOM_REGIONS)]
        hidden = [filled_region(boxes, within.shape), *(region for region in elsewhere if region is not None)]
        if len(hidden) == 1 + RANDOM_REGIONS:
            tried.update(found.observation for found in named)
            trials.append(Trial(index, named, [hide(image, region) for region in hidden]))
    return trials


def padded(ids: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Ids with padding up to `length`; PAD_ID is 0."""
    return np.pad(ids, (0, length - len(ids)))


def by_observation(falls: Sequence[Occlusion]) -> pd.DataFrame:
    """Per observation the figures of `occlusion_figures`, `occlusions` their number."""
    columns = ["observation", "occlusions", "occlusion_ratio", "occlusion.fall_grounded", "occlusion.fall_random"]
    rows = []
    for observation in sorted({fall.observation for fall in falls}):
        own = [replace(fall, study=0) for fall in falls if fall.observation == observation]
        rows.append([observation, len(own), *(figure() for figure in occlusion_figures(own, 1))])
    return pd.DataFrame(rows, columns=columns)
