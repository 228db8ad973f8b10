"""Stage report: the validation report of a run, refused or not.

report/index.html       one file, pictures within, to be read or printed
report/report.json      the same content in canonical JSON: what is hashed and signed; it names the files below by hash
report/model_card.html  the Applied Model Card, to be read; model_card.xml for a registry of them
report/pictures/        the drafts and errors that the report shows
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from model.artefact import Artefact, open_artefact, sha256_of
from model.drawing import draw_report
from model.pixels import Geometry, to_display
from model.report import GroundedReport
from pipelines.evidence import Content
from pipelines.evidence.errors import errors_section
from pipelines.evidence.gathering import gather
from pipelines.evidence.model_card import as_xml
from pipelines.examples import Drafted, Kind, choose, read_drafts, report_text, summary
from pipelines.gate import VERDICT, load_verdict
from pipelines.manifest import read_manifest
from pipelines.params import load_presets
from pipelines.progress import track
from pipelines.report_page import render, render_card
from pipelines.shards import first_image
from records.canonical import canonical

CONTENT, PAGE = "report.json", "index.html"


def report(root: Path = Path()) -> Content:
    """Write `report/` for the run that finished in `root`, and return its content.

    Raises:
        BadInput: a stage before this one has not run, or left something that does not fit.
    """
    artefact = open_artefact(root / "exported")
    presets = load_presets(root / "params.yaml")
    out = root / "report"
    shutil.rmtree(out, ignore_errors=True)
    (out / "pictures").mkdir(parents=True)
    examples, errors = draw_examples(root, artefact, out), errors_section(root / "errors", out / "pictures")
    content = gather(root, artefact, asdict(load_verdict(root / VERDICT)), presets, examples, errors)
    (out / "model_card.html").write_text(render_card(content), encoding="utf-8")
    (out / "model_card.xml").write_text(as_xml(content["model_card"]), encoding="utf-8")
    beside = sorted(path for path in out.rglob("*") if path.is_file())
    content["files"] = {path.relative_to(out).as_posix(): sha256_of(path) for path in beside}
    text = canonical(content)
    (out / CONTENT).write_text(text, encoding="utf-8")
    (out / PAGE).write_text(render(json.loads(text), out), encoding="utf-8")
    return content


def draw_examples(root: Path, artefact: Artefact, out: Path) -> list[Content]:
    """Choose drafts of the test split, draw them into `out`/pictures and describe them."""
    drafts = root / "evaluation" / "drafts.jsonl"
    chosen = choose([summary(line) for line in read_drafts(drafts)])
    wanted = {drafted.study_id for _, drafted in chosen}
    lines = {line["study_id"]: line for line in read_drafts(drafts) if line["study_id"] in wanted}
    table = read_manifest(root / "data")
    stored = table.filter(pc.field("study_id").isin(list(wanted))).select(["study_id", "shard", "images"])
    rows = {row["study_id"]: row for row in stored.to_pylist()}
    described = []
    for index, (kind, drafted) in enumerate(track(chosen, "pictures"), start=1):
        line, picture = lines[drafted.study_id], Path("pictures") / f"draft_{index}.png"
        image = to_display(first_image(root / "data", rows[drafted.study_id]))
        geometry = Geometry.fit(image.shape[1], image.shape[0], artefact.config["size"])
        drawn = draw_report(image, GroundedReport.from_json(line["draft"]), geometry, report_text(line["reference"]))
        drawn.save(out / picture)
        described.append(describe(kind, drafted, line, picture))
    return described


def describe(kind: Kind, drafted: Drafted, line: Mapping[str, Any], picture: Path) -> Content:
    """One shown draft: words, figures, and the findings that it missed or made up."""

    def named(findings: frozenset[tuple[str, str | None]]) -> list[str]:
        return sorted(f"{side or ''} {name}".strip().lower() for name, side in findings)

    return {
        "study_id": drafted.study_id,
        "kind": kind.value,
        "picture": picture.as_posix(),
        "draft": {section: line["draft"][section] for section in ("findings", "impression")},
        "reference": {section: line["reference"][section] for section in ("findings", "impression")},
        "missed": named(drafted.true - drafted.said),
        "invented": named(drafted.said - drafted.true),
        "figures": line["figures"],
    }
