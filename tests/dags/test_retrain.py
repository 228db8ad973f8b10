import hashlib
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from pipelines.environment import quiet_environment
from pipelines.workspace import open_run, open_runs
from records.sign_off import Automatic
from tests.conftest import DAGS, TinyProject
from tests.dags.conftest import Answer, Read, states

ROOT = DAGS.parent
ACTS = ["open", "commit", "track", "enforce", "approve", "signed", "register"]
LIGHT_PARSE = """\
import sys, time
from airflow.dag_processing.dagbag import DagBag
start = time.monotonic()
bag = DagBag(sys.argv[1])
print(bag.import_errors, time.monotonic() - start < 5)
print(sorted({name.partition(".")[0] for name in sys.modules} & set(sys.argv[2:])))
print(*bag.dags["retrain"].task_ids)
"""
HEAVY = ["dvc", "evidently", "great_expectations", "mlflow", "timm", "torch", "transformers", "cv2", "onnxruntime"]


def test_a_parse_is_light_and_the_environment_names_the_project(tiny: TinyProject, tmp_path: Path) -> None:
    command = [sys.executable, "-c", LIGHT_PARSE, str(DAGS), *HEAVY]
    environment = quiet_environment() | {"AIRFLOW_HOME": str(tmp_path), "RADASSIST_ROOT": str(tiny.root)}
    parsed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()
    assert parsed[-3:-1] == ["{} True", "[]"]
    assert sorted(parsed[-1].split()) == sorted(["prepare", "train", "gate", "report", *ACTS])


