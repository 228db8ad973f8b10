"""What a reviewer must be told beyond the figures: what is undecided, waived, departed from, unequal or unknown."""

import json
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pandas as pd
import pytest
from PIL import Image

from pipelines.cli import main
from pipelines.evidence.errors import errors_section
from pipelines.evidence.limits import deviations, limits
from pipelines.evidence.model_card import NAMESPACE, NOT_STATED, as_xml, model_card
from pipelines.evidence.subgroups import by_group, subgroups_section
from pipelines.report_page import render, render_card

Content = dict[str, Any]

CRITERION = {
    "name": "findings",
    "figure": "findings_micro_f1",
    "outcome": "PASS",
    "value": 0.82,
    "low": 0.78,
    "high": 0.86,
    "rule": ">",
    "bound": 0.4,
    "baseline": None,
    "margin": 0.0,
    "reason": "all of the interval lies above 0.4",
    "because": "what is there must be said",
    "waiver": None,
    "groups": None,
}
WAIVER = {"by": "Jane Doe", "reason": "the references of site B changed", "expires": "2027-01-31"}


def row(attribute: str, group: str, figure: str, value: float | None, status: str) -> Content:
    known = {"value": value, "low": value and value - 0.1, "high": value and value + 0.1}
    gap = {"gap": -0.2, "gap_low": -0.3, "gap_high": -0.1, "p": 1e-5, "p_adjusted": 2e-4}
    counted = {"n_studies": 40, "n_patients": 30}
    about = {"about": "attention" if figure == "iou_norm_0.1" else "words"}
    of = {"attribute": attribute, "group": group, "figure": figure, **about}
    return {**of, **counted, **known, **gap, "status": status}


SUBGROUPS = [
    row("sex", "F", "findings_micro_f1", 0.9, "measured"),
    row("sex", "F", "iou_norm_0.1", 0.5, "measured"),
    row("sex", "M", "findings_micro_f1", 0.7, "gap"),
    row("sex", "M", "iou_norm_0.1", 0.4, "measured"),
    row("race_ethnicity", "<b>Other</b>", "findings_micro_f1", None, "insufficient n"),
]

ESTIMATE = {"value": 0.5, "low": 0.4, "high": 0.6}
ERRORS = {
    "quadrants": [{"quadrant": "both_right", "n": 90, "share": 0.9, "low": 0.8, "high": 0.95}],
    "per_finding": [
        {"observation": "Cardiomegaly", "n": 9, "found": 7, "missed": 1, "invented": 1, "both_right": 6}
        | {"text_right_attention_wrong": 1, "attention_right_text_wrong": 0, "both_wrong": 2}
    ],
    "entropies": {"n_right": 90, "n_wrong": 10, "p": 0.01}
    | dict.fromkeys(("right", "wrong", "difference", "concordance"), ESTIMATE),
    "known_failures": [
        {"name": "whole_chest", "title": "Cardiomegaly attends to the whole chest", "rule": "more than half outside"}
        | {"n": 98, "count": 31, **ESTIMATE, "verdict": "seen", "groups": []}
    ],
    "pictures": [{"picture": "pictures/missed_1.png", "caption": "Missed: right pneumothorax"}],
}


@pytest.fixture
def content(passed_run: Path) -> Content:
    """The content of a report on a run without a repository, an audit or an analysis of errors."""
    found: Content = json.loads((passed_run / "report" / "report.json").read_text())
    return found


@pytest.fixture
def faultless(content: Content) -> Content:
    """The same, as a run leaves it that departs from nothing."""
    content["policy"] |= {"committed": "0" * 40 + " 2026-01-02T03:04:05+00:00"}
    content["provenance"] |= {"git_dirty": False}
    content["provenance"]["at_training"] |= {
        key: content["provenance"][key] for key in ("git_commit", "data_md5", "lock_sha256")
    }
    content["data"]["validation"]["broken"] = []
    content["subgroups"] = {"status": "measured", "rows": [], "figures": {}}
    content["errors"] = {"status": "measured", **ERRORS, "pictures": []}
    return content


def page(content: Mapping[str, Any], root: Path) -> str:
    """The page's words, blanks squeezed."""
    return " ".join(render(dict(content), root / "report").split())


def decided(content: Content, *criteria: Content, outcome: str, needs: tuple[str, ...] = ()) -> Content:
    said = {"outcome": outcome, "passed": outcome == "PASS", "criteria": criteria, "needs_signature": needs}
    return content | {"verdict": content["verdict"] | said}


def test_what_is_undecided_is_called_so_and_keeps_the_model_back(content: Content, passed_run: Path) -> None:
    wide = CRITERION | {"outcome": "INCONCLUSIVE", "reason": "the interval holds 0.4"}
    text = page(decided(content, wide, outcome="INCONCLUSIVE"), passed_run)
    assert "<h2>Undecided</h2>" in text
    assert "0 of 1 criteria of the policy hold. This model must not be released." in text
    assert "<strong>Findings</strong>, INCONCLUSIVE: the interval holds 0.4" in text


