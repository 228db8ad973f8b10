"""How common each observation is, against the version of the data before: `data.profile.json` keeps its shares.

A change counts where it is more than chance by the two-proportion z test; its size is Cohen's h (1988, "Statistical
Power Analysis", ch. 6), which weighs 3 % becoming 6 % like 40 % becoming 48 %: 0.2 is small, 0.5 medium, 0.8 large.
"""

import math
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from model.errors import BadInput
from model.findings import OBSERVATIONS
from pipelines.profile import PROFILE


class Shares(BaseModel):
    """How many studies of a version have labels, and the share of these in which each observation is positive."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    n_labelled: int = Field(ge=0)
    positive_share: dict[str, float]


class Profile(Shares):
    """A version, and the one before it."""

    last: Shares | None = None


def last_version(root: Path) -> Shares | None:
    """What the profile beside the set says of the version before; None where there was none, or none with labels.

    Raises:
        BadInput: a profile that no ingest wrote.
    """
    path = root / PROFILE
    if not path.is_file():
        return None
    try:
        last = Profile.model_validate_json(path.read_bytes()).last
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadInput(f"{path} {where}", first["msg"], "run radassist ingest, which writes it") from error
    if last is None or not last.n_labelled:
        return None
    if missing := set(OBSERVATIONS) - set(last.positive_share):
        raise BadInput(f"{path} last.positive_share", f"lacks {min(missing)}", "run radassist ingest, which writes it")
    return last


def effect(positives: int, labelled: int, before: float, labelled_before: int, z: float) -> float:
    """Cohen's h of the change of a share, 0 where it is no larger than chance makes it.

    Args:
        positives: how many of the `labelled` studies are positive; at least one is labelled, and was before.
        before: the share among the `labelled_before` studies of the version before.
        z: the largest two-proportion z that is put down to chance. The versions share studies, so the true z is larger.

    >>> round(effect(200, 1000, 0.1, 1000, z=3), 3), effect(101, 1000, 0.1, 1000, z=3)
    (0.284, 0.0)
    """
    share = positives / labelled
    pooled = (positives + before * labelled_before) / (labelled + labelled_before)
    error = math.sqrt(pooled * (1 - pooled) * (1 / labelled + 1 / labelled_before))
    if abs(share - before) <= z * error:
        return 0.0
    return 2 * math.asin(math.sqrt(share)) - 2 * math.asin(math.sqrt(before))
