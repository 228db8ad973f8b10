"""What a reader of the validation report relies on: the figures are the stages' own, the reasons stand on top, nothing
is made up, and the page needs nothing but itself."""

import json
import re
import shutil
from collections.abc import Callable
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from model.artefact import open_artefact
from pipelines.charts import line_chart, strip, ticks
from pipelines.cli import main
from pipelines.evidence.data import data_section
from pipelines.evidence.identity import provenance_section
from pipelines.examples import Drafted, Kind, choose
from pipelines.manifest import SCHEMA, read_manifest, write_manifest
from pipelines.params import load_presets
from pipelines.report import report
from pipelines.report_page import number, render
from records.canonical import canonical

Build = Callable[..., Path]

REFUSED = {"findings_micro_f1": 0.31, "iou_norm_0.1": None, "mean_mask.iou_norm_0.1": None, "pointing_game": None}


class Page(HTMLParser):
    """The page's text, its links, and a check that what is opened is closed."""

    VOID = ("meta", "img", "br", "line", "circle", "path")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.tags: set[str] = set()
        self.words: list[str] = []
        self.feed(html)
        assert self.open == []
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)


def written(root: Path) -> tuple[dict[str, Any], Page]:
    assert main(["gate"]) == 0
    assert main(["report"]) == 0
    return read(root)


def read(root: Path) -> tuple[dict[str, Any], Page]:
    return json.loads((root / "report" / "report.json").read_text()), Page((root / "report" / "index.html").read_text())


def test_a_passed_model_is_reported_with_the_stages_own_figures(passed_run: Path) -> None:
    content, page = read(passed_run)
    measured = json.loads((passed_run / "metrics" / "evaluate.json").read_text())
    assert content["figures"]["evaluate"] == measured
    shown = {row["figure"]: row for section in ("text", "findings") for row in content["results"][section]}
    assert shown["bleu_4"] == {
        "figure": "bleu_4",
        "says": "runs of four words: how alike the wording is",
        "value": measured["bleu_4"],
        "low": measured["bleu_4.low"],
        "high": measured["bleu_4.high"],
        "matched": None,
        "teacher_forced": None,
        "constant": measured["constant.bleu_4"],
        "nearest": measured["nearest.bleu_4"],
        "shuffled": measured["shuffled.bleu_4"],
        "mean_mask": None,
    }
    assert content["verdict"] == json.loads((passed_run / "verdict.json").read_text())
    assert "All 19 criteria of the policy hold" in page.text
    assert "map max difference fp16 PASS 3e-07 fp32 PASS 3e-07 int8 PASS 3e-07" in page.text
    assert "Pleural Effusion 3 1 0 0.750 1.000 0.857 3 0.560 1.000 5.500" in page.text
    assert "In no reference and no draft: Fracture." in page.text
    for said in ("0.610", "0.550 to 0.660", "mimic_cxr-0a1b2c3d", "not measured", "grounding beats the mean mask"):
        assert said.lower() in page.text.lower()


def test_faithfulness_and_confidence_are_shown_with_the_curve_that_they_are_judged_by(passed_run: Path) -> None:
    content, page = read(passed_run)
    assert [row["value"] for row in content["faithfulness"]] == [6.2, 0.93, 0.15]
    assert [row["observed"] for row in content["confidence"]["reliability"]] == [0.25, None, 0.83]
    assert "Do the words rest on what they point at?" in page.text
    assert "Confidence that a draft needs no correction" in page.text
    assert "Score of a sentence that states a finding" not in page.text  # none was drafted


def test_a_refused_model_gets_its_report_with_the_reasons_on_top(finished_run: Build) -> None:
    content, page = written(finished_run(**REFUSED))
    assert content["verdict"]["passed"] is False
    top, rest = page.text.split("INCONCLUSIVE: the test split cannot tell.")
    assert "findings_micro_f1 0.31, 95 % interval 0.305 to 0.315, lies nowhere above 0.4" in top
    assert "grounding IoU was not measured: no sentence of the test split has a region" in top
    judged = re.findall(r"\b(?:PASS|FAIL|INCONCLUSIVE)\b", rest.partition("Where the run departs")[0])
    assert judged == [criterion["outcome"] for criterion in content["verdict"]["criteria"]]
    assert "Not measured: no sentence of the test split has a region." in page.text
    assert content["limits"][1].startswith("Grounding was not measured")


