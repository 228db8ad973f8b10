"""The promise reads as it was meant, or not at all."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from model.errors import BadInput
from pipelines.strict import checked, read_yaml
from release.phases import Phase
from release.policy import Policy

SHIPPED = Path(__file__).parents[2] / "policy" / "rollout.yaml"


def shipped() -> dict[str, Any]:
    return dict(yaml.safe_load(SHIPPED.read_text()))


def test_the_shipped_policy_promises_5_percent_for_48_hours_and_a_week_up_to_all() -> None:
    policy = read_yaml(SHIPPED, Policy, "policy")
    assert (policy.steps[0].weight, policy.steps[0].minimum_hours) == (0.05, 48)
    assert sum(step.minimum_hours for step in policy.steps[1:]) == 7 * 24
    assert policy.misses.margin == policy.steps[-1].misses_margin == 0.01
    assert policy.misses.stop_alpha + policy.faults.stop_alpha + policy.edit_rate.stop_alpha == pytest.approx(
        policy.alpha
    )
    assert policy.stage(-1) is policy.shadow
    assert policy.superseded_in == (Phase.SHADOWING, Phase.AWAITING_CANARY)


def test_the_hash_is_of_the_promise_and_not_of_its_comments(tmp_path: Path) -> None:
    policy = read_yaml(SHIPPED, Policy, "policy")
    plain = tmp_path / "rollout.yaml"
    plain.write_text(yaml.safe_dump(shipped()))
    assert read_yaml(plain, Policy, "policy").sha256 == policy.sha256
    other = shipped() | {"answer_hours": 169}
    assert checked(other, Policy, "policy").sha256 != policy.sha256


def one_step(**changes: object) -> dict[str, Any]:
    return shipped() | {"steps": [shipped()["steps"][-1] | changes]}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (shipped() | {"steps": []}, "steps"),
        (shipped() | {"steps": shipped()["steps"][::-1]}, "must rise"),
        (shipped() | {"alpha": 0.04}, "add up to more than alpha 0.04"),
        (shipped() | {"superseded_in": ["promoted"]}, "where a rollout has ended"),
        (shipped() | {"superseded_in": ["sometimes"]}, "superseded_in.0"),
        (shipped() | {"shadow": shipped()["shadow"] | {"misses_margin": 0.02}}, "the margin that is promised"),
        (one_step(misses_margin=0.02), "the margin that is promised"),
        (one_step(maximum_hours=42), "must be more than minimum_hours"),
        (one_step(weight=1.0), "weight=1.0"),
        (one_step(weight=0.0), "weight=0.0"),
        (one_step(minimum_studies=0), "minimum_studies=0"),
        (one_step(minimum_study=10), "minimum_study=10"),
        (shipped() | {"label_lag_hours": float("nan")}, "label_lag_hours"),
    ],
)
def test_a_policy_with_a_mistake_is_refused_by_name(content: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        checked(content, Policy, "policy/rollout.yaml")
