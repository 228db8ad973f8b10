"""Figures of words: BLEU, ROUGE-L, CIDEr. One reference a study.

Tokens are what white space separates, as the text stands: no lower-casing, no punctuation split off. Only `rouge_l_f1`
follows rouge-score's own tokens.
"""

import re
from collections import Counter
from collections.abc import Sequence
from functools import partial
from math import exp, log, sqrt

import numpy as np
from numpy.typing import NDArray

from model.metrics.figures import Value

ORDERS = 4
BLEU_STATISTICS = 2 * ORDERS + 2  # n-grams in common and n-grams drafted per order, words drafted, words of reference

Ngram = tuple[str, ...]


def ngrams(tokens: Sequence[str]) -> Counter[Ngram]:
    """How often each run of one to four tokens occurs."""
    return Counter(tuple(tokens[i : i + n]) for n in range(1, ORDERS + 1) for i in range(len(tokens) - n + 1))


def bleu_statistics(references: Sequence[str], candidates: Sequence[str]) -> NDArray[np.float64]:
    """What BLEU needs of each pair, (studies, BLEU_STATISTICS); sums over studies give the corpus figure."""
    rows = np.zeros((len(references), BLEU_STATISTICS))
    for row, reference, candidate in zip(rows, references, candidates, strict=True):
        words, drafted = reference.split(), candidate.split()
        of_reference = ngrams(words)
        for ngram, count in ngrams(drafted).items():
            row[len(ngram) - 1] += min(count, of_reference[ngram])
        row[ORDERS : 2 * ORDERS] = [max(0, len(drafted) - n) for n in range(ORDERS)]
        row[-2:] = len(drafted), len(words)
    return rows


def bleu(sums: NDArray[np.float64], order: int = ORDERS) -> NDArray[np.float64]:
    """BLEU of one order from sums of `bleu_statistics`, (..., BLEU_STATISTICS) -> (...).

    Papineni et al. 2002 (ACL) with the small constants of the COCO evaluation (pycocoevalcap), to which it is equal.
    """
    small, tiny = 1e-9, 1e-15
    common, drafted = sums[..., :order], sums[..., ORDERS : ORDERS + order]
    precision = np.prod((common + tiny) / (drafted + small), axis=-1) ** (1 / order)
    ratio = (sums[..., -2] + tiny) / (sums[..., -1] + small)
    score: NDArray[np.float64] = precision * np.exp(np.minimum(0.0, 1 - 1 / ratio))
    return score


BLEU_VALUES: dict[str, Value] = {f"bleu_{order}": partial(bleu, order=order) for order in range(1, ORDERS + 1)}
"""Each figure from sums of `bleu_statistics`."""


def longest_common_subsequence(a: Sequence[str], b: Sequence[str]) -> int:
    """Length of the longest common subsequence, by bit-parallel dynamic programming (Hyyrö 2004)."""
    positions: dict[str, int] = {}
    for index, token in enumerate(a):
        positions[token] = positions.get(token, 0) | 1 << index
    ones = (1 << len(a)) - 1
    row = ones
    for token in b:
        matched = row & positions.get(token, 0)
        row = ((row + matched) | (row - matched)) & ones
    return len(a) - row.bit_count()


def rouge_l(reference: str, candidate: str) -> float:
    """COCO's ROUGE-L: recall weighs beta = 1.2 times precision (Lin 2004; pycocoevalcap)."""
    return _f_measure(reference.split(), candidate.split(), beta=1.2)


def rouge_l_f1(reference: str, candidate: str) -> float:
    """rouge-score's `rougeL` F1 without a stemmer: lower case, tokens of a-z and 0-9."""
    words, drafted = (re.findall("[a-z0-9]+", text.lower()) for text in (reference, candidate))
    return _f_measure(words, drafted, beta=1.0)


def _f_measure(reference: Sequence[str], candidate: Sequence[str], beta: float) -> float:
    common = longest_common_subsequence(reference, candidate)
    if not common:
        return 0.0
    precision, recall = common / len(candidate), common / len(reference)
    return (1 + beta**2) * precision * recall / (recall + beta**2 * precision)


def cider(references: Sequence[str], candidates: Sequence[str]) -> NDArray[np.float64]:
    """CIDEr-D of each study, (studies,), 0 to 10; document frequencies are those of the references given.

    Vedantam et al. 2015 (CVPR) as pycocoevalcap computes it, its length penalty on bigrams included. One study alone
    scores 0: every n-gram is then in every document.
    """
    sigma = 6.0
    counted = [ngrams(reference.split()) for reference in references]
    frequency = Counter(ngram for counts in counted for ngram in counts)
    documents = log(len(counted)) if counted else 0.0

    def weighted(counts: Counter[Ngram]) -> tuple[list[dict[Ngram, float]], list[float], int]:
        vectors: list[dict[Ngram, float]] = [{} for _ in range(ORDERS)]
        for ngram, count in counts.items():
            vectors[len(ngram) - 1][ngram] = count * (documents - log(max(1, frequency[ngram])))
        norms = [sqrt(sum(weight**2 for weight in vector.values())) for vector in vectors]
        return vectors, norms, sum(count for ngram, count in counts.items() if len(ngram) == 2)

    scores = np.zeros(len(counted))
    for study, (of_reference, candidate) in enumerate(zip(counted, candidates, strict=True)):
        reference_vectors, reference_norms, reference_length = weighted(of_reference)
        vectors, norms, length = weighted(ngrams(candidate.split()))
        similar = 0.0
        for n in range(ORDERS):
            if norms[n] and reference_norms[n]:
                of_reference_n = reference_vectors[n]
                shared = sum(
                    min(weight, of_reference_n.get(ngram, 0.0)) * of_reference_n.get(ngram, 0.0)
                    for ngram, weight in vectors[n].items()
                )
                similar += shared / (norms[n] * reference_norms[n])
        scores[study] = 10 * similar / ORDERS * exp(-((length - reference_length) ** 2) / (2 * sigma**2))
    return scores
