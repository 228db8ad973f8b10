"""How far the drafts of an exported variant agree with those of the trained model, and how far they must.

Pure functions on tokens and figures; no torch, no ONNX Runtime.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from model.grounding import DraftedTokens
from model.tokenizer import PAD_ID
from pipelines.metrics import Figures

LOSSES = ("findings_micro_f1", "iou_norm_0.1")
MOST_LOSS = 0.01
"""How much less each of them may be than the trained model's, on the same studies."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What a variant must hold.

    Attributes:
        same: least share of studies whose tokens are the trained model's, every one.
        stable: least share of studies that are drafted alone as in a batch, and without a cache as with one.
        maps: largest difference of an attention weight, where the tokens are the same.
    """

    same: float
    stable: float
    maps: float


PROMISES = {
    "fp32": Promise(same=1.0, stable=1.0, maps=1e-4),
    "fp16": Promise(same=0.0, stable=0.9, maps=1e-2),
    "int8": Promise(same=0.0, stable=0.9, maps=5e-2),
}
"""By variant. One rounded word is a coin's toss between two that were as likely, so that in fewer bits the share of
equal drafts is stated and the findings and regions are judged."""


@dataclass(slots=True)
class Agreement:
    """What was seen of one variant, a study after the other."""

    same: list[bool] = field(default_factory=list)
    maps: list[float] = field(default_factory=list)
    alone: list[bool] = field(default_factory=list)
    uncached: list[bool] = field(default_factory=list)

    def compare(self, wanted: DraftedTokens, given: DraftedTokens) -> None:
        """Hold a draft against the trained model's of the same study."""
        equal = same_words(wanted, given)
        self.same.append(equal)
        if equal:
            self.maps.append(map_difference(wanted, given))

    def figures(self, promise: Promise, lost: Mapping[str, float]) -> Figures:
        """The variant's figures; `passed` is 1 where it holds what is promised.

        Args:
            lost: the trained model's `LOSSES` less the variant's; NaN where there is nothing to measure.
        """
        same, alone, uncached = (share(seen) for seen in (self.same, self.alone, self.uncached))
        maps = max(self.maps, default=0.0)
        passed = (
            bool(self.same)
            and same >= promise.same
            and min(alone, uncached) >= promise.stable
            and maps <= promise.maps
            and not any(loss > MOST_LOSS for loss in lost.values())
        )
        return {
            "tokens_equal_share": same,
            "map_max_difference": maps,
            "alone_equal_share": alone,
            "uncached_equal_share": uncached,
            **{f"{name}_loss": loss for name, loss in lost.items()},
            "passed": int(passed),
        }


def proven(figures: Figures) -> tuple[str, ...]:
    """The variants that hold what is promised, of what stage parity wrote."""
    return tuple(name for name in PROMISES if figures.get(f"{name}.passed"))


def same_words(one: DraftedTokens, other: DraftedTokens) -> bool:
    return np.array_equal(written(one.ids), written(other.ids))


def map_difference(one: DraftedTokens, other: DraftedTokens) -> float:
    """The largest difference of an attention weight between two drafts of the same words."""
    rows = len(written(one.ids)) - 1
    return float(np.abs(one.attention[:rows] - other.attention[:rows]).max(initial=0.0))


def written(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Tokens without the padding on the right.

    >>> written(np.array([1, 7, 2, 0, 0])).tolist()
    [1, 7, 2]
    """
    words: NDArray[np.int64] = ids[ids != PAD_ID]
    return words


def share(seen: list[bool]) -> float:
    """NaN of nothing."""
    return float(np.mean(seen)) if seen else float("nan")
