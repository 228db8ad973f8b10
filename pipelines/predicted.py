"""A draft as the records keep it: its text, and beside it the numbers and words of closed lists that monitors read."""

import os
from collections.abc import Set as AbstractSet
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from model.artefact import Artefact
from model.engine import Provider, session
from model.labeler import label_report
from model.pixels import ModelInput
from model.report import GroundedReport
from model.study import Section
from monitoring.features import image_numbers, sentence_numbers, word_numbers
from records.predictions import Prediction, Role, Text


class Embedder:
    """An exported model's encoder, for the pooled features of a picture."""

    def __init__(self, artefact: Artefact) -> None:
        self._encoder = session(artefact.graphs("fp32")[0], Provider.CPU.chain(), os.cpu_count() or 1)

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float16]:
        """uint8 (B, size, size) -> (B, width): the mean over the patches of what the decoder's first layer is given of
        them, in the precision that the records keep."""
        value = self._encoder.run(["cross_value_0"], {"image": images[:, None].astype(np.float32) / 255})[0]
        pooled: NDArray[np.float16] = value[:, :, :-1].mean(axis=2).reshape(len(images), -1).astype(np.float16)
        return pooled


def predicted(
    report: GroundedReport,
    seen: ModelInput,
    templates: AbstractSet[str],
    *,
    study: str,
    arrived_at: datetime,
    drafted_at: datetime,
) -> tuple[Prediction, Text]:
    """What `records.predictions.enter_prediction` takes of a draft that is shown, outside any rollout.

    Args:
        templates: of the model's reference, `monitoring.watched`.
    """
    prediction = Prediction.model_validate(
        {
            "study": study,
            "model": report.model_version,
            "role": Role.LIVE,
            "drafted_at": drafted_at,
            "seconds": max(0.0, (drafted_at - arrived_at).total_seconds()),
            "confidence": report.confidence,
            "sentences": [sentence_numbers(sentence) for sentence in report.sentences],
            "findings": label_report(report.text),
            "words": word_numbers(report, templates),
            "image": image_numbers(seen.image, seen.geometry),
            "input_sha256": seen.sha256,
        }
    )
    return prediction, Text(findings=report.section(Section.FINDINGS), impression=report.section(Section.IMPRESSION))
