"""What the gate promises: a strict, readable, complete decision, and exit codes that a scheduler can act on."""

import json
import math
from hashlib import sha256
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from model.errors import BadInput
from pipelines.cli import main
from pipelines.gate import Criterion, Policy, decide, gate, load_policy, load_verdict, table
from pipelines.metrics import read_metrics

SHIPPED = Path(__file__).parents[2] / "policy" / "gate.yaml"

GOOD: dict[str, float | None] = {
    "bleu_4": 0.61,
    "bleu_4.low": 0.55,
    "bleu_4.high": 0.66,
    "meteor_exact_stem": 0.70,
    "findings_micro_f1": 0.82,
    "iou_norm_0.1": 0.55,
    "constant.bleu_4": 0.31,
    "constant.findings_micro_f1": 0.30,
    "shuffled.findings_micro_f1": 0.34,
    "mean_mask.iou_norm_0.1": 0.29,
    "n_patients": 120,
    "n_studies": 150,
}


def failed(changes: dict[str, float | None], without: str = "") -> dict[str, str]:
    figures = {k: v for k, v in (GOOD | changes).items() if k != without}
    return {c.name: c.reason for c in decide(load_policy(SHIPPED), figures).failed}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "policy").mkdir()
    (tmp_path / "metrics").mkdir()
    (tmp_path / "trained").mkdir()
    (tmp_path / "policy" / "gate.yaml").write_bytes(SHIPPED.read_bytes())
    (tmp_path / "metrics" / "evaluate.json").write_text(json.dumps(GOOD))
    (tmp_path / "data.dvc").write_text("outs:\n- md5: 0123456789abcdef0123456789abcdef.dir\n  path: data\n")
    (tmp_path / "trained" / "manifest.json").write_text(json.dumps({"files": {"model.safetensors": "ab" * 32}}))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_good_model_passes_the_shipped_policy() -> None:
    verdict = decide(load_policy(SHIPPED), GOOD)
    assert verdict.passed
    words = next(c for c in verdict.criteria if c.name == "words")
    assert (words.value, words.low, words.high, words.bound) == (0.61, 0.55, 0.66, 0.15)


@pytest.mark.parametrize(
    ("figure", "bound", "name"),
    [
        ("bleu_4", 0.15, "words"),
        ("meteor_exact_stem", 0.20, "words by stem"),
        ("findings_micro_f1", 0.40, "findings"),
        ("iou_norm_0.1", 0.30, "grounding"),
    ],
)
def test_each_threshold_is_strict(figure: str, bound: float, name: str) -> None:
    low_baselines: dict[str, float | None] = {k: 0.0 for k in GOOD if "." in k and k.split(".")[0] not in GOOD}
    assert name in failed({**low_baselines, figure: bound})
    assert name not in failed({**low_baselines, figure: math.nextafter(bound, 1)})


def test_the_constant_normal_report_is_refused_though_its_bleu_passes() -> None:
    reasons = failed(
        {
            "bleu_4": 0.18,
            "constant.bleu_4": 0.18,
            "meteor_exact_stem": 0.25,
            "findings_micro_f1": 0.0,
            "iou_norm_0.1": 0.0,
        }
    )
    assert "words" not in reasons
    assert {"words beat the constant report", "findings", "findings beat the constant report"} <= set(reasons)


def test_a_model_that_does_not_look_is_refused() -> None:
    reasons = failed({"findings_micro_f1": 0.48, "shuffled.findings_micro_f1": 0.47})
    assert list(reasons) == ["findings beat shuffled images"]
    assert reasons["findings beat shuffled images"] == (
        "findings_micro_f1 0.48 is not above 0.57 (shuffled.findings_micro_f1 plus 0.1)"
    )


def test_a_figure_that_was_not_measured_fails_in_words() -> None:
    reasons = failed({"iou_norm_0.1": None, "mean_mask.iou_norm_0.1": None})
    assert reasons["grounding"] == "grounding IoU was not measured: no sentence of the test split has a region"
    assert reasons["grounding beats the mean mask"] == reasons["grounding"]
    assert set(reasons) == {"grounding", "grounding beats the mean mask"}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_a_finite_number_fails(value: float) -> None:
    assert "not a finite number" in failed({"bleu_4": value})["words"]


@pytest.mark.parametrize("value", [None, math.nan, -math.inf])
def test_a_baseline_that_is_unknown_fails(value: float | None) -> None:
    reason = failed({"constant.bleu_4": value})["words beat the constant report"]
    assert reason.startswith("the baseline is missing: constant.bleu_4")


def test_an_absent_figure_fails() -> None:
    assert failed({}, without="meteor_exact_stem") == {"words by stem": "there is no figure meteor_exact_stem"}
    assert "there is no figure" in failed({}, without="constant.bleu_4")["words beat the constant report"]


numbers = st.one_of(st.none(), st.floats(), st.floats(0, 1))


