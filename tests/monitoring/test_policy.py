"""The promise reads as it was meant, or not at all."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from model.errors import BadInput
from monitoring.policy import Policy
from pipelines.strict import checked, read_yaml
from tests.monitoring.conftest import POLICY, SHIPPED


def shipped() -> dict[str, Any]:
    return dict(yaml.safe_load(SHIPPED.read_text()))


def test_the_shipped_policy_alarms_as_specified() -> None:
    assert (POLICY.quality.bleu_4_drop, POLICY.quality.edit_rate_rise, POLICY.quality.reviewed) == (0.05, 0.10, 1000)
    assert POLICY.operations.p99_seconds == 15
    assert POLICY.window_studies == 1000


def test_the_demo_s_policy_says_that_it_is_one() -> None:
    assert not POLICY.demo
    assert read_yaml(SHIPPED.with_name("drift-demo.yaml"), Policy, "policy").demo


def test_the_hash_is_of_the_promise_and_not_of_its_comments(tmp_path: Path) -> None:
    plain = tmp_path / "drift.yaml"
    plain.write_text(yaml.safe_dump(shipped()))
    assert read_yaml(plain, Policy, "policy").sha256 == POLICY.sha256
    assert checked(shipped() | {"remind_hours": 25}, Policy, "policy").sha256 != POLICY.sha256


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"confirm": {"hits": 4, "windows": 3}}, "4 hits can not be in 3 windows"),
        ({"window_studies": 0}, "window_studies=0"),
        ({"window_study": 1000}, "window_study=1000"),
        ({"maximum_missing": 1.0}, "maximum_missing=1.0"),
        ({"creep": {"allowance": 1.0, "threshold": float("nan")}}, "creep.threshold"),
        ({"retraining": {"families": ["weather"], "cool_down_hours": 1}}, "retraining.families.0"),
    ],
)
def test_a_policy_with_a_mistake_is_refused_by_name(content: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        checked(shipped() | content, Policy, "policy/drift.yaml")