def test_the_page_needs_nothing_but_itself(passed_run: Path) -> None:
    _, page = read(passed_run)
    pictures = [address for address in page.addresses if address.startswith("data:image/webp;base64,")]
    assert len(pictures) == 5
    assert {address[0] for address in page.addresses if address not in pictures} == {"#"}
    assert not page.tags & {"script", "link", "iframe", "object"}


def test_the_json_is_canonical_and_names_each_file_by_its_hash(passed_run: Path) -> None:
    content, _ = read(passed_run)
    text = (passed_run / "report" / "report.json").read_text()
    assert text == canonical(json.loads(text))
    assert [e["picture"] for e in content["examples"]] == [f"pictures/draft_{i}.png" for i in range(1, 6)]
    beside = {path.relative_to(passed_run / "report").as_posix() for path in (passed_run / "report").rglob("*.*")}
    assert set(content["files"]) == beside - {"report.json", "index.html"}
    for file, digest in content["files"].items():
        assert digest == sha256((passed_run / "report" / file).read_bytes()).hexdigest()
    assert Image.open(passed_run / "report" / "pictures" / "draft_1.png").width == 1400


def test_the_shown_drafts_are_a_rich_one_a_normal_one_and_the_worst(passed_run: Path) -> None:
    content, page = read(passed_run)
    first = content["examples"][:3]
    assert [(e["study_id"], e["kind"]) for e in first] == [
        ("s1", Kind.FINDINGS.value),
        ("s2", Kind.NORMAL.value),
        ("s3", Kind.ERRORS.value),
    ]
    assert first[2]["missed"] == ["right pleural effusion"]
    assert first[2]["invented"] == ["left lung lesion"]
    assert "missed: right pleural effusion" in page.text


def test_provenance_names_data_policy_commit_lock_seed_and_machine(finished_run: Build) -> None:
    root = finished_run()
    (root / "requirements.lock").write_text("numpy==2\n")
    found = provenance_section(root, load_presets(), open_artefact(root / "exported"))
    assert found["data_md5"] == "d" * 32 + ".dir"
    assert found["policy_sha256"] == sha256((root / "policy" / "gate.yaml").read_bytes()).hexdigest()
    assert found["lock_sha256"] == sha256(b"numpy==2\n").hexdigest()
    written = yaml.safe_load((root / "params.yaml").read_text())
    assert found["preset"] == written["preset"]
    assert found["seeds"] == {"train": written["presets"][written["preset"]]["train"]["seed"]}
    assert found["outputs"] == {"trained": "abc"}
    assert {"python", "torch", "numpy"} <= set(found["libraries"])
    assert found["hardware"]["cores"] >= 1


def test_the_splits_are_counted_and_a_patient_in_two_of_them_is_shown(finished_run: Build) -> None:
    root = finished_run()
    rows = read_manifest(root / "data").to_pylist()
    next(row for row in rows if row["study_id"] == "t1")["patient_id"] = f"{0:064x}"
    write_manifest(root / "data", SCHEMA.empty_table().from_pylist(rows, SCHEMA))
    data = data_section(root)
    assert data["splits"] == [
        {"split": "train", "studies": 1, "patients": 1},
        {"split": "validate", "studies": 1, "patients": 1},
        {"split": "test", "studies": 5, "patients": 5},
    ]
    assert [pair["patients"] for pair in data["shared_patients"]] == [0, 1, 0]
    assert data["excluded"] == {"corrupt": 2, "image … is missing": 1}


def test_the_warnings_on_the_data_are_carried_with_their_reasons(passed_run: Path) -> None:
    content, page = read(passed_run)
    validation = content["data"]["validation"]
    assert (validation["n_expectations"], validation["n_held"], validation["n_not_measured"]) == (3, 1, 1)
    assert [broken["name"] for broken in validation["broken"]] == ["site known"]
    data = page.text.split("Identity and provenance")[0].rsplit("Validation", 1)[1]
    assert "1 of 3 expectations of policy/data.yaml hold, 1 had nothing to measure, and 1 warns:" in data
    assert "Site known : missing in 4 of 7 studies (57.1 %). A subgroup that nobody knows cannot be audited." in data


def test_no_patient_is_named(passed_run: Path) -> None:
    patients = read_manifest(passed_run / "data").column("patient_id").to_pylist()
    for name in ("report.json", "index.html"):
        text = (passed_run / "report" / name).read_text()
        assert not [patient for patient in patients if patient in text]


