"""What is promised before a monitor is read: windows, levels, floors and thresholds. Hashed into every snapshot."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from monitoring.columns import Family
from records.promise import Promise
from records.strict import Strict

Share = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


class Confirm(Strict):
    """A difference is drift once it was seen in `hits` of the last `windows` disjoint windows, the latest among them
    (Databricks' rule of violated windows)."""

    hits: Count
    windows: Count

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.hits > self.windows:
            raise ValueError(f"{self.hits} hits can not be in {self.windows} windows")
        return self


class Distances(Strict):
    """One window of one family is held against the reference: significant at `alpha` by Holm across the family, and
    an effect of at least the floor: KS distance of a number, total variation distance of a category."""

    alpha: Share
    number_floor: Share
    category_floor: Share


class Creep(Strict):
    """A cumulative sum of the windows' means, in standard errors (Page 1954): what is above `allowance` a window adds
    up, and `threshold` is drift."""

    allowance: Positive
    threshold: Positive


class Prevalence(Strict):
    """The last `windows` windows together: significant at `alpha` by Holm across findings, and a difference of at least
    `floor` and of at least `relative_floor` times the reference's share."""

    alpha: Share
    windows: Count
    floor: Share
    relative_floor: Share

    def least(self, before: float) -> float:
        """The least difference from the reference's share `before` that is considerable."""
        return max(self.floor, self.relative_floor * before)


class Quality(Strict):
    """Thresholds as specified, which count once the change is shown at one-sided `alpha`. The rise of the edit rate is
    a share of the reference's edit rate."""

    reviewed: Annotated[int, Field(ge=2)]
    bleu_4_drop: Share
    edit_rate_rise: Positive
    alpha: Share


class Operations(Strict):
    """The drafts of the last `hours`; fewer than `minimum_studies` have no 99th percentile to speak of."""

    hours: Positive
    p99_seconds: Positive
    minimum_studies: Count


class Retraining(Strict):
    """Confirmed drift in one of `families` asks for a retraining, once in `cool_down_hours`."""

    families: tuple[Family, ...]
    cool_down_hours: Positive


class Policy(Promise):
    """The whole promise."""

    demo: bool = False  # shown as DEMO everywhere
    window_studies: Count
    maximum_missing: Share  # of a window's values; above it the feature is not judged, and that is said
    clock_skew_minutes: Positive
    confirm: Confirm
    distances: Distances
    creep: Creep
    prevalence: Prevalence
    quality: Quality
    operations: Operations
    remind_hours: Positive
    retraining: Retraining
