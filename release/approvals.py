"""Approvals of a rollout: signatures in the ledger over what a person was asked.

An approval is signed like a validation report (`records.signatures.sign`): over the sha256 of the state's request, and
over that of the page that was looked at. A click elsewhere is none.
"""

from collections.abc import Iterable

from records.ledger import Entry
from records.sign_off import names_in
from records.signatures import Meaning, Signature, plain, signatures
from release.evidence import Approval
from release.state import State


def approvals(entries: Iterable[Entry], state: State, *, demo: bool) -> tuple[Approval, ...]:
    """All signatures over the state's present request, with what speaks against each.

    Args:
        demo: DEMO identities count, as the policy says.
    """
    return tuple(
        Approval(
            found.statement.signer.name,
            found.statement.report_sha256,
            found.statement.signed_at,
            tuple(_reasons(found, state.makers, demo=demo)),
        )
        for found in signatures(entries)
        if found.statement.report_sha256 == state.request_sha256
    )


def _reasons(signature: Signature, makers: Iterable[str], *, demo: bool) -> list[str]:
    signer = signature.statement.signer
    reasons = [signature.fault] if signature.fault else []
    if signature.statement.meaning is not Meaning.APPROVED:
        reasons.append(f"it means {signature.statement.meaning}, not {Meaning.APPROVED}")
    if signer.demo and not demo:
        reasons.append(f"{signer.name} is a DEMO identity")
    known = {name for maker in makers for name in names_in(maker)}
    if not known:
        reasons.append("nobody knows who made the candidate")
    elif known & {plain(name) for name in (signer.name, *signer.accounts)}:
        reasons.append(f"{signer.name} made the candidate")
    return reasons
