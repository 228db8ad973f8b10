"""Stage parity: each exported variant writes the words of the trained model and looks where it looks.

The same studies of the test split are drafted by torch, as the model was evaluated, and by the engine with each variant
of the graphs, on the processor. A variant that fails is not registered; without `fp32` nothing is.
"""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from model.artefact import Artefact, open_artefact
from model.calibration import read_calibration
from model.engine import Engine
from model.grounding import DraftedTokens, Grounder
from model.metrics import findings_figures
from pipelines.agreement import LOSSES, PROMISES, Agreement, proven, same_words, written
from pipelines.drafting import draft_batch
from pipelines.evaluation_set import EvaluationStudy, PreparedEvaluation
from pipelines.grounding_scores import StatementScore, region_figures, score_study
from pipelines.metrics import Figures, write_metrics
from pipelines.models import load_reporter
from pipelines.progress import track
from pipelines.written_reports import LabelledReports, WrittenReport, surfaced_report

MOST_STUDIES = 256
MOST_AT_ONCE = 16
PIXELS_AT_ONCE = 16 * 512**2
LIKELY = 10
"""How many times further than an attention weight a log-probability may be off."""
TORCH = "torch"
REQUIRED = "fp32"


class Worth:
    """What a run of drafts is worth, as a reader is shown them."""

    def __init__(self, artefact: Artefact) -> None:
        self._ground = Grounder.of(artefact, read_calibration(artefact.folder))
        self._reports: list[WrittenReport] = []
        self._statements: list[StatementScore] = []

    def add(self, study: EvaluationStudy, draft: DraftedTokens) -> None:
        report = self._ground(study.study_id, study.model_input, draft).withhold_ungrounded()
        self._statements += score_study(len(self._reports), study, report, self._ground.grid)
        self._reports.append(surfaced_report(report))

    def figures(self, references: LabelledReports) -> dict[str, float]:
        """The figures of `LOSSES`, NaN where there is nothing to measure."""
        drafted = LabelledReports(self._reports)
        figures = [
            *findings_figures(references.labels, drafted.labels),
            *region_figures(self._statements, len(self._reports)),
        ]
        return {figure.name: figure() for figure in figures if figure.name in LOSSES}


class Variant:
    """One variant of the graphs, held against the trained model a batch at a time."""

    def __init__(self, artefact: Artefact, name: str) -> None:
        self.promise, self.seen, self.worth = PROMISES[name], Agreement(), Worth(artefact)
        self._engine = Engine(artefact, variant=name)

    def hold(self, studies: Sequence[EvaluationStudy], wanted: Iterable[DraftedTokens]) -> None:
        """Draft a batch of studies; the first of them alone, and in one step without a cache, too."""
        images, prompts = np.stack([study.model_input.image for study in studies]), [study.prompt for study in studies]
        drafts = self._engine.draft(images, prompts)
        for study, draft, trained in zip(studies, drafts, wanted, strict=True):
            self.seen.compare(trained, draft)
            self.worth.add(study, draft)
        self.seen.alone.append(same_words(drafts[0], self._engine.draft(images[:1], prompts[:1])[0]))
        self.seen.uncached.append(self._holds_without_cache(studies[0], drafts[0]))

    def _holds_without_cache(self, study: EvaluationStudy, draft: DraftedTokens) -> bool:
        """Whether the words are as likely, and look where they looked, when all are read at once."""
        ids = written(draft.ids)
        again = self._engine.reread(study.model_input.image, study.prompt, ids)
        apart = np.abs(again.attention - draft.attention[: len(ids) - 1]).max(initial=0.0)
        likely = np.abs(again.log_probability - draft.log_probability[: len(ids)]).max()
        return bool(apart <= self.promise.maps and likely <= LIKELY * self.promise.maps)


def parity(prepared: Path, trained: Path, exported: Path) -> Figures:
    """Hold every exported variant against the trained model.

    Returns:
        `VARIANT.NAME`: the figures of `Agreement`, one set a variant; `torch.NAME`: what the trained model's drafts are
        worth; `passed`: 1 where the model may be registered, with those of its variants whose own is 1.
    """
    artefact, reporter = open_artefact(exported), load_reporter(open_artefact(trained))
    tokenizer, worth = artefact.tokenizer, Worth(artefact)
    variants = {name: Variant(artefact, name) for name in artefact.variants}
    studies = PreparedEvaluation(prepared, "test")
    count, at_once = min(len(studies), MOST_STUDIES), batch_size(artefact.pixels.size)
    for first in track(range(0, count, at_once), "parity"):
        batch = [studies[index] for index in range(first, min(first + at_once, count))]
        drafts = [draft for _, draft in draft_batch(reporter, tokenizer, batch)]
        for study, draft in zip(batch, drafts, strict=True):
            worth.add(study, draft)
        for variant in variants.values():
            variant.hold(batch, drafts)
    references = LabelledReports([studies.report(index) for index in range(count)])
    own = worth.figures(references)
    figures: dict[str, float | int | None] = {"n_studies": count} | {f"{TORCH}.{name}": v for name, v in own.items()}
    for name, variant in variants.items():
        lost = {figure: own[figure] - value for figure, value in variant.worth.figures(references).items()}
        figures |= {f"{name}.{figure}": v for figure, v in variant.seen.figures(variant.promise, lost).items()}
    return figures | {"passed": figures.get(f"{REQUIRED}.passed", 0)}


def batch_size(size: int) -> int:
    """Studies of `size` px a side that are drafted together: as many as memory holds, and never one alone.

    >>> batch_size(128), batch_size(1024), batch_size(2048)
    (16, 4, 2)
    """
    return max(2, min(MOST_AT_ONCE, PIXELS_AT_ONCE // size**2))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--prepared", type=Path, default=Path("prepared"), help="what prepare wrote")
    parser.add_argument("--model", type=Path, default=Path("trained"), help="the trained model (default: trained)")
    parser.add_argument("--exported", type=Path, default=Path("exported"), help="its graphs (default: exported)")


def main(args: argparse.Namespace) -> int:
    figures = parity(args.prepared, args.model, args.exported)
    write_metrics("parity", figures)
    print(
        f"parity {'holds' if figures['passed'] else 'FAILS'}: {', '.join(proven(figures)) or 'no variant'} of {figures}"
    )
    return 0
