"""What is known of a rollout at one time: the studies of both models against each other, and what people signed."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from release.policy import Policy
from release.sequences import Floats, Scores, Sequence, concurrent, guesses, paired

Flags = NDArray[np.bool_]
Times = Floats  # seconds since the epoch


class Outcome(StrEnum):
    PASS = "PASS"  # noqa: S105 - no password
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True)
class Reading:
    """A difference, candidate less champion: shown to lie above `low` and below `high`; -1 and 1 say nothing."""

    n: int = 0
    estimate: float | None = None
    low: float = -1.0
    high: float = 1.0

    def judge(self, margin: float) -> Outcome:
        """FAIL: worse for certain, and by more than the margin as far as one can tell, or for certain.
        PASS: not worse by the margin, for certain."""
        if self.low >= margin or (self.low >= 0 and self.estimate is not None and self.estimate > margin):
            return Outcome.FAIL
        return Outcome.PASS if self.high <= margin else Outcome.INCONCLUSIVE


@dataclass(frozen=True, slots=True)
class Approval:
    """A signature over a rollout's request, from the ledger. It counts where nothing speaks against it."""

    by: str
    request_sha256: str
    signed_at: datetime
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What `decide` goes by. `policy_sha256` is that of the policy as its file now says; `newer` is a model that was
    registered after the rollout began and also waits for traffic."""

    as_of: datetime
    policy_sha256: str
    studies: int = 0  # the candidate's since the state's `since`, whose draft was compared with the signed report
    unsigned: float = 0.0  # share of its or of the champion's that are not signed, or not compared; the larger one
    misses: Reading = Reading()
    faults: Reading = Reading()
    edit_rate: Reading = Reading()
    approvals: tuple[Approval, ...] = ()
    newer: str | None = None

    def figures(self) -> dict[str, float]:
        """The numbers, for the ledger, without those that are not known."""
        flat: dict[str, float | None] = {"studies": self.studies, "unsigned": self.unsigned}
        for name in ("misses", "faults", "edit_rate"):
            reading: Reading = getattr(self, name)
            flat |= {name: reading.estimate, f"{name}.low": reading.low, f"{name}.high": reading.high}
        return {name: float(value) for name, value in flat.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Studies in the order of their arrival, all (n,). What is not known is NaN, as a miss where there was no draft.

    In shadow both models answer each study, and an outcome stands for each: (n, 2), the champion's first. In canary it
    is that of the model to which the router sent the study, (n,), whoever stepped in for it.
    """

    arrived: Times
    signed: Times
    by_candidate: Flags
    weight: Floats
    missed: Floats
    edit_rate: Floats
    faulted: Floats

    @property
    def is_shadow(self) -> bool:
        return self.missed.ndim == 2


def studied(known: Evidence, arrivals: Arrivals, since: datetime, policy: Policy) -> Evidence:
    """`known` with what the studies up to its `as_of` say.

    A study counts when `label_lag_hours` have passed since its arrival, whether quickly signed or not: who is signed
    sooner may be easier. What was signed later than that stays unsigned, so that no study changes what was known
    before; this asks for records in which a signed report and its comparison stand within that time, since they do not
    say when they were entered. A draft or its absence counts `slow_seconds` after the arrival.

    Args:
        since: when the present stage began: `studies` and `unsigned` are of this stage, the readings of all arrivals.
    """
    lag, now = policy.label_lag_hours * 3600, known.as_of.timestamp()
    mature = arrivals.arrived <= now - lag
    labelled = mature & (arrivals.signed - arrivals.arrived <= lag)
    compared = labelled & _finite(arrivals.missed)
    settled = labelled & _finite(np.where(arrivals.faulted > 0, 0, arrivals.missed))  # without a draft nothing is due
    answered = arrivals.arrived <= now - policy.slow_seconds
    here = mature & (arrivals.arrived >= since.timestamp())
    everyone = np.ones_like(here)
    arms = (everyone,) if arrivals.is_shadow else (arrivals.by_candidate, ~arrivals.by_candidate)
    misses, faults, edits = policy.misses, policy.faults, policy.edit_rate
    stops = [g.shadow_stop_alpha if arrivals.is_shadow else g.canary_stop_alpha for g in (misses, faults)]
    edit_rate = np.clip(arrivals.edit_rate, 0, 1)
    return replace(
        known,
        studies=int((compared & here & arms[0]).sum()),
        unsigned=max(_share(here & ~settled, here & arm) for arm in arms),
        misses=_reading(arrivals, arrivals.missed, labelled, stops[0], misses.pass_alpha),
        faults=_reading(arrivals, arrivals.faulted, answered, stops[1], faults.pass_alpha),
        edit_rate=_reading(arrivals, edit_rate, labelled, edits.stop_alpha, edits.pass_alpha),
    )


def _reading(arrivals: Arrivals, outcome: Floats, counts: Flags, stop: float, passing: float) -> Reading:
    known = counts & _finite(outcome)
    sequence = Sequence().add(_scores(arrivals, np.round(outcome[known], 2), known))
    return Reading(sequence.n, sequence.estimate, sequence.low(stop), sequence.high(passing))


def _finite(outcome: Floats) -> Flags:
    """(n,): the studies of which it is known, in shadow of both models."""
    return np.asarray(np.isfinite(np.atleast_2d(outcome.T)).all(axis=0))


def _scores(arrivals: Arrivals, outcome: Floats, known: Flags) -> Scores:
    if arrivals.is_shadow:
        return paired(outcome[:, 1], outcome[:, 0])
    return concurrent(arrivals.by_candidate[known], outcome, arrivals.weight[known], guesses(outcome))


def _share(part: Flags, whole: Flags) -> float:
    return float((part & whole).sum() / whole.sum()) if whole.any() else 0.0
