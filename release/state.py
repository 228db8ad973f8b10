"""A rollout as it stands, and the step from one state to the next."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Self

from records.canonical import canonical, sha256
from release.phases import Phase
from release.policy import Policy

SHADOW = -1  # the step before the first share of traffic
DARK = {Phase.SHADOWING, Phase.AWAITING_CANARY, Phase.ROLLED_BACK, Phase.ABORTED, Phase.SUPERSEDED}


@dataclass(frozen=True, slots=True)
class State:
    """One rollout. Every change makes the revision one higher, and is the only one to do so.

    `weight` is the share of studies whose report the candidate drafts. `champion` is None where there was no model
    before. `makers` started the candidate's training or wrote its commit, and may not approve it; where nobody knows
    them, nobody may. `since` is when the phase or step began.
    """

    id: str
    candidate: str
    champion: str | None
    policy_sha256: str
    makers: tuple[str, ...]
    started_at: datetime
    since: datetime
    phase: Phase = Phase.SHADOWING
    step: int = SHADOW
    weight: float = 0.0
    held_by: str | None = None
    revision: int = 1

    def __post_init__(self) -> None:
        if self.weight and self.phase in DARK:
            raise ValueError(f"phase {self.phase} has no traffic, not {self.weight:g} of it")
        if (self.weight == 1) != (self.phase is Phase.PROMOTED) or not 0 <= self.weight <= 1:
            raise ValueError(f"phase {self.phase} with weight {self.weight:g}: a promoted model, and no other, has all")
        if self.since.tzinfo is None or self.started_at.tzinfo is None:
            raise ValueError("a time without a zone is no time")

    @classmethod
    def begin(
        cls,
        id: str,  # noqa: A002 - the field's name
        candidate: str,
        champion: str | None,
        policy: Policy,
        makers: Iterable[str],
        now: datetime,
    ) -> Self:
        """A new rollout: in shadow beside the champion; without a champion it waits for a signature alone."""
        phase = Phase.SHADOWING if champion else Phase.AWAITING_FULL
        return cls(id, candidate, champion, policy.sha256, tuple(makers), now, now, phase)

    @property
    def asks(self) -> bool:
        """It takes a person's approval to go on, and none is of use while it is held."""
        return self.phase.asks and self.held_by is None

    @property
    def request(self) -> dict[str, Any]:
        """What a person is asked to approve: this candidate's next step from this very state."""
        names = ("id", "candidate", "champion", "policy_sha256", "phase", "step", "weight", "revision")
        return {"kind": "radassist.rollout/1"} | {name: getattr(self, name) for name in names}

    @property
    def request_sha256(self) -> str:
        """What an approval is signed over. With the next change of the state it is another one."""
        return sha256(canonical(self.request))

    def row(self) -> dict[str, Any]:
        """The state in text and numbers; times in UTC."""
        return {name: _plain(value) for name, value in asdict(self).items()}

    @classmethod
    def of_row(cls, row: dict[str, Any]) -> Self:
        times = {name: datetime.fromisoformat(row[name]) for name in ("started_at", "since")}
        return cls(**(row | times | {"phase": Phase(row["phase"]), "makers": tuple(row["makers"])}))


@dataclass(frozen=True, slots=True)
class Transition:
    """From a state to the next, and why. `figures` is the evidence it rests on, `by` the person who acted, if any."""

    before: State
    after: State
    reason: str
    by: str | None = None
    figures: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.after.revision != self.before.revision + 1 or self.after.id != self.before.id:
            raise ValueError("a transition leads from a state to the next revision of the same rollout")


def move(state: State, now: datetime, reason: str, *, by: str | None = None, **changes: Any) -> Transition:
    """The transition that changes `changes`. A clock that went back does not take the state's time with it."""
    began = max(now, state.since) if "phase" in changes or "step" in changes else state.since
    return Transition(state, replace(state, revision=state.revision + 1, since=began, **changes), reason, by)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return list(value) if isinstance(value, tuple) else value
