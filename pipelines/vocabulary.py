"""The tokenizer that the parameters ask for: learned from the reports, or a published one."""

from collections.abc import Iterable
from pathlib import Path

from model.published import WEIGHTS, fetch
from model.tokenizer import ReportTokenizer
from pipelines.params import LearnedBpe, Prepare


def make_tokenizer(params: Prepare, training: Iterable[str], weights: Path = WEIGHTS) -> ReportTokenizer:
    """Learn from the sentences of the training split, or read the vocabulary below `weights`.

    Raises:
        BadInput: the published vocabulary is not to be had, or is no BERT's.
    """
    if isinstance(params.tokenizer, LearnedBpe):
        return ReportTokenizer.train(training, params.tokenizer.bpe)
    return ReportTokenizer.published(fetch(params.tokenizer.wordpiece, ["vocab.txt"], weights) / "vocab.txt")
