"""METEOR by nltk without its synonyms: exact and Porter-stem matches, so that nothing is downloaded.

A separate module, because importing nltk takes seconds.
"""

from functools import cache

from nltk.stem.porter import PorterStemmer
from nltk.translate.meteor_score import single_meteor_score


class _NoSynonyms:
    """Stands in for WordNet and knows no word."""

    def synsets(self, word: str) -> list[object]:  # noqa: ARG002
        return []


class _CachedStemmer:
    """Porter's stemmer as nltk writes it; reports share a few thousand words."""

    def __init__(self) -> None:
        self.stem = cache(PorterStemmer().stem)


_STEMMER, _NO_SYNONYMS = _CachedStemmer(), _NoSynonyms()


def meteor_exact_stem(reference: str, candidate: str) -> float:
    """METEOR of one pair, 0 to 1: Lavie and Agarwal 2007 (WMT) with nltk's weights (alpha .9, beta 3, gamma .5).

    Tokens are what white space separates, lower-cased. It lies above the Java METEOR 1.5, which also weighs function
    words and paraphrases: never compare the two.
    """
    score: float = single_meteor_score(reference.split(), candidate.split(), stemmer=_STEMMER, wordnet=_NO_SYNONYMS)
    return score