def test_groups_that_decide_nothing_are_named_on_top_and_counted_in_the_table(
    content: Content, passed_run: Path
) -> None:
    small = [{"attribute": "age", "group": group, "outcome": "INCONCLUSIVE"} for group in ("18-39", "80+")]
    told = "f cannot be decided in 2 of 3 groups: too few patients: age 18-39 (9), 80+ (3)"
    text = page(
        decided(content, CRITERION | {"outcome": "INCONCLUSIVE", "reason": told, "groups": small}, outcome="PASS"),
        passed_run,
    )
    assert text.count(told) == 1
    assert 'Cannot be decided in 2 <a href="#subgroups">groups</a>, named above' in text


def test_a_waived_criterion_keeps_its_outcome_and_names_who_answers_for_it(content: Content, passed_run: Path) -> None:
    waived = CRITERION | {"outcome": "FAIL", "reason": "all of it lies below", "waiver": WAIVER}
    found = decided(content, CRITERION | {"name": "words"}, waived, outcome="PASS", needs=("findings",))
    text = page(found, passed_run)
    assert "<h2>Passed</h2>" in text
    assert "1 of 2 criteria of the policy hold. The model may be registered as a challenger once" in text
    assert "<strong>Findings</strong>, FAIL, waived by Jane Doe until 2027-01-31: all of it lies below" in text
    assert "Signing this report also takes responsibility for</strong> findings." in text
    assert (
        "Waived by Jane Doe until 2027-01-31: findings (FAIL), because the references of site B changed"
        in deviations(found)
    )


def test_a_run_that_departs_from_nothing_says_so(faultless: Content, passed_run: Path) -> None:
    assert deviations(faultless) == []
    assert "No deviation from what was promised was found." in page(faultless | {"deviations": []}, passed_run)


@pytest.mark.parametrize(
    ("way", "value", "said"),
    [
        (("policy", "committed"), None, "policy/gate.yaml is in no commit"),
        (("provenance", "at_training", "data_md5"), "9" * 32, f"was {'9' * 32} at training"),
        (("provenance", "at_training", "lock_sha256"), "9" * 64, f"was {'9' * 64} at training"),
        (("provenance", "git_dirty"), True, "The code is not that of a commit: tracked files differ"),
        (("provenance", "git_dirty"), None, "The code is not that of a commit: there is no repository"),
        (("verdict", "model_sha256"), "9" * 64, "The verdict is about other weights"),
        (("verdict", "deviations"), ["the policy changed"], "the policy changed"),
        (("data", "shared_patients", 1, "patients"), 3, "3 patients stand in train and in test"),
        (("parity", "figures", "passed"), 0, "The exported graphs do not say"),
        (("parity", "variants", "int8", "passed"), 0, "The int8 graphs do not hold parity"),
        (("subgroups", "status"), "not measured", "There is no analysis of subgroups"),
        (("errors", "status"), "not measured", "There is no analysis of errors"),
    ],
)
def test_each_departure_is_named(faultless: Content, way: tuple[str | int, ...], value: object, said: str) -> None:
    place: Any = faultless
    for step in way[:-1]:
        place = place[step]
    place[way[-1]] = value
    (found,) = deviations(faultless)
    assert said in found


def test_a_gap_between_groups_stands_above_the_table_and_small_groups_are_not_judged(
    content: Content, passed_run: Path
) -> None:
    content["subgroups"] = {"status": "measured", "rows": SUBGROUPS, "figures": {}}
    text = page(content, passed_run)
    assert "<strong>sex M</strong>, <code>findings_micro_f1</code>: 0.700, which is" in text
    assert '<span class="reason">-0.200</span> from the rest' in text
    assert "adjusted p &lt; 0.001" in text or "adjusted p < 0.001" in text
    assert "&lt;b&gt;Other&lt;/b&gt;" in text
    words, attention = text.partition("What is said and missed")[2].split("<h3>Where the model looks</h3>")
    assert "findings micro f1" in words
    assert "iou norm 0.1" in attention
    assert [(g["group"], list(g["figures"])) for g in by_group(SUBGROUPS)] == [
        ("F", ["findings_micro_f1", "iou_norm_0.1"]),
        ("M", ["findings_micro_f1", "iou_norm_0.1"]),
        ("<b>Other</b>", ["findings_micro_f1"]),
    ]
    assert any("race/ethnicity <b>Other</b>" in limit for limit in limits(content))


def test_the_audit_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert subgroups_section(tmp_path)["status"] == "not measured"
    (tmp_path / "audit").mkdir()
    (tmp_path / "metrics").mkdir()
    pd.DataFrame(SUBGROUPS).to_parquet(tmp_path / "audit" / "subgroups.parquet")
    (tmp_path / "metrics" / "audit.json").write_text('{"n_gaps": 1}')
    found = subgroups_section(tmp_path)
    assert found["figures"] == {"n_gaps": 1}
    assert found["rows"][-1] == SUBGROUPS[-1]