def test_every_stage_of_the_project_is_a_task(read_dag: Read) -> None:
    dag = read_dag(ROOT, "retrain")
    stages = list(yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"])
    assert sorted(dag.task_ids) == sorted(stages + ACTS)
    assert {dag.get_task(stage).pool for stage in stages} <= {"dvc", "gpu"}
    assert all(task.retries == 2 and task.retry_exponential_backoff for task in dag.tasks)


def test_a_stage_added_to_dvc_yaml_appears_with_its_edges(tiny: TinyProject, read_dag: Read) -> None:
    tiny.set_stage("audit", cmd="true", deps=["trained", "data"], outs=["audit"])
    dag = read_dag(tiny.root, "retrain")
    edges = {task.task_id: set(task.upstream_task_ids) for task in dag.tasks}
    assert edges == {
        "open": set(),
        "prepare": {"open"},
        "train": {"prepare"},
        "gate": {"train"},
        "report": {"train", "gate"},
        "audit": {"train"},
        "commit": {"report", "audit"},
        "track": {"commit"},
        "enforce": {"track"},
        "approve": {"enforce"},
        "signed": {"approve"},
        "register": {"signed"},
    }
    assert (dag.get_task("train").pool, dag.get_task("audit").pool) == ("gpu", "dvc")


def test_a_model_that_passes_and_is_signed_off_is_registered(tiny: TinyProject, read_dag: Read, answer: Answer) -> None:
    answer("Approve")
    run = read_dag(tiny.root, "retrain").test()
    assert run.state == "success"
    assert tiny.counted() == [
        "prepare", "train", "gate", "report", "register --track-only", "gate --enforce", "sign-off", "register",
    ]  # fmt: skip
    [workspace] = open_runs(tiny.root)
    committed = tiny.git("show", "--name-only", "--format=%s", workspace.branch).splitlines()
    assert set(committed) >= {"dvc.lock", "verdict.json", "metrics/train.json"}


def test_a_refused_model_is_recorded_with_its_report_and_never_registered(tiny: TinyProject, read_dag: Read) -> None:
    tiny.set_params(train={"skill": 0.3})
    run = read_dag(tiny.root, "retrain").test()
    assert run.state == "failed"
    assert states(run) == dict.fromkeys(
        ["open", "prepare", "train", "gate", "report", "commit", "track"], "success"
    ) | {"enforce": "failed"} | dict.fromkeys(["approve", "signed", "register"], "upstream_failed")
    assert tiny.counted()[-2:] == ["register --track-only", "gate --enforce"]  # asked once: a refusal is not retried
    [workspace] = open_runs(tiny.root)
    assert '"passed": false' in (workspace.path / "report" / "index.html").read_text()


def with_validation(tiny: TinyProject, cmd: str) -> None:
    """Give the project a stage validate, and let train wait for it as the project's own does."""
    tiny.set_stage("validate", cmd=f"echo validate >> $COUNTED && {cmd}", deps=["data", "policy"], outs=["validation"])
    train = yaml.safe_load((tiny.root / "dvc.yaml").read_text())["stages"]["train"]
    tiny.set_stage("train", **{**train, "deps": [*train["deps"], "validation/passed"]})


def test_data_that_its_policy_refused_end_the_run_before_any_training(tiny: TinyProject, read_dag: Read) -> None:
    with_validation(tiny, "mkdir -p validation && echo 'a patient in two splits' > validation/index.html && exit 3")
    run = read_dag(tiny.root, "retrain").test()
    assert run.state == "failed"
    assert states(run) == {"open": "success", "prepare": "success", "validate": "failed"} | dict.fromkeys(
        ["train", "gate", "report", "commit", "track", "enforce", "approve", "signed", "register"], "upstream_failed"
    )
    assert sorted(tiny.counted()) == ["prepare", "validate"]  # asked once: no retry makes the data better
    [workspace] = open_runs(tiny.root)
    assert (workspace.path / "validation" / "index.html").read_text() == "a patient in two splits\n"


def test_a_new_warning_retrains_nothing(tiny: TinyProject) -> None:
    with_validation(tiny, "mkdir -p validation && touch validation/passed && cp policy/*.yaml validation/")
    command = [sys.executable, "-m", "dvc", "repro", "-q", "train"]
    subprocess.run(command, cwd=tiny.root, check=True, env=quiet_environment())
    assert sorted(tiny.counted()) == ["prepare", "train", "validate"]
    (tiny.root / "policy" / "data.yaml").write_text("a new expectation, which these data do not meet\n")
    subprocess.run(command, cwd=tiny.root, check=True, env=quiet_environment())
    assert tiny.counted() == ["validate"]


def test_train_waits_for_validate_and_reads_only_that_it_passed(read_dag: Read) -> None:
    dag = read_dag(ROOT, "retrain")
    assert {"prepare", "validate"} <= dag.get_task("train").upstream_task_ids
    assert "explore" not in dag.get_task("train").get_flat_relative_ids(upstream=True)
    assert dag.get_task("explore").downstream_task_ids == {"commit"}
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    read = {name: [dep for dep in stage["deps"] if dep.startswith("validation")] for name, stage in stages.items()}
    assert {name: deps for name, deps in read.items() if deps} == {
        "train": ["validation/passed"],
        "report": ["validation/results.json"],
    }


JANE = {"id": "jane", "name": "jane"}


def answered(choice: str) -> dict[str, Any]:
    """An answer as the approval gets it, and, if that was Approve, as it hands it on."""
    when = datetime(2026, 11, 22, 9, tzinfo=UTC)
    return {"chosen_options": [choice], "params_input": {}, "responded_at": when, "responded_by_user": JANE}


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (answered("Reject"), "jane rejected the run"),
        ({"error": "the time has passed", "error_type": "timeout"}, "nobody approved the run: the time has passed"),
    ],
)
def test_a_rejection_and_no_answer_end_the_run_for_good(airflow_home: Path, event: dict[str, Any], said: str) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    from dags.approval import Approval

    approval = Approval(task_id="approve")
    assert approval.defaults is None
    with pytest.raises(AirflowFailException, match=said):
        approval.execute_complete({}, event)
    assert approval.execute_complete({}, answered("Approve")) == answered("Approve")


@pytest.mark.parametrize("answer", [None, answered("Reject"), answered("Approve") | {"responded_by_user": None}])
def test_an_approval_that_nobody_gave_counts_for_nothing_whatever_its_task_s_state(
    tiny: TinyProject, airflow_home: Path, answer: dict[str, Any] | None
) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    from dags.approval import SignedOff

    context = {"ti": SimpleNamespace(xcom_pull=lambda task_ids: answer), "run_id": "a"}
    with pytest.raises(AirflowFailException, match="nobody answered approve, and no answer is no"):
        SignedOff(task_id="signed", approval="approve").execute(context)
    assert tiny.counted() == []


