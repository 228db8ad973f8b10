"""Whether a signature releases a model: by somebody else, with the right meaning."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum

from records.signatures import Meaning, Signature, plain


class Automatic(Enum):
    """What starts a run while no person does."""

    SCHEDULE = "schedule"
    NEW_DATA = "new data"
    DRIFT = "drift"


@dataclass(frozen=True, slots=True)
class SignOff:
    """`reasons` speak against it; it counts where there is none."""

    reasons: tuple[str, ...]

    @property
    def counts(self) -> bool:
        return not self.reasons


def may_count(
    signature: Signature, triggered_by: str | Automatic | None, committed_by: Collection[str], *, demo: bool = False
) -> SignOff:
    """Judge a signature of the run's report, which `records.signatures.signatures` has checked.

    Args:
        triggered_by: who started the run, as Airflow names them; None where that is not known.
        committed_by: who wrote the run's commit, each `Name <address>` as git has it; empty where that is not known.
        demo: the model was made of phantoms alone, for which a demo identity counts.
    """
    people = {"wrote its commit": committed_by}
    if not isinstance(triggered_by, Automatic):
        people = {"triggered the run": [triggered_by or ""], **people}
    return SignOff(tuple(objections(signature, people, demo=demo)))


def objections(signature: Signature, people: Mapping[str, Collection[str]], *, demo: bool) -> list[str]:
    """What speaks against a signature.

    Args:
        people: who may not sign, by what they did.
        demo: a demo identity counts.
    """
    signer = signature.statement.signer
    own = {plain(name) for name in (signer.name, *signer.accounts)}
    reasons = [signature.fault] if signature.fault else []
    if signature.statement.meaning is not Meaning.APPROVED:
        reasons.append(f"it means {signature.statement.meaning}, not {Meaning.APPROVED}")
    if signer.demo and not demo:
        reasons.append(f"{signer.name} is a DEMO identity, which counts for a model of phantoms alone")
    for did, names in people.items():
        known = set().union(*map(names_in, names))
        if not known:
            reasons.append(f"nobody knows who {did}")
        elif own & known:
            reasons.append(f"{signer.name} {did}")
    return reasons


def names_in(who: str) -> set[str]:
    """
    >>> sorted(names_in("Jane Doe <jane@example.org>"))
    ['jane doe', 'jane@example.org']
    """
    name, _, address = who.partition("<")
    return {plain(part) for part in (name, address.rstrip("> ")) if part.strip()}
