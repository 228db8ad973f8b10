"""An approval counts where a known person, who did not make the candidate, signed the very request."""

from collections.abc import Sequence

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine

from records.database import reading, writing
from records.ledger import entries
from records.signatures import Meaning, enter_key, sign
from release.approvals import approvals
from release.decide import decide, objections
from release.evidence import Approval
from release.phases import Phase
from release.state import State
from tests.release.conftest import NOW, POLICY, hours
from tests.release.test_decide import WAY, evidence

WAITING = WAY[1]
PAGE = "b" * 64
KEY = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)


def approve(
    engine: Engine,
    state: State,
    *,
    meaning: Meaning = Meaning.APPROVED,
    accounts: Sequence[str] = (),
    demo: bool = False,
    name: str = "Jane Doe",
) -> None:
    now = state.since + hours(1)
    with writing(engine) as connection:
        enter_key(connection, KEY, name, "radiologist", now, accounts=accounts, demo=demo)
        sign(connection, KEY, meaning, state.request_sha256, PAGE, now)


def known(engine: Engine, state: State, *, demo: bool = False) -> tuple[Approval, ...]:
    with reading(engine) as connection:
        return approvals(entries(connection), state, demo=demo)


def test_a_signature_over_the_request_moves_the_rollout_once(engine: Engine) -> None:
    approve(engine, WAITING)
    approve(engine, WAITING)
    (found,) = known(engine, WAITING)
    now = WAITING.since + hours(2)
    assert objections(WAITING, found, now) == ()
    gone_on = decide(WAITING, evidence(now, approvals=(found,)), POLICY, now)
    assert gone_on is not None
    assert (gone_on.after.phase, gone_on.by) == (Phase.CANARY, "Jane Doe")
    assert known(engine, gone_on.after) == ()


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"meaning": Meaning.REVIEWED}, "it means reviewed, not approved"),
        ({"accounts": ["Tom"]}, "Jane Doe made the candidate"),
        ({"accounts": ["ADA@example.org"]}, "Jane Doe made the candidate"),
        ({"name": "Ada"}, "Ada made the candidate"),
        ({"demo": True}, "Jane Doe is a DEMO identity, which counts for a model of phantoms alone"),
    ],
)
def test_what_speaks_against_a_signature_is_said(engine: Engine, how: dict[str, object], said: str) -> None:
    approve(engine, WAITING, **how)  # type: ignore[arg-type]
    (found,) = known(engine, WAITING)
    now = WAITING.since + hours(2)
    assert objections(WAITING, found, now) == (said,)
    assert decide(WAITING, evidence(now, approvals=(found,)), POLICY, now) is None


def test_a_demo_identity_counts_under_a_demo_policy(engine: Engine) -> None:
    approve(engine, WAITING, demo=True)
    (found,) = known(engine, WAITING, demo=True)
    assert found.reasons == ()


def test_where_nobody_knows_who_made_the_candidate_nobody_can_approve_it(engine: Engine) -> None:
    orphan = State.begin("r0", "m1", None, POLICY, [], NOW)
    approve(engine, orphan)
    (found,) = known(engine, orphan)
    assert found.reasons == ("nobody knows who made the candidate",)


def test_a_report_s_signature_approves_no_rollout(engine: Engine) -> None:
    with writing(engine) as connection:
        enter_key(connection, KEY, "Jane Doe", "radiologist", NOW)
        sign(connection, KEY, Meaning.APPROVED, "a" * 64, PAGE, NOW)
    assert known(engine, WAITING) == ()