def test_an_approval_without_a_signature_that_counts_ends_the_run_for_good(
    tiny: TinyProject, airflow_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    from dags.approval import SignedOff

    monkeypatch.setattr("dags.wiring.ROOT", tiny.root)
    monkeypatch.setenv("UNSIGNED", "1")
    open_run(tiny.root, "a")
    context = {"ti": SimpleNamespace(xcom_pull=lambda task_ids: answered("Approve")), "run_id": "a"}
    with pytest.raises(AirflowFailException, match="sign-off ended with exit code 3"):
        SignedOff(task_id="signed", approval="approve").execute(context)
    assert tiny.counted() == ["sign-off"]


def test_the_person_is_told_which_report_how_to_sign_it_and_who_may_not(
    tiny: TinyProject, airflow_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dags.approval import question

    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    run = open_run(tiny.root, "a", "jdoe")
    (run.path / "report").mkdir()
    (run.path / "report" / "report.json").write_text("a report")
    (run.path / "verdict.json").write_text('{"needs_signature": ["findings, women"]}')
    asked = question(run)
    assert hashlib.sha256(b"a report").hexdigest() in asked
    assert "radassist report sign var/runs/a/report/report.json --key FILE --meaning approved" in asked
    assert "with care findings, women" in asked
    assert "No signature counts from those whose work the run is: jdoe, Test <test@localhost>." in asked


@pytest.mark.parametrize(
    ("run_type", "user", "sources", "known"),
    [
        ("manual", "jdoe", [], "jdoe"),
        ("manual", None, [], None),
        ("backfill", "jdoe", [], "jdoe"),
        ("scheduled", None, [], Automatic.SCHEDULE),
        ("asset_triggered", None, ["publish"], Automatic.NEW_DATA),
        ("asset_triggered", None, ["publish", None], None),  # the second event was made by hand, nobody knows by whose
        ("operator_triggered", None, [], None),
    ],
)
def test_who_triggered_a_run(
    airflow_home: Path, run_type: str, user: str | None, sources: list[str | None], known: str | Automatic | None
) -> None:
    from airflow.utils.types import DagRunType

    from dags.retrain import who_triggered

    events = [SimpleNamespace(source_task_id=source) for source in sources]
    assert who_triggered(DagRunType(run_type), user, events) == known
    after_drift = Automatic.DRIFT if known is Automatic.NEW_DATA else known
    assert who_triggered(DagRunType(run_type), user, events, "image.noise is off") == after_drift


@pytest.mark.parametrize(("code", "final"), [(1, False), (2, True), (3, True), (255, False)])
def test_a_fault_is_retried_and_bad_input_is_not(
    tiny: TinyProject, airflow_home: Path, monkeypatch: pytest.MonkeyPatch, code: int, final: bool
) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    from dags.wiring import InRun
    from pipelines.workspace import CommandError, Workspace

    def act(run: Workspace) -> None:
        raise CommandError("train", code, run.log("train"))

    monkeypatch.setattr("dags.wiring.ROOT", tiny.root)
    monkeypatch.setattr(Workspace, "is_open", True)
    with pytest.raises(AirflowFailException if final else CommandError):
        InRun(task_id="train", act=act).execute({"run_id": "a"})


def test_a_scheduled_run_is_due_every_second_week_across_a_year_of_53(airflow_home: Path) -> None:
    from dags.retrain import is_due

    mondays = [datetime(2026, 11, 2, 3, tzinfo=UTC) + timedelta(weeks=week) for week in range(14)]  # 2026 has 53 weeks
    due = [is_due(monday, monday + timedelta(minutes=5)) for monday in mondays]
    assert due[:2] in ([True, False], [False, True])
    assert due == due[:2] * 7
    assert not any(is_due(monday, monday + timedelta(days=3)) for monday in mondays)


def test_no_run_starts_just_because_the_dag_is_new(read_dag: Read) -> None:
    from airflow.serialization.encoders import coerce_to_core_timetable
    from airflow.timetables.base import TimeRestriction

    for dag_id in ("retrain", "ingest", "monitor", "monitor_daily"):
        dag = read_dag(ROOT, dag_id)
        assert dag.start_date is None
        timetable = coerce_to_core_timetable(dag.timetable)
        none_yet = TimeRestriction(earliest=None, latest=None, catchup=False)
        first = timetable.next_dagrun_info(last_automated_data_interval=None, restriction=none_yet)
        assert first is not None
        assert first.run_after > datetime.now(UTC)