def test_what_others_wrote_is_escaped(passed_run: Path) -> None:
    content, _ = read(passed_run)
    content["verdict"]["criteria"][0] |= {"name": "<script>alert(1)</script>", "because": "<b>bold</b>"}
    content["examples"][0] |= {"study_id": "<i>7</i>", "missed": ["<u>this</u>"]}
    page = Page(render(content, passed_run / "report"))
    assert not page.tags & {"script", "b", "i", "u"}
    assert "<b>bold</b>" in page.text
    assert "<u>this</u>" in page.text


def test_a_second_report_replaces_the_first(passed_run: Path, tmp_path: Path) -> None:
    root = tmp_path / "run"
    shutil.copytree(passed_run, root)
    (root / "report" / "pictures" / "draft_9.png").write_bytes(b"of an earlier run")
    report(root)
    assert sorted(p.name for p in (root / "report" / "pictures").iterdir()) == [f"draft_{i}.png" for i in range(1, 6)]


@pytest.mark.parametrize(
    ("missing", "way_out"),
    [
        ("metrics/parity.json", "run radassist parity first"),
        ("verdict.json", "run `radassist gate` first"),
        ("validation/results.json", "run radassist validate first"),
        ("evaluation/drafts.jsonl", "run `radassist evaluate` first"),
        ("exported/manifest.json", "point at the output of train or export"),
    ],
)
def test_a_stage_that_has_not_run_is_named(
    finished_run: Build, missing: str, way_out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    root = finished_run()
    main(["gate"])
    (root / missing).unlink()
    capsys.readouterr()
    assert main(["report"]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("radassist report:")
    assert way_out in last


def test_without_a_history_no_curve_is_drawn(passed_run: Path) -> None:
    content, _ = read(passed_run)
    content["training"]["history"] = []
    assert "No epoch was recorded." in Page(render(content, passed_run / "report")).text


FINDINGS = [("Pleural Effusion", "right"), ("Cardiomegaly", None), ("Lung Lesion", "left")]
stated = st.frozensets(st.sampled_from(FINDINGS))
drafts = st.lists(
    st.builds(Drafted, st.text("abc123", min_size=1), stated, stated, st.floats(0, 1)),
    max_size=20,
    unique_by=lambda d: d.study_id,
)


@given(drafts, st.randoms())
def test_the_choice_of_drafts_is_by_rule_and_each_is_shown_once(given_drafts: list[Drafted], random: Any) -> None:
    chosen = choose(given_drafts)
    shuffled = list(given_drafts)
    random.shuffle(shuffled)
    assert choose(shuffled) == chosen
    ids = [d.study_id for _, d in chosen]
    assert len(set(ids)) == len(ids) == min(6, len(given_drafts))
    by_kind = dict(chosen)
    if any(d.errors for d in given_drafts):
        assert by_kind[Kind.ERRORS].errors == max(d.errors for d in given_drafts)
    if Kind.FINDINGS in by_kind:
        assert by_kind[Kind.FINDINGS].true == by_kind[Kind.FINDINGS].said != frozenset()
    if Kind.NORMAL in by_kind:
        assert by_kind[Kind.NORMAL].true == by_kind[Kind.NORMAL].said == frozenset()


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(1, 10))
def test_ticks_are_few_round_and_within(low: float, span: float, most: int) -> None:
    found = ticks(low, low + span, most)
    assert len(found) <= most + 1
    assert all(low - span * 1e-6 <= tick <= low + span * (1 + 1e-6) for tick in found)


def test_a_chart_leaves_a_gap_where_nothing_was_measured() -> None:
    chart = line_chart([1, 2, 3, 4, 5], {"train": [3.0, 2.0, None, 1.0, float("nan")]})
    (line,) = re.findall(r'class="line line-0" d="([^"]*)"', chart)
    assert line.count("M") == 2
    assert "nan" not in chart
    assert line_chart([1, 2], {"train": [None, None]}) == ""


def test_a_strip_shows_only_figures_between_0_and_1() -> None:
    assert 'class="value" cx="90.0"' in strip(0.5, 0.4, 0.6, 0.3)
    assert strip(60, None, None, 29) == ""
    assert strip(None, None, None, None) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (1, "1"),
        (1234, "1,234"),
        (1.0, "1.000"),
        (0.61, "0.610"),
        (0.0, "0.000"),
        (6.0, "6"),
    ],
)
def test_numbers_read_as_a_person_writes_them(value: float | None, text: str) -> None:
    assert number(value) == text