def test_errors_bring_their_pictures_into_the_report(content: Content, passed_run: Path, tmp_path: Path) -> None:
    assert errors_section(tmp_path / "errors", tmp_path)["status"] == "not measured"
    (tmp_path / "errors" / "pictures").mkdir(parents=True)
    (tmp_path / "report" / "pictures").mkdir(parents=True)
    (tmp_path / "errors" / "errors.json").write_text(json.dumps(ERRORS))
    Image.new("L", (8, 8)).save(tmp_path / "errors" / "pictures" / "missed_1.png")
    found = errors_section(tmp_path / "errors", tmp_path / "report" / "pictures")
    assert [shown["picture"] for shown in found["pictures"]] == ["pictures/error_missed_1.png"]
    assert (tmp_path / "report" / "pictures" / "error_missed_1.png").is_file()
    shutil.copytree(passed_run / "report", tmp_path / "report", dirs_exist_ok=True)
    text = page(content | {"errors": found}, tmp_path)
    assert "Cardiomegaly attends to the whole chest" in text
    assert "31 of&nbsp;98" in text
    assert 'alt="Missed: right pneumothorax"' in text


def test_the_card_has_the_fields_of_the_schema_and_says_what_nobody_stated(content: Content) -> None:
    card = model_card(content)
    assert list(card) == [
        *("BasicInfo", "ReleaseInfo", "ModelSummary", "UsesAndDirections", "Warnings", "TrustIngredients"),
        *("KeyMetrics", "Resources", "Bibliography"),
    ]
    assert card["BasicInfo"]["ModelDeveloper"] == NOT_STATED
    assert card["BasicInfo"]["ModelName"].endswith(content["identity"]["version"])
    useful, fair = (card["KeyMetrics"][name]["Results"] for name in ("UsefulnessUsabilityEfficacy", "FairnessEquity"))
    assert useful[0] == {
        "Label": "bleu_4",
        "ValueJson": {"kind": "estimate_ci", "estimate": 0.61, "lower": 0.55, "upper": 0.66, "level": 95, "unit": ""},
    }
    assert fair == [{"Label": "subgroups", "ValueJson": {"kind": "single", "value": "not measured"}}]
    written = render_card(content)
    assert '<dt>ModelDeveloper</dt><dd><span class="none">Not stated.</span></dd>' in " ".join(written.split())


def test_the_card_names_the_worst_group(content: Content) -> None:
    figures = {"worst_subgroup.findings_micro_f1": 0.7} | {
        f"worst_subgroup.findings_micro_f1.{end}": value for end, value in (("low", 0.6), ("high", 0.8))
    }
    card = model_card(content | {"subgroups": {"status": "measured", "rows": SUBGROUPS, "figures": figures}})
    (worst,) = card["KeyMetrics"]["FairnessEquity"]["Results"]
    assert (worst["ValueJson"]["estimate"], worst["ValueJson"]["lower"]) == (0.7, 0.6)
    assert "sex M: findings_micro_f1 -0.200 from the rest" in card["Warnings"]["KnownBiasesOrEthicalConsiderations"]


def test_the_card_as_xml_says_the_same_in_the_schemas_order(content: Content) -> None:
    root = ET.fromstring(as_xml(model_card(content)))  # noqa: S314 - our own
    assert root.tag == f"{{{NAMESPACE}}}AppliedModelCard"
    assert [child.tag.partition("}")[2] for child in root] == list(model_card(content))
    result = root.find(f".//{{{NAMESPACE}}}MetricResult")
    assert result is not None
    label, value = (child.text for child in result)
    assert label == "bleu_4"
    assert json.loads(str(value))["estimate"] == 0.61


def test_a_pdf_needs_a_browser_and_says_so(
    passed_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    pdf = ["report", "pdf", str(passed_run / "report" / "report.json"), "--out", str(tmp_path / "report.pdf")]
    assert main(pdf) == 2
    assert "is on this machine; install one, or open" in capsys.readouterr().err
    for script, code in (
        ('for a; do case $a in --print-to-pdf=*) echo "$a" > "${a#*=}";; esac; done', 0),
        ("exit 1", 2),
    ):
        browser = tmp_path / "chromium"
        browser.write_text(f"#!/bin/sh\n{script}\n")
        browser.chmod(browser.stat().st_mode | stat.S_IXUSR)
        assert main(pdf) == code
    assert (tmp_path / "report.pdf").read_text().startswith("--print-to-pdf=")
    assert "print the page by hand" in capsys.readouterr().err
    assert main(["report", "pdf", str(tmp_path / "nowhere" / "report.json")]) == 2