@given(value=numbers, baseline=numbers, above=st.floats(0, 1), margin=st.floats(0, 0.5))
def test_a_pass_means_the_number_really_lies_above(
    value: float | None, baseline: float | None, above: float, margin: float
) -> None:
    policy = Policy(
        criteria=(
            Criterion(name="a", figure="f", above=above, because="x"),
            Criterion(name="b", figure="f", above="base", margin=margin, because="x"),
        )
    )
    verdict = decide(policy, {"f": value, "base": baseline})
    number = value is not None and math.isfinite(value)
    known = baseline is not None and math.isfinite(baseline)
    assert verdict.criteria[0].passed == (number and value > above)  # type: ignore[operator]
    assert verdict.criteria[1].passed == (number and known and value > baseline + margin)  # type: ignore[operator]
    assert verdict.passed == all(c.passed for c in verdict.criteria)
    assert all(c.reason for c in verdict.criteria)


def test_the_stage_writes_a_verdict_with_its_hashes_and_ends_with_0(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gate"]) == 0
    written = json.loads((workspace / "verdict.json").read_text())
    assert written["passed"] is True
    assert written["policy"] == "policy/gate.yaml"
    assert written["policy_sha256"] == sha256(SHIPPED.read_bytes()).hexdigest()
    assert written["data_md5"] == "0123456789abcdef0123456789abcdef.dir"
    assert written["model_sha256"] == "ab" * 32
    assert capsys.readouterr().out.startswith("PASSED: all 9 criteria hold\n")
    assert main(["gate", "--enforce"]) == 0


def test_a_refused_model_ends_with_0_and_enforcing_ends_with_3(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = GOOD | {"bleu_4": math.nan, "iou_norm_0.1": None, "findings_micro_f1": 0.1}
    (workspace / "metrics" / "evaluate.json").write_text(json.dumps(figures))
    assert main(["gate"]) == 0
    assert "NaN" not in (workspace / "verdict.json").read_text()
    assert capsys.readouterr().err == ""
    assert main(["gate", "--enforce"]) == 3
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(load_verdict().failed) == 7
    assert lines[0] == "radassist gate: refused: words: bleu_4 is nan, not a finite number"


def test_enforcing_reads_the_verdict_and_never_decides_anew(workspace: Path) -> None:
    gate()
    (workspace / "metrics" / "evaluate.json").write_text(json.dumps(GOOD | {"bleu_4": 0.0}))
    assert main(["gate", "--enforce"]) == 0


def test_another_policy_decides_and_is_named(workspace: Path) -> None:
    lenient = workspace / "lenient.yaml"
    lenient.write_text(yaml.safe_dump({"criteria": [{"name": "any", "figure": "bleu_4", "above": 0, "because": "x"}]}))
    assert main(["gate", "--policy", "lenient.yaml"]) == 0
    verdict = load_verdict()
    assert (verdict.policy, verdict.policy_sha256) == ("lenient.yaml", sha256(lenient.read_bytes()).hexdigest())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"passed": true, "criteria": []}',
        '{"passed": "true", "criteria": []}',
        None,
    ],
)
def test_without_a_proper_verdict_enforcing_ends_with_2(
    workspace: Path, text: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    if text is not None:
        (workspace / "verdict.json").write_text(text)
    assert main(["gate", "--enforce"]) == 2
    error = capsys.readouterr().err
    assert "verdict verdict.json" in error
    assert error.count("\n") == 1


def test_a_verdict_edited_to_pass_is_no_verdict(workspace: Path) -> None:
    (workspace / "metrics" / "evaluate.json").write_text(json.dumps(GOOD | {"bleu_4": 0.0}))
    assert not gate().passed
    path = workspace / "verdict.json"
    path.write_text(path.read_text().replace('"passed": false', '"passed": true', 1))
    assert main(["gate", "--enforce"]) == 2


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("criteria: []", "criteria"),
        ("criterias: []", "criterias"),
        ("", "whole file"),
        ("criteria: [", "not YAML"),
        ("criteria: [{name: a, figure: f, above: .nan, because: x}]", "above"),
        ("criteria: [{name: a, figure: f, above: 0.1, margin: -1, because: x}]", "margin"),
        ("criteria: [{name: a, figure: f, abvoe: 0.1, because: x}]", "ab"),
        ("criteria: [{name: a, figure: f, above: 1, because: x}, {name: a, figure: g, above: 1, because: x}]", "'a'"),
    ],
)
def test_a_policy_with_a_mistake_is_refused_by_name(
    workspace: Path, text: str, names: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (workspace / "policy" / "gate.yaml").write_text(text)
    assert main(["gate"]) == 2
    error = capsys.readouterr().err
    assert names in error
    assert error.count("\n") == 1
    assert not (workspace / "verdict.json").exists()


@pytest.mark.parametrize("text", ["[]", '{"bleu_4": "0.9"}', '{"bleu_4": true}', '{"bleu_4": {"value": 1}}', "{"])
def test_figures_that_are_not_flat_numbers_are_refused(workspace: Path, text: str) -> None:
    path = workspace / "metrics" / "evaluate.json"
    path.write_text(text)
    with pytest.raises(BadInput, match=r"evaluate\.json"):
        read_metrics("evaluate", path.parent)


def test_the_table_has_a_line_for_each_criterion_and_says_why() -> None:
    verdict = decide(load_policy(SHIPPED), GOOD | {"iou_norm_0.1": None})
    lines = table(verdict).splitlines()
    assert lines[0] == "REFUSED: 2 of 9 criteria failed"
    assert len(lines) == 10
    assert "[0.550, 0.660]" in lines[2]
    assert lines[5].startswith("FAIL  grounding")
    assert "no sentence of the test split has a region" in lines[5]
