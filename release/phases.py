"""Where a rollout stands."""

from enum import StrEnum


class Phase(StrEnum):
    """
    SHADOWING -> AWAITING_CANARY -> CANARY -> RAMPING ... -> AWAITING_FULL -> PROMOTED, and from any of them to an end.
    """

    SHADOWING = "shadowing"  # drafts beside the champion, and nobody sees them
    AWAITING_CANARY = "awaiting_canary"
    CANARY = "canary"  # drafts for the first step's share
    RAMPING = "ramping"
    AWAITING_FULL = "awaiting_full"
    INCONCLUSIVE = "inconclusive"  # too little evidence in the time there was: a person decides
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"  # by evidence
    ABORTED = "aborted"  # by a person, or for want of a person's answer
    SUPERSEDED = "superseded"  # by a newer candidate

    @property
    def is_final(self) -> bool:
        return self in {Phase.PROMOTED, Phase.ROLLED_BACK, Phase.ABORTED, Phase.SUPERSEDED}

    @property
    def asks(self) -> bool:
        """It takes a person's approval to go on; see also `release.state.State.asks`."""
        return self in {Phase.AWAITING_CANARY, Phase.AWAITING_FULL, Phase.INCONCLUSIVE}
