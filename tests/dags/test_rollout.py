import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import DAGS
from tests.dags.conftest import Answer, Read, states

ROOT = DAGS.parent
STATE = {"id": "1-m2", "candidate": "m2", "phase": "awaiting_canary", "step": -1, "weight": 0.0, "makers": ["tom"]}
PROGRAM = """\
import json, sys
from pathlib import Path
assert sys.argv[1:] == ["rollout", "tick", "--json"], sys.argv
said = json.loads(Path("said.json").read_text())
Path("said.json").write_text(json.dumps(said[1:] or said))
print(json.dumps(said[0]))
sys.exit(said[0].get("code", 0))
"""


@pytest.fixture
def says(tmp_path: Path) -> Any:
    """Let a project's program say these one after another, the last again and again."""
    root = tmp_path / "project"
    (root / "pipelines").mkdir(parents=True)
    (root / "pipelines" / "__init__.py").touch()
    (root / "dvc.yaml").write_text("stages: {train: {cmd: 'true'}}")
    (root / "pipelines" / "cli.py").write_text(PROGRAM)

    def say(*rounds: dict[str, Any] | None, **more: Any) -> Path:
        said = [{"rollout": rollout, "moved": None, "waiting": None, "faults": []} | more for rollout in rounds]
        (root / "said.json").write_text(json.dumps(said))
        return root

    return say


def asking(request: str, **changes: Any) -> dict[str, Any]:
    return STATE | {"asks": True, "request": request} | changes


def test_a_question_is_put_once_and_no_look_waits_for_its_answer(says: Any, read_dag: Read) -> None:
    root = says(asking("a" * 64))
    dag = read_dag(root, "rollout")
    assert states(dag.test()) == {"tick": "success", "ask": "success", "mirrored": "success"}
    assert states(dag.test()) == {"tick": "success", "ask": "skipped", "mirrored": "success"}
    says(asking("b" * 64))
    assert states(dag.test()) == {"tick": "success", "ask": "success", "mirrored": "success"}
    says(STATE | {"asks": False, "request": "c" * 64}, None)
    assert states(dag.test()) == {"tick": "success", "ask": "skipped", "mirrored": "success"}
    assert states(dag.test()) == {"tick": "success", "ask": "skipped", "mirrored": "success"}


def test_a_dead_webhook_is_seen_and_keeps_no_question_back(says: Any, read_dag: Read) -> None:
    root = says(asking("e" * 64), faults=["the webhook did not take a notice"], code=1)
    run = read_dag(root, "rollout").test()
    assert states(run) == {"tick": "success", "ask": "success", "mirrored": "failed"}


def test_a_click_counts_only_where_a_signature_moved_the_rollout(says: Any, read_dag: Read, answer: Answer) -> None:
    answer("Approve")
    went_on = STATE | {"asks": False, "request": "d" * 64}
    root = says(asking("a" * 64))

    def signed(after: dict[str, Any]) -> str:
        says(asking("a" * 64), after)
        run = read_dag(root, "rollout_approval").test()
        assert states(run) | {"question": "success", "approve": "success"} == states(run)
        return states(run)["signed"]

    assert signed(went_on | {"phase": "canary", "step": 0, "weight": 0.05}) == "success"
    assert signed(went_on | {"phase": "promoted", "weight": 1.0}) == "success"
    assert signed(asking("a" * 64)) == "failed"
    assert signed(went_on | {"held_by": "Jane Doe"}) == "failed"
    assert signed(went_on | {"phase": "aborted"}) == "failed"
    assert signed(went_on | {"id": "2-m3", "phase": "shadowing"}) == "skipped"


def test_a_rejection_moves_nothing_and_a_past_question_is_not_put(says: Any, read_dag: Read, answer: Answer) -> None:
    answer("Reject")
    root = says(asking("a" * 64))
    run = read_dag(root, "rollout_approval").test()
    assert states(run) == {"question": "success", "approve": "failed", "signed": "upstream_failed"}
    says(STATE | {"asks": False, "request": "c" * 64})
    run = read_dag(root, "rollout_approval").test()
    assert states(run) == {"question": "skipped", "approve": "skipped", "signed": "skipped"}


def test_both_start_paused_and_one_look_runs_at_a_time(read_dag: Read) -> None:
    for dag_id in ("rollout", "rollout_approval"):
        dag = read_dag(ROOT, dag_id)
        assert dag.is_paused_upon_creation
        assert not dag.catchup
    assert read_dag(ROOT, "rollout").max_active_runs == 1
    looks_in_two_weeks = 14 * 24 * 4
    assert read_dag(ROOT, "rollout_approval").max_active_runs == looks_in_two_weeks
    assert {task.task_id: task.retries for task in read_dag(ROOT, "rollout").tasks} == {
        "tick": 2,
        "ask": 2,
        "mirrored": 0,
    }
