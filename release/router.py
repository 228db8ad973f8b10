"""Which model drafts a study's report. A study gets the same answer in every process, before and after a restart.

A study has a place in [0, 1) that depends on the rollout's salt and its UID alone; the candidate drafts those below the
weight. As the weight rises studies join its side, and none leaves. At weight 0 none is there.
"""

import hmac
from dataclasses import dataclass
from enum import StrEnum

from release.phases import Phase
from release.store import Standing

SHADOWED = {Phase.SHADOWING, Phase.AWAITING_CANARY}


class Arm(StrEnum):
    CANDIDATE = "candidate"
    CHAMPION = "champion"


@dataclass(frozen=True, slots=True)
class Route:
    """`live` is the version whose draft is shown; `shadow` one that drafts beside it, shown to nobody. `weight` is the
    candidate's share at that time: it is kept with the prediction, since the evidence is weighed by it."""

    live: str | None
    arm: Arm
    weight: float
    shadow: str | None = None


def place(salt: str, study_uid: str) -> float:
    """Where a study stands in [0, 1): the first 53 bits of HMAC-SHA256 (RFC 2104).

    Args:
        salt: hexadecimal digits.
    """
    digest = hmac.digest(bytes.fromhex(salt), study_uid.encode(), "sha256")
    return (int.from_bytes(digest[:8]) >> 11) / 2**53


def arm(salt: str, study_uid: str, weight: float) -> Arm:
    return Arm.CANDIDATE if place(salt, study_uid) < weight else Arm.CHAMPION


def route(standing: Standing, study_uid: str) -> Route:
    """Where a study goes; `live` is None where no model has been released yet."""
    if standing.rollout is None:
        return Route(standing.champion, Arm.CHAMPION, 0.0)
    state = standing.rollout.state
    side = arm(standing.rollout.salt, study_uid, state.weight)
    live = state.candidate if side is Arm.CANDIDATE else state.champion
    return Route(live, side, state.weight, state.candidate if state.phase in SHADOWED else None)
