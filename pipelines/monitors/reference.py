"""Stage reference: what the model's stream will be held against, summarised once. See docs/monitoring.md.

    reference/reference.safetensors    `monitoring.watched`

The training split's pictures say what pictures are like. What drafts are like is said by those of the test split: of
studies that the model was neither fitted nor chosen on, as the studies to come will be.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from model.artefact import open_artefact
from model.labeler import label_report
from model.metrics.bootstrap import Estimate
from model.report import GroundedReport
from monitoring.features import fingerprint, image_numbers, sentence_numbers, word_numbers
from monitoring.policy import Policy
from monitoring.quality import FORMULAS, estimates
from monitoring.reference import Reference
from monitoring.stream import features
from monitoring.watched import FILE, FOLDER, Watched
from pipelines.evaluation_set import PreparedEvaluation, all_reports
from pipelines.examples import read_drafts
from pipelines.manifest import stream_manifest
from pipelines.metrics import write_metrics
from pipelines.predicted import Embedder
from pipelines.progress import track
from pipelines.reviewed import reviewed_figures, signed_by_reviewer
from pipelines.written_reports import surfaced_report
from records.windows import Window

AT_ONCE = 32
TEMPLATES = 20  # the training set's most frequent reports; one that came once is none


def write_reference(root: Path, policy: Policy) -> Watched:
    """
    Raises:
        BadInput: a stage before this one has not run.
    """
    artefact = open_artefact(root / "exported")
    training = PreparedEvaluation(root / "prepared", "train")
    templates = frequent(training)
    test = PreparedEvaluation(root / "prepared", "test")
    reports = [GroundedReport.from_json(line["draft"]) for line in read_drafts(root / "evaluation" / "drafts.jsonl")]
    pictures = pictures_of(training, root / "data")
    drafts = drafts_of(test, reports, Embedder(artefact), templates)
    reference = Reference.of(pictures, policy).beside(Reference.of(drafts, policy))
    watched = Watched(artefact.version, reference, validated_figures(test, reports), templates)
    (root / FOLDER).mkdir(exist_ok=True)
    watched.save(root / FOLDER / FILE)
    figures = {
        "n_pictures": len(pictures),
        "n_drafts": len(drafts),
        "n_features": len(reference.numbers) + len(reference.categories) + len(reference.findings),
        "n_templates": len(templates),
    }
    write_metrics(FOLDER, figures, root / "metrics")
    return watched


def frequent(training: PreparedEvaluation) -> frozenset[str]:
    """Fingerprints of the reports that came most often."""
    counted = Counter(fingerprint(training.report(index).text) for index in range(len(training)))
    return frozenset(name for name, times in counted.most_common(TEMPLATES) if times > 1)


def pictures_of(training: PreparedEvaluation, data: Path) -> pd.DataFrame:
    """A row a study: what the model sees of its picture, its view and its machine."""
    facts = {
        row["study_id"]: (row["images"][0]["view"] if row["images"] else None, row["device"])
        for batch in stream_manifest(data, ["study_id", "images", "device"])
        for row in batch.to_pylist()
    }

    def rows() -> Iterator[dict[str, Any]]:
        for index in track(range(len(training)), "pictures"):
            study = training[index]
            view, device = facts[study.study_id]
            numbers = image_numbers(study.model_input.image, study.model_input.geometry)
            yield {f"image.{name}": value for name, value in numbers.items()} | {
                "image.view": view,
                "image.device": device,
            }

    return pd.DataFrame(rows())


def drafts_of(
    test: PreparedEvaluation, reports: Sequence[GroundedReport], embed: Embedder, templates: frozenset[str]
) -> pd.DataFrame:
    """A row a drafted study of the test split, in the columns of a stream."""
    pictures = (test[index].model_input.image for index in range(len(test)))
    embeddings = []
    while batch := list(islice(pictures, AT_ONCE)):
        embeddings.append(embed(np.stack(batch)))
    predictions = [
        {"prediction": number}
        | {f"words.{name}": value for name, value in word_numbers(report, templates).items()}
        | {f"findings.{name}": label for name, label in label_report(report.text).items()}
        for number, report in enumerate(reports)
    ]
    sentences = [
        {"prediction": number} | sentence_numbers(sentence)
        for number, report in enumerate(reports)
        for sentence in report.sentences
    ]
    window = Window(pd.DataFrame(predictions), pd.DataFrame(sentences), np.concatenate(embeddings).astype(np.float32))
    return features(window)


def validated_figures(test: PreparedEvaluation, reports: Sequence[GroundedReport]) -> dict[str, Estimate]:
    """What reviewed drafts are held against: the same figures of the validated drafts, as the simulated reviewer signs
    them."""
    drafts = [surfaced_report(report) for report in reports]
    signed = [signed_by_reviewer(*pair) for pair in zip(drafts, all_reports(test), strict=True)]
    figures = [figure for figure in reviewed_figures(drafts, signed) if figure.name in FORMULAS]
    return estimates(figures, [test.patient_id(index) for index in range(len(test))])
