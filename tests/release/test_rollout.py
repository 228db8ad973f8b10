"""Whole rollouts on an injected clock, from records to routes, and the ledger verifies after every step."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from pipelines.strict import read_yaml
from records.database import reading
from records.ledger import entries
from release.phases import Phase
from release.policy import Policy
from release.router import Arm, Route
from release.store import history
from tests.release.conftest import POLICY, hours
from tests.release.hospital import Hospital

SHIPPED = read_yaml(Path(__file__).parents[2] / "policy" / "rollout.yaml", Policy, "policy")


def hospital(engine: Engine, policy: Policy = POLICY, **how: object) -> Hospital:
    made = Hospital(engine, policy, **how)  # type: ignore[arg-type]
    made.begin()
    return made


def phases(hospital: Hospital) -> list[str]:
    with reading(hospital.engine) as connection:
        return [entry.written.body["state"]["phase"] for entry in history(entries(connection), "r1")]


def test_a_better_candidate_is_promoted_after_shadow_and_nine_days_under_the_shipped_policy(engine: Engine) -> None:
    one = hospital(engine, SHIPPED)
    states = one.run(20)
    assert [state.weight for state in states] == [0, 0, 0.05, 0.1, 0.25, 0.5, 0.75, 0.75, 1]
    assert states[-1].phase is Phase.PROMOTED
    assert hours(24 * 9) <= states[-2].since - states[2].since <= hours(24 * 11)
    assert phases(one) == [state.phase for state in states]
    assert one.route("1.2.3") == Route("m2", Arm.CHAMPION, 0.0)


def test_a_candidate_that_harms_only_where_it_is_seen_is_rolled_back_without_a_person(engine: Engine) -> None:
    one = hospital(engine, shown_misses=0.2)
    states = one.run(20)
    assert [state.phase for state in states] == ["shadowing", "awaiting_canary", "canary", "rolled_back"]
    assert states[-1].since - states[-2].since < hours(48)
    with reading(engine) as connection:
        body = history(entries(connection), "r1")[-1].written.body
    assert body["by"] is None
    assert "misses rose by" in body["reason"]
    assert body["figures"]["misses.low"] >= 0
    assert one.route("1.2.3") == Route("m1", Arm.CHAMPION, 0.0)


def test_a_candidate_that_is_worse_in_shadow_is_never_shown(engine: Engine) -> None:
    states = hospital(engine, misses=0.15).run(20)
    assert [state.phase for state in states] == ["shadowing", "rolled_back"]


def test_a_dead_shadow_is_noticed_at_the_first_tick(engine: Engine) -> None:
    states = hospital(engine, shadow_alive=False).run(20)
    assert [state.phase for state in states] == ["shadowing", "rolled_back"]
    assert states[-1].since - states[0].since == hours(6)


@pytest.mark.parametrize(
    "how", [{"signed_share": 0.8}, {"signed_share": 0.0}, {"policy_sha256": "0" * 64}, {"studies_a_tick": 10}]
)
def test_what_cannot_be_known_waits_for_a_person_and_then_ends(engine: Engine, how: dict[str, object]) -> None:
    states = hospital(engine, **({"studies_a_tick": 150} | how)).run(20, answers=False)
    assert [state.phase for state in states] == ["shadowing", "inconclusive", "aborted"]


def test_a_tick_that_is_repeated_or_whose_clock_went_back_changes_nothing(engine: Engine) -> None:
    one = hospital(engine)
    states = one.run(3, answers=False)
    assert states[-1].phase is Phase.AWAITING_CANARY
    one.approve()
    one.now -= hours(24)
    assert one.tick() is None
    one.now += hours(24)
    assert one.tick() == "applied"
    assert one.tick() is None
    assert phases(one) == ["shadowing", "awaiting_canary", "canary"]
