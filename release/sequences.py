"""Evidence on a difference between two models that stays valid however often it is looked at.

A study brings a **score** s and its **information** v, with E[s | past] = v * d, where d is the candidate's mean
outcome less the champion's on such a study. Outcomes lie in [0, 1], and their means may change from study to study.
Then, for a bet c that was fixed before the study,

    factor = 1 + c * (s - v * m)

has a mean of at most 1 where d <= m, and the product over studies, the **wealth** against "d <= m", is a
supermartingale: it ever reaches 1 / alpha with probability at most alpha (Ville 1939). The values of m whose wealth
stays below it are a confidence sequence: the betting construction of Waudby-Smith and Ramdas, "Estimating means of
bounded random variables by betting", JRSS-B 86 (2024), with scores as in Waudby-Smith, Wu, Ramdas, Karampatziakis and
Mineiro, "Anytime-valid off-policy inference for contextual bandits" (2022). The other side bets with -c.

Two designs:

- **paired** (shadow: both models draft the same study): s = candidate - champion, v = 1.
- **concurrent** (canary: a study is drafted by one of them, the candidate with probability w, known before):
  s = (a - w) * (y - q), v = w * (1 - w), where a is 1 for the candidate's studies, y the outcome, and q any guess of it
  from earlier studies. Since E[a] = w, E[s | past] = w(1 - w)d whatever q is and however w changed before, so steps of
  different traffic share add up without a bias from the time of day or year. It is the inverse-probability-weighted
  score times w(1 - w): nothing is divided by a small share, and a bet that is good at 5 % is good at 50 %.

A bet is good for some effects and sizes only, so the wealth is the mean over `BETS`, a grid from hardly anything to
nearly all. A mean of supermartingales is one. No variance is estimated: where nothing has happened yet, the wealth is
what it is, while a normal approximation would be certain of a difference of 0.

What a crossing refutes is "d <= m at every study". Where d drifts across m, a bound speaks of a mixture of the times.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BETS: Floats = np.exp2(np.arange(-6.0, 4.0))
REACH = 0.3  # nulls go from -REACH to REACH
NULLS: Floats = np.arange(-120, 121) / 400
STAKE = 0.75  # of the wealth may be lost to one study at most
CHUNK = 512  # different scores at once


@dataclass(frozen=True, slots=True)
class Scores:
    """One number a study, all (n,): its score, its information, and the score's range as it was known before."""

    score: Floats
    information: Floats
    least: Floats
    most: Floats

    def counted(self) -> Iterator[tuple["Scores", Floats]]:
        """The different scores and how often each is there, a few at a time: of a yes or no there are few."""
        rows = np.stack([self.score, self.information, self.least, self.most])
        rows = rows[:, np.lexsort(rows)]
        first = np.flatnonzero((np.diff(rows, prepend=np.nan) != 0).any(axis=0))
        counts = np.diff(first, append=rows.shape[1]).astype(np.float64)
        for start in range(0, len(first), CHUNK):
            part = slice(start, start + CHUNK)
            yield Scores(*rows[:, first[part]]), counts[part]


def paired(candidate: Floats, champion: Floats) -> Scores:
    """Scores of studies that both models drafted; outcomes in [0, 1], (n,)."""
    ones = np.ones(len(candidate))
    return Scores(_outcomes(candidate) - _outcomes(champion), ones, -ones, ones)


def concurrent(by_candidate: NDArray[np.bool_], outcome: Floats, weight: Floats, guess: Floats) -> Scores:
    """Scores of studies that one of the models drafted, (n,), in the order of their arrival.

    Args:
        by_candidate: who drafted it.
        outcome: in [0, 1].
        weight: the candidate's share of traffic when the study arrived, in [0, 1].
        guess: of the outcome, from earlier studies alone, in [0, 1], as `guesses` makes it.
    """
    score = (by_candidate - weight) * (_outcomes(outcome) - guess)
    rest, left = 1 - weight, 1 - guess
    least = -np.maximum(rest * guess, weight * left)
    most = np.maximum(rest * left, weight * guess)
    return Scores(score, weight * rest, least, most)


def guesses(outcome: Floats) -> Floats:
    """The mean of the outcomes before each, and one half among them, to two digits, (n,)."""
    before = np.cumsum(outcome) - outcome
    return np.round((before + 0.5) / (np.arange(len(outcome)) + 1), 2)


def log_factors(scores: Scores, nulls: Floats, side: int) -> Floats:
    """The logarithm of each study's factor for each null and bet, (n, nulls, bets).

    Args:
        side: 1 bets that the difference lies above the null, -1 that it lies below.
    """
    worst = (-scores.least if side > 0 else scores.most) + REACH * scores.information
    stakes = np.minimum(BETS, STAKE / np.maximum(worst, 1e-9)[:, None])
    gains = side * (scores.score[:, None] - scores.information[:, None] * nulls)
    factors: Floats = np.log1p(gains[:, :, None] * stakes[:, None, :])
    return factors


def log_wealth(log_products: Floats) -> Floats:
    """The logarithm of the mean over bets, the last axis."""
    top = log_products.max(axis=-1)
    wealth: Floats = top + np.log(np.exp(log_products - top[..., None]).mean(axis=-1))
    return wealth


class Sequence:
    """A confidence sequence for a difference, to which studies are added as they come."""

    def __init__(self, nulls: Floats = NULLS) -> None:
        self.n = 0
        self._nulls = nulls
        self._above = np.zeros((len(nulls), len(BETS)))
        self._below = np.zeros((len(nulls), len(BETS)))
        self._score = self._information = 0.0

    def add(self, scores: Scores) -> Self:
        """Take in the next studies; the work is proportional to the number of their different scores."""
        for part, counts in scores.counted():
            self._above += np.tensordot(counts, log_factors(part, self._nulls, 1), 1)
            self._below += np.tensordot(counts, log_factors(part, self._nulls, -1), 1)
        self.n += len(scores.score)
        self._score += float(scores.score.sum())
        self._information += float(scores.information.sum())
        return self

    @property
    def estimate(self) -> float | None:
        """The difference, each study weighed by its information; None where there is none."""
        return self._score / self._information if self._information else None

    def low(self, alpha: float) -> float:
        """The difference is shown to be above this null at level `alpha`; -1 where it is above none."""
        shown = self._nulls[log_wealth(self._above) >= -np.log(alpha)]
        return float(shown.max()) if shown.size else -1.0

    def high(self, alpha: float) -> float:
        """The difference is shown to be below this null at level `alpha`; 1 where it is below none."""
        shown = self._nulls[log_wealth(self._below) >= -np.log(alpha)]
        return float(shown.min()) if shown.size else 1.0


def _outcomes(values: Floats) -> Floats:
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("an outcome lies in [0, 1]")
    return values
