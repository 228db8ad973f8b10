"""A rollout begins with a registered model whose report somebody else signed; what people sign moves it."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.cli import main
from pipelines.rollout.page import page_path
from records.canonical import sha256
from records.database import reading, writing
from records.sign_off import Automatic
from records.signatures import Meaning, sign
from release.phases import Phase
from release.store import broken, every, standing
from tests.pipelines.releasing import EARLY, Project
from tests.release.conftest import POLICY


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.delenv("RADASSIST_RECORDS_URL", raising=False)
    monkeypatch.delenv("RADASSIST_WEBHOOK_URL", raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'none.db'}")
    monkeypatch.chdir(tmp_path)
    made = Project(tmp_path)
    made.promise(POLICY)
    return made


def state(project: Project, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    """Where the rollout stands after a tick, as programs read it."""
    capsys.readouterr()
    assert main(["rollout", "tick", "--json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)["rollout"]
    return found


def whole(project: Project) -> None:
    with reading(project.engine) as connection:
        assert broken(connection) is None


def approve(project: Project, capsys: pytest.CaptureFixture[str], by: str = "Jane Doe") -> int:
    asked = str(state(project, capsys)["request"])
    return main(["rollout", "approve", "--request", asked[:16], "--key", str(project.key_file(by))])


def released(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.register("m1")
    assert main(["rollout", "start", "m1", "--initial"]) == 0
    assert approve(project, capsys) == 0
    assert state(project, capsys)["phase"] == Phase.PROMOTED


def test_the_first_model_is_released_by_a_signature_alone(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.register("m1")
    assert main(["rollout", "start", "m1"]) == 2
    assert "release it by signature alone: --initial" in capsys.readouterr().err
    assert main(["rollout", "start", "m1", "--initial"]) == 0
    assert state(project, capsys) | {"phase": "awaiting_full", "asks": True, "weight": 0.0} == state(project, capsys)
    assert approve(project, capsys) == 0
    assert state(project, capsys) | {"phase": "promoted", "weight": 1.0} == state(project, capsys)
    with reading(project.engine) as connection:
        assert standing(connection).champion == "m1"
    whole(project)
    assert main(["rollout", "status", "--follow"]) == 0  # it follows until the end, which is there
    assert "m1 drafts for 100% of the studies" in capsys.readouterr().out


def test_the_second_begins_in_shadow_beside_the_first_and_twice_is_once(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    released(project, capsys)
    project.register("m2", triggered_by="jdoe")
    assert [main(["rollout", "start", "m2"]) for _ in range(2)] == [0, 0]
    found = state(project, capsys)
    assert (found["phase"], found["champion"], found["revision"]) == ("shadowing", "m1", 1)
    assert found["makers"] == ["jdoe", "John Roe <john@example.org>"]
    assert main(["rollout", "start", "m2", "--initial"]) == 0  # it is open already
    project.register("m3")
    assert main(["rollout", "start", "m3"]) == 2
    assert "another rollout is open" in capsys.readouterr().err
    whole(project)


def test_a_newer_model_ends_a_shadow_and_can_then_begin(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    released(project, capsys)
    project.register("m2")
    project.register("m3")  # passed over: the one that is started counts
    assert main(["rollout", "start", "m2"]) == 0
    assert "rollout 2-m2: shadowing" in capsys.readouterr().out
    project.register("m4", at=datetime.now(UTC))
    assert main(["rollout", "tick"]) == 0
    said = capsys.readouterr().out
    assert "shadowing -> superseded: m4 is newer" in said
    assert "m4 is newer, and waits: radassist rollout start m4" in said
    assert main(["rollout", "start", "m4"]) == 0
    assert state(project, capsys) | {"candidate": "m4", "phase": "shadowing"} == state(project, capsys)
    whole(project)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"signer": None}, "no signature of its validation report counts"),
        ({"signer": "John Roe"}, "no signature of its validation report counts"),
        ({"triggered_by": "Jane Doe"}, "no signature of its validation report counts"),
    ],
)
def test_a_model_that_nobody_else_signed_for_is_not_released(
    project: Project, capsys: pytest.CaptureFixture[str], how: dict[str, str | Automatic | None], said: str
) -> None:
    project.register("m1", **how)  # type: ignore[arg-type]
    assert main(["rollout", "start", "m1", "--initial"]) == 2
    assert said in capsys.readouterr().err


def test_a_policy_that_no_look_would_find_begins_nothing(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project.register("m1")
    elsewhere = project.policy_file.rename(tmp_path / "mine.yaml")
    assert main(["rollout", "start", "m1", "--initial", "--policy", str(elsewhere)]) == 2
    assert "no file policy/rollout*.yaml says the same" in capsys.readouterr().err
    with reading(project.engine) as connection:
        assert every(connection) == []
    project.promise(POLICY)  # which file was named makes no difference
    assert main(["rollout", "start", "m1", "--initial", "--policy", str(elsewhere)]) == 0


def test_a_model_that_is_not_registered_is_not_released(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    for named in (["nobody"], []):
        assert main(["rollout", "start", *named, "--initial"]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_a_demo_policy_takes_no_model_that_somebody_real_signed_for(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.promise(POLICY.model_copy(update={"demo": True}))
    project.register("m1")
    assert main(["rollout", "start", "m1", "--initial"]) == 2
    assert "a DEMO policy is for a model of phantoms alone" in capsys.readouterr().err
    project.register("m2", signer=None)
    demo = project.key("Demo Reviewer", demo=True)
    with writing(project.engine) as connection:
        sign(connection, demo, Meaning.APPROVED, sha256("m2"), "b" * 64, EARLY)
    assert main(["rollout", "start", "m2", "--initial"]) == 0
    assert "DEMO rollout" in capsys.readouterr().out


def test_an_approval_is_of_what_is_asked_now_and_of_the_page_that_shows_it(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.register("m1")
    assert main(["rollout", "start", "m1", "--initial"]) == 0
    asked, key = str(state(project, capsys)["request"]), str(project.key_file("Jane Doe"))
    for request in ("0" * 16, asked[:4], ""):
        assert main(["rollout", "approve", "--request", request, "--key", key]) == 2
        assert "the rollout asks for" in capsys.readouterr().err
    assert main(["rollout", "hold", "--key", key, "--why", "a look"]) == 0
    assert main(["rollout", "approve", "--request", asked, "--key", key]) == 2  # given for what was before the hold
    capsys.readouterr()
    assert main(["rollout", "resume", "--key", key, "--why", "looked"]) == 0
    with reading(project.engine) as connection:
        (there,) = every(connection)
    stale = there.state.request_sha256
    assert main(["rollout", "approve", "--request", stale, "--key", key]) == 2
    assert "it shows another state of the rollout" in capsys.readouterr().err
    assert approve(project, capsys) == 0
    assert stale in page_path(project.root, there.state.id).read_text()
    whole(project)


def test_the_maker_s_approval_is_shown_and_does_not_count(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.register("m1", triggered_by="tom")
    assert main(["rollout", "start", "m1", "--initial"]) == 0
    assert approve(project, capsys, by="Tom") == 0
    assert state(project, capsys)["phase"] == "awaiting_full"
    assert main(["rollout", "status"]) == 0
    assert "Tom: Tom made the candidate" in capsys.readouterr().out
    assert approve(project, capsys) == 0
    assert state(project, capsys)["phase"] == "promoted"


def test_a_hold_keeps_an_approved_rollout_and_an_abort_ends_it(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.register("m1")
    key = str(project.key_file("Jane Doe"))
    assert main(["rollout", "start", "m1", "--initial"]) == 0
    assert approve(project, capsys) == 0
    assert main(["rollout", "hold", "--key", key, "--why", "a <b>look</b>"]) == 0
    assert main(["rollout", "hold", "--key", key, "--why", "a look"]) == 2
    assert "hold changes nothing" in capsys.readouterr().err
    held = state(project, capsys)
    assert (held["phase"], held["held_by"], held["asks"]) == ("awaiting_full", "Jane Doe", False)
    assert approve(project, capsys) == 2
    assert "Jane Doe holds it, and it asks nothing" in capsys.readouterr().err
    assert main(["rollout", "status"]) == 0
    assert "rollout resume" in capsys.readouterr().out
    page = page_path(project.root, "1-m1").read_text()
    assert "radassist rollout resume" in page
    assert "radassist rollout approve" not in page
    assert main(["rollout", "abort", "--key", key, "--why", "no"]) == 0
    assert "rollout 1-m1 is aborted at 0%" in capsys.readouterr().out
    assert main(["rollout", "abort", "--key", key, "--why", "no"]) == 2
    with reading(project.engine) as connection:
        assert standing(connection).champion is None
    whole(project)
    assert state(project, capsys)["phase"] == "aborted"
    page = page_path(project.root, "1-m1").read_text()
    assert "no; signed in entry" in page
    assert "a &lt;b&gt;look&lt;/b&gt;; signed in entry" in page
