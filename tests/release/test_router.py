"""Every process sends a study the same way; shares are what they say; and no study flips back."""

import hmac
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.phases import Phase
from release.router import Arm, Route, arm, place, route
from release.state import State
from release.store import Rollout, Standing
from tests.release.conftest import NOW, POLICY

SALT, OTHER = "5a" * 32, "c3" * 32
UIDS = [f"1.2.826.0.1.3680043.8.498.{number}" for number in range(20_000)]
SHADOWED = State.begin("r1", "m2", "m1", POLICY, [], NOW)


def of(state: State) -> Standing:
    return Standing(state.champion, Rollout(state, POLICY, SALT))


def test_a_studys_place_is_its_hmac() -> None:
    digest = hmac.new(bytes.fromhex(SALT), b"1.2.3", "sha256").digest()
    assert place(SALT, "1.2.3") == int.from_bytes(digest[:8]) // 2**11 / 2**53


@pytest.mark.parametrize("weight", [0.05, 0.25, 0.75])
def test_the_share_is_the_weight(weight: float) -> None:
    share = np.mean([arm(SALT, uid, weight) is Arm.CANDIDATE for uid in UIDS])
    assert abs(share - weight) < 4 * (weight * (1 - weight) / len(UIDS)) ** 0.5


def test_places_are_even_and_two_salts_have_nothing_in_common() -> None:
    here, there = (np.array([place(salt, uid) for uid in UIDS]) for salt in (SALT, OTHER))
    counts, _ = np.histogram(here, bins=20, range=(0, 1))
    assert ((counts - 1000) ** 2 / 1000).sum() < 43.8  # chi-squared with 19 degrees of freedom, p = 0.001
    assert abs(np.corrcoef(here, there)[0, 1]) < 0.03


@given(st.integers(0, 2**128).map("2.25.{}".format), st.floats(0, 1), st.floats(0, 1))
def test_arms_are_nested_and_nobody_is_there_at_0_or_missing_at_1(uid: str, one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert arm(SALT, uid, less) is Arm.CHAMPION or arm(SALT, uid, more) is Arm.CANDIDATE
    assert arm(SALT, uid, 0.0) is Arm.CHAMPION
    assert arm(SALT, uid, 1.0) is Arm.CANDIDATE


def test_in_shadow_the_champion_answers_and_both_draft() -> None:
    assert {route(of(SHADOWED), uid) for uid in UIDS[:100]} == {Route("m1", Arm.CHAMPION, 0.0, "m2")}


def test_in_canary_each_answers_its_share_and_the_weight_is_told() -> None:
    canary = replace(SHADOWED, phase=Phase.CANARY, step=0, weight=0.05)
    found = {route(of(canary), uid) for uid in UIDS[:500]}
    assert found == {Route("m1", Arm.CHAMPION, 0.05), Route("m2", Arm.CANDIDATE, 0.05)}


@pytest.mark.parametrize("phase", [Phase.ROLLED_BACK, Phase.ABORTED, Phase.SUPERSEDED])
def test_after_the_kill_switch_the_champion_answers_alone(phase: Phase) -> None:
    assert {route(of(replace(SHADOWED, phase=phase)), uid) for uid in UIDS[:500]} == {Route("m1", Arm.CHAMPION, 0.0)}


def test_after_promotion_the_candidate_answers_alone() -> None:
    promoted = replace(SHADOWED, phase=Phase.PROMOTED, weight=1.0)
    assert {route(of(promoted), uid) for uid in UIDS[:500]} == {Route("m2", Arm.CANDIDATE, 1.0)}


def test_without_a_rollout_the_champion_answers_alone() -> None:
    assert route(Standing("m1", None), "1.2.3") == Route("m1", Arm.CHAMPION, 0.0)


def test_before_the_first_release_nobody_answers() -> None:
    first = State.begin("r0", "m1", None, POLICY, [], NOW)
    assert route(of(first), "1.2.3") == Route(None, Arm.CHAMPION, 0.0)
