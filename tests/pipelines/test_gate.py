"""The gate as a command: what it reads and writes, waivers, the policy's hash, the count of uses, and exit codes that a
scheduler can act on."""

import json
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml

from model.errors import BadInput
from pipelines.checkout import records_url
from pipelines.cli import main
from pipelines.gate import Outcome, enforce, gate, load_verdict, refusals, table
from pipelines.metrics import read_metrics
from pipelines.statistics import Statistics, write_statistics
from records.database import open_database, reading
from records.ledger import entries
from tests.pipelines.conftest import FIGURES, SHIPPED, statistics_of, write_model, write_subgroups

POLICY = SHIPPED / "policy" / "gate.yaml"
SPLIT = {"name": "mimic_cxr-0a1b2c3d", "n_patients": 60, "n_studies": 60, "patients": ["ab", "cd"]}
FUTURE = date(2999, 1, 1)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the gate reads, of a good model, and nothing else."""
    for folder in ("policy", "evaluation", "champion", "data"):
        (tmp_path / folder).mkdir()
    shutil.copy(POLICY, tmp_path / "policy" / "gate.yaml")
    write_model(tmp_path / "trained", tmp_path / "policy" / "gate.yaml")
    evaluated(tmp_path)
    write_subgroups(
        tmp_path / "audit" / "subgroups.parquet",
        *(
            ("sex", sex, f, 34, 0.8, 0.7, 0.9, "measured")
            for sex in "FM"
            for f in ("findings_micro_f1", "iou_norm_0.1")
        ),
    )
    (tmp_path / "champion" / "champion.json").write_text('{"asked": true}')
    (tmp_path / "data" / "splits.json").write_text(json.dumps({"test": SPLIT}))
    (tmp_path / "data.dvc").write_text("outs:\n- md5: 0123456789abcdef0123456789abcdef.dir\n  path: data\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RADASSIST_RECORDS_URL", raising=False)
    return tmp_path


def evaluated(root: Path, **changes: float | None) -> None:
    write_statistics(statistics_of(FIGURES | changes), root / "evaluation" / "statistics.parquet")


def waive(root: Path, criterion: str, expires: date = FUTURE, **changes: str) -> None:
    waiver = {"criterion": criterion, "by": "Jane Doe", "reason": "a new test split is due", "expires": expires}
    (root / "policy" / "waivers.yaml").write_text(yaml.safe_dump({"waivers": [waiver | changes]}))


def test_the_stage_writes_a_verdict_with_its_hashes_and_ends_with_0(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gate"]) == 0
    written = json.loads((workspace / "verdict.json").read_text())
    assert (written["outcome"], written["passed"], written["needs_signature"]) == ("PASS", True, [])
    assert (written["policy"], written["policy_sha256"]) == (
        "policy/gate.yaml",
        sha256(POLICY.read_bytes()).hexdigest(),
    )
    assert written["data_md5"] == "0123456789abcdef0123456789abcdef.dir"
    assert written["model_sha256"] == sha256(b"the bytes of model.safetensors").hexdigest()
    assert written["test_set"] == {"name": "mimic_cxr-0a1b2c3d", "uses": 1}
    assert capsys.readouterr().out.startswith("PASSED: 19 PASS; use number 1 of test set mimic_cxr-0a1b2c3d\n")
    assert main(["gate", "--enforce"]) == 0


def test_a_refused_model_ends_with_0_and_enforcing_ends_with_3(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluated(workspace, bleu_4=None, edit_rate=0.4, findings_micro_f1=0.1)
    assert main(["gate"]) == 0
    assert "NaN" not in (workspace / "verdict.json").read_text()
    assert capsys.readouterr().err == ""
    assert main(["gate", "--enforce"]) == 3
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("radassist gate: refused: words: FAIL: bleu_4 is nan, not a number")
    assert any(line.startswith("radassist gate: refused: edits: INCONCLUSIVE: edit_rate 0.4,") for line in lines)
    assert len(lines) == len(load_verdict().blocking) == 8


def test_what_is_inconclusive_in_a_subgroup_alone_does_not_block_and_needs_a_signature(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = ("age", "80+", "findings_micro_f1", 12, 0.0, 0.0, 0.0, "insufficient n")
    write_subgroups(
        workspace / "audit" / "subgroups.parquet",
        row,
        *(("sex", "F", f, 34, 0.8, 0.7, 0.9, "measured") for f in ("findings_micro_f1", "iou_norm_0.1")),
    )
    assert main(["gate"]) == 0
    verdict = load_verdict()
    assert (verdict.outcome, verdict.needs_signature) == (Outcome.PASS, ("findings in the worst subgroup",))
    assert "needs a signature: findings in the worst subgroup" in capsys.readouterr().out
    assert main(["gate", "--enforce"]) == 0


def test_without_an_audit_the_model_is_refused(workspace: Path) -> None:
    (workspace / "audit" / "subgroups.parquet").unlink()
    assert gate().outcome is Outcome.FAIL
    assert {c.name for c in load_verdict().blocking} == {
        "findings in the worst subgroup", "grounding in the worst subgroup",
    }  # fmt: skip


class TestPolicyStands:
    def test_a_policy_that_changed_since_training_started_refuses_the_model(self, workspace: Path) -> None:
        path = workspace / "policy" / "gate.yaml"
        path.write_text(path.read_text().replace("above: 0.15", "above: 0.05"))
        verdict = gate()
        assert {c.name for c in verdict.blocking} == {"the policy stands"}
        assert "changed since training started" in verdict.criteria[0].reason
        assert "train a new model under it" in verdict.criteria[0].reason
        assert verdict.deviations == (verdict.criteria[0].reason,)

    def test_so_does_a_training_that_noted_none(self, workspace: Path) -> None:
        path = workspace / "trained" / "manifest.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"policy_sha256": None}))
        assert {c.name for c in gate().blocking} == {"the policy stands"}

    def test_another_policy_may_be_tried_and_is_a_deviation(self, workspace: Path) -> None:
        lenient = workspace / "lenient.yaml"
        criterion = {"name": "any", "figure": "bleu_4", "above": 0, "because": "x"}
        lenient.write_text(yaml.safe_dump({"criteria": [criterion]}))
        assert main(["gate", "--policy", "lenient.yaml"]) == 0
        verdict = load_verdict()
        assert (verdict.policy, verdict.policy_sha256) == ("lenient.yaml", sha256(lenient.read_bytes()).hexdigest())
        assert {c.name: c.outcome.value for c in verdict.criteria} == {"the policy stands": "FAIL", "any": "PASS"}
        assert len(verdict.deviations) == 1


class TestWaivers:
    def test_a_waived_criterion_keeps_its_outcome_does_not_block_and_needs_a_signature(
        self, workspace: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        evaluated(workspace, bleu_4=0.36, **{"iou_norm_0.1": 0.31, "mean_mask.iou_norm_0.1": 0.40})
        waive(workspace, "grounding beats the mean mask")
        verdict = gate()
        waived = next(c for c in verdict.criteria if c.waiver)
        assert (waived.outcome, waived.blocks) == (Outcome.FAIL, False)
        assert (verdict.outcome, verdict.needs_signature) == (Outcome.PASS, ("grounding beats the mean mask",))
        assert json.loads((workspace / "verdict.json").read_text())["criteria"][13]["waiver"] == {
            "by": "Jane Doe",
            "reason": "a new test split is due",
            "expires": "2999-01-01",
        }
        assert "waived: grounding beats the mean mask, by Jane Doe until 2999-01-01: a new test" in table(verdict)
        assert main(["gate", "--enforce"]) == 0

    def test_a_changed_policy_can_be_waived_by_name(self, workspace: Path) -> None:
        with (workspace / "policy" / "gate.yaml").open("a") as policy:
            policy.write("# a misspelt word, corrected\n")
        waive(workspace, "the policy stands")
        verdict = gate()
        assert verdict.passed
        assert len(verdict.deviations) == 1

    @pytest.mark.parametrize(
        ("criterion", "changes", "said"),
        [
            ("words", {"expires": date(2020, 1, 31)}, "it expired on 2020-01-31"),
            ("wrods", {}, "a waiver names a criterion of the policy; choose one of the policy stands, words,"),
            ("words", {"reason": " "}, "waivers.0.reason"),
            ("words", {"by": None}, "waivers.0.by"),
            ("words", {"expires": "some day"}, "waivers.0.expires"),
        ],
    )
    def test_one_that_expired_is_unknown_or_says_nothing_is_refused_by_name(
        self, workspace: Path, capsys: pytest.CaptureFixture[str], criterion: str, changes: dict[str, Any], said: str
    ) -> None:
        waive(workspace, criterion, **changes)
        assert main(["gate"]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
        assert not (workspace / "verdict.json").exists()

    def test_it_counts_on_its_last_day_and_no_longer_though_the_verdict_is_older(self, workspace: Path) -> None:
        last = date.today() + timedelta(days=30)
        evaluated(workspace, bleu_4=0.1, **{"constant.bleu_4": 0.0, "nearest.bleu_4": 0.0})
        waive(workspace, "words", last)
        verdict = gate()
        assert (refusals(verdict, last), enforce(verdict, last)) == ([], 0)
        tomorrow = last + timedelta(days=1)
        assert refusals(verdict, tomorrow) == [f"words: its waiver by Jane Doe expired on {last}"]
        assert enforce(verdict, tomorrow) == 3


class TestUsesOfTheTestSet:
    def uses(self) -> list[dict[str, Any]]:
        with reading(open_database(records_url(Path()))) as connection:
            return [entry.written.body for entry in entries(connection) if entry.kind == "test_use"]

    def other_model(self, root: Path, number: int) -> None:
        path = root / "trained" / "manifest.json"
        manifest = json.loads(path.read_text())
        manifest["files"]["model.safetensors"] = f"{number:064x}"
        path.write_text(json.dumps(manifest))

    def test_each_model_counts_once_and_keeps_its_number(self, workspace: Path) -> None:
        assert [gate().test_set.uses, gate().test_set.uses] == [1, 1]
        first = (workspace / "trained" / "manifest.json").read_text()
        self.other_model(workspace, 2)
        assert gate().test_set.uses == 2
        (workspace / "trained" / "manifest.json").write_text(first)
        assert gate().test_set.uses == 1
        assert [body["model_sha256"][-1] for body in self.uses()][1:] == ["2"]
        assert "patients" not in json.dumps(self.uses())

    def test_another_test_split_is_counted_apart(self, workspace: Path) -> None:
        gate()
        grown = {"test": SPLIT | {"patients": ["ab", "cd", "ef"]}}
        (workspace / "data" / "splits.json").write_text(json.dumps(grown))
        assert gate().test_set.uses == 1
        assert len(self.uses()) == 2


class TestChampionFiles:
    def bring(self, root: Path, statistics: Statistics | None, **changes: object) -> None:
        known: dict[str, object] = {"asked": True, "version": "3"}
        if statistics is not None:
            path = root / "champion" / "statistics.parquet"
            write_statistics(statistics, path)
            known["statistics_sha256"] = sha256(path.read_bytes()).hexdigest()
        (root / "champion" / "champion.json").write_text(json.dumps(known | changes))

    def reasons(self) -> set[str]:
        return {c.reason for c in gate().criteria if "champion" in c.name}

    def test_its_studies_may_stand_in_another_order(self, workspace: Path) -> None:
        self.bring(workspace, statistics_of(FIGURES).of(range(59, -1, -1)))
        found = [c for c in gate().criteria if "champion" in c.name]
        assert [(c.outcome, c.value, c.low, c.high) for c in found] == [(Outcome.PASS, 0, 0, 0)] * 3

    def test_other_studies_are_not_compared(self, workspace: Path) -> None:
        self.bring(workspace, statistics_of(FIGURES).of(range(50)))
        expected = (
            "the champion, version 3, was evaluated on other test studies: 50 of this model's 60 are among its 50"
        )
        assert self.reasons() == {expected}
        assert load_verdict().outcome is Outcome.INCONCLUSIVE

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"asked": False}, "nobody asked MLflow which model is the champion: run `radassist champion`"),
            ({}, "the champion, version 3, left no evaluation/statistics.parquet in MLflow"),
            ({"statistics_sha256": "0" * 64}, "champion/statistics.parquet is not the file that champion.json names"),
        ],
    )
    def test_what_is_not_at_hand_is_said(self, workspace: Path, changes: dict[str, object], said: str) -> None:
        self.bring(workspace, None, **changes)
        (reason,) = self.reasons()
        assert reason.startswith(said)
        assert not load_verdict().passed


def test_enforcing_reads_the_verdict_and_never_decides_anew(workspace: Path) -> None:
    gate()
    evaluated(workspace, bleu_4=0.0)
    assert main(["gate", "--enforce"]) == 0


@pytest.mark.parametrize("text", ["", "{}", '{"passed": true, "criteria": []}', None])
def test_without_a_proper_verdict_enforcing_ends_with_2(
    workspace: Path, text: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    if text is not None:
        (workspace / "verdict.json").write_text(text)
    assert main(["gate", "--enforce"]) == 2
    error = capsys.readouterr().err
    assert "verdict verdict.json" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "edit",
    [
        lambda verdict: verdict.update(passed=True),
        lambda verdict: verdict.update(outcome="PASS", passed=True),
        lambda verdict: verdict.update(needs_signature=["words"]),
        lambda verdict: verdict.update(criteria=[]),
        lambda verdict: verdict["test_set"].update(uses="often"),
    ],
)
def test_a_verdict_that_was_edited_is_no_verdict(workspace: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    evaluated(workspace, bleu_4=0.0)
    assert not gate().passed
    written = json.loads((workspace / "verdict.json").read_text())
    edit(written)
    (workspace / "verdict.json").write_text(json.dumps(written))
    assert main(["gate", "--enforce"]) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("criteria: []", "criteria"),
        ("criterias: []", "criterias"),
        ("", "whole file"),
        ("criteria: [", "not YAML"),
        ("criteria: [{name: a, figure: f, above: .nan, because: x}]", "above"),
        ("criteria: [{name: a, figure: f, because: x}]", "criterion 'a' says either above or below"),
        ("criteria: [{name: a, figure: f, above: 1, below: 2, because: x}]", "either above or below"),
        ("criteria: [{name: a, figure: f, above: 1, margin: 0.1, because: x}]", "kept from another figure"),
        ("criteria: [{name: a, figure: f, abvoe: 0.1, because: x}]", "ab"),
        ("criteria: [{name: a, figure: f, above: 1, because: x}, {name: a, figure: g, above: 1, because: x}]", "'a'"),
        ("criteria: [{name: the policy stands, figure: f, above: 1, because: x}]", "'the policy stands'"),
        (
            "criteria: [{name: a, figure: f, above: 1, because: x}]\n"
            "subgroups: [{name: b, figure: f, above: champion.f, because: x}]",
            "subgroups.0.above",
        ),
    ],
)
def test_a_policy_with_a_mistake_is_refused_by_name(
    workspace: Path, text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (workspace / "policy" / "gate.yaml").write_text(text)
    assert main(["gate"]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (workspace / "verdict.json").exists()


@pytest.mark.parametrize(
    ("path", "way_out"),
    [
        ("evaluation/statistics.parquet", "run `radassist evaluate`"),
        ("trained/manifest.json", "run `radassist train`"),
        ("data/splits.json", "run `radassist ingest`"),
        ("champion/champion.json", "run `radassist champion`"),
        ("policy/gate.yaml", "pass --policy FILE"),
    ],
)
def test_a_file_that_is_missing_is_named_with_the_way_out(
    workspace: Path, capsys: pytest.CaptureFixture[str], path: str, way_out: str
) -> None:
    (workspace / path).unlink()
    assert main(["gate"]) == 2
    error = capsys.readouterr().err
    assert path in error
    assert way_out in error
    assert not (workspace / "verdict.json").exists()


@pytest.mark.parametrize("text", ["[]", '{"bleu_4": "0.9"}', '{"bleu_4": true}', '{"bleu_4": {"value": 1}}', "{"])
def test_figures_that_are_not_flat_numbers_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "evaluate.json").write_text(text)
    with pytest.raises(BadInput, match=r"evaluate\.json"):
        read_metrics("evaluate", tmp_path)


def test_the_table_has_a_line_for_each_criterion_and_says_why(workspace: Path) -> None:
    evaluated(workspace, **{"iou_norm_0.1": None})
    lines = table(gate()).splitlines()
    assert lines[0].startswith("REFUSED: 17 PASS, 2 FAIL; use number 1")
    assert len(lines) == 20
    words, grounding, beaten, champion = lines[2], lines[5], lines[10], lines[15]
    assert words.split() == ["PASS", "words", "0.61", "[0.605,", "0.615]", ">", "0.15", "bleu_4"]
    assert grounding.startswith("FAIL  grounding ")
    assert grounding.endswith("no sentence of the test split has a region")
    assert beaten.endswith("> 0.05  findings_micro_f1 - constant.findings_micro_f1")
    assert champion.endswith("not applicable: there is no champion yet")
