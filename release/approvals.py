"""Approvals of a rollout: signatures in the ledger over what a person was asked.

An approval is signed like a validation report (`records.signatures.sign`): over the sha256 of the state's request, and
over that of the page that was looked at. A click elsewhere is none.
"""

from collections.abc import Iterable

from records.ledger import Entry
from records.sign_off import objections
from records.signatures import signatures
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
            tuple(objections(found, {"made the candidate": state.makers}, demo=demo)),
        )
        for found in signatures(entries)
        if found.statement.report_sha256 == state.request_sha256
    )
