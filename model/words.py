"""Which words of a draft name its findings, and which tokens wrote them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.findings import OBSERVATIONS, Certainty
from model.labeler.mentions import Kind
from model.labeler.scope import statements
from model.tokenizer import ReportTokenizer

POSITIVE = (Certainty.DEFINITE, Certainty.LIKELY)


@dataclass(frozen=True, slots=True)
class NamedFinding:
    """An observation that a sentence states or denies, and where its name stands: `tokens` are indices into the ids.

    Of a structure its predicate belongs to the name: "heart ... enlarged".
    """

    observation: str
    positive: bool
    tokens: NDArray[np.int64]


def named_findings(ids: Sequence[int], first: int, last: int, tokenizer: ReportTokenizer) -> list[NamedFinding]:
    """The findings that the sentence `ids[first:last]` names; hedges, denials, sides and zones are not of the name."""
    text, ends = tokenizer.written(ids[first:last])
    if not text:
        return []
    starts = np.append(0, ends[:-1])
    found = []
    for statement in statements(text.lower()):
        name = statement.mention.name
        if statement.certainty is None or name not in OBSERVATIONS or name == "No Finding":
            continue
        written = np.zeros(len(ends), bool)
        for start, stop in statement.words[: 2 if statement.mention.kind is Kind.STRUCTURE else 1]:
            written |= (starts < stop) & (ends > start)
        found.append(NamedFinding(name, statement.certainty in POSITIVE, first + np.flatnonzero(written)))
    return found
