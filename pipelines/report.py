"""Stage report: the validation report of a run, refused or not.

report/index.html      one file, pictures within, to be read or printed
report/report.json     the same content in canonical JSON: what is hashed and signed
report/pictures/       the drafts that the report shows, draft_1.png and on
"""

import base64
import io
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from markupsafe import Markup
from PIL import Image

from model.artefact import Artefact, open_artefact
from model.drawing import draw_report
from model.pixels import Geometry, to_display
from model.report import GroundedReport
from pipelines import charts
from pipelines.evidence import BASELINES, BESIDE, Content, gather
from pipelines.examples import Drafted, Kind, choose, read_drafts, summary
from pipelines.gate import VERDICT, load_verdict
from pipelines.manifest import read_manifest
from pipelines.pages import page_environment
from pipelines.params import load_presets
from pipelines.progress import track
from pipelines.provenance import digest
from pipelines.shards import read_member
from records.canonical import canonical, sha256

INLINE_QUALITY = 88
FINDING_COLUMNS = (
    "observation",
    "true_positives",
    "false_positives",
    "false_negatives",
    "precision",
    "recall",
    "f1",
    "statements",
    "iou_norm_0.1",
    "pointing_game",
    "occlusion_ratio",
)


def report(root: Path = Path()) -> Content:
    """Write `report/` for the run that finished in `root`, and return its content.

    Raises:
        BadInput: a stage before this one has not run, or left something that does not fit.
    """
    artefact = open_artefact(root / "exported")
    verdict = load_verdict(root / VERDICT)
    presets = load_presets(root / "params.yaml")
    out = root / "report"
    shutil.rmtree(out, ignore_errors=True)
    (out / "pictures").mkdir(parents=True)
    content = gather(root, artefact, verdict, presets, draw_examples(root, artefact, out))
    text = canonical(content)
    (out / "report.json").write_text(text, encoding="utf-8")
    (out / "index.html").write_text(render(json.loads(text), out), encoding="utf-8")
    return content


def draw_examples(root: Path, artefact: Artefact, out: Path) -> list[Content]:
    """Choose drafts of the test split, draw them into `out`/pictures and describe them."""
    drafts = root / "evaluation" / "drafts.jsonl"
    chosen = choose([summary(line) for line in read_drafts(drafts)])
    wanted = {drafted.study_id for _, drafted in chosen}
    lines = {line["study_id"]: line for line in read_drafts(drafts) if line["study_id"] in wanted}
    table = read_manifest(root / "data")
    rows = table.filter(pc.field("study_id").isin(list(wanted))).select(["study_id", "shard", "images"]).to_pylist()
    stored = {row["study_id"]: (row["shard"], row["images"][0]["member"]) for row in rows}
    described = []
    for index, (kind, drafted) in enumerate(track(chosen, "pictures"), start=1):
        line, picture = lines[drafted.study_id], Path("pictures") / f"draft_{index}.png"
        image = to_display(read_member(root / "data", *stored[drafted.study_id]))
        reference = " ".join(line["reference"][s] for s in ("findings", "impression") if line["reference"][s])
        geometry = Geometry.fit(image.shape[1], image.shape[0], artefact.config["size"])
        draw_report(image, GroundedReport.from_json(line["draft"]), geometry, reference).save(out / picture)
        described.append(describe(kind, drafted, line, picture, digest(out / picture)))
    return described


def describe(kind: Kind, drafted: Drafted, line: Mapping[str, Any], picture: Path, sha256: str | None) -> Content:
    """One shown draft: words, figures, and the findings that it missed or made up."""

    def named(findings: frozenset[tuple[str, str | None]]) -> list[str]:
        return sorted(f"{side or ''} {name}".strip().lower() for name, side in findings)

    return {
        "study_id": drafted.study_id,
        "kind": kind.value,
        "picture": picture.as_posix(),
        "picture_sha256": sha256,
        "draft": {section: line["draft"][section] for section in ("findings", "impression")},
        "reference": {section: line["reference"][section] for section in ("findings", "impression")},
        "missed": named(drafted.true - drafted.said),
        "invented": named(drafted.said - drafted.true),
        "figures": line["figures"],
    }


def render(content: Content, folder: Path) -> str:
    """The page, self-contained, of the content that report.json holds; the pictures are read from `folder`."""
    environment = page_environment()
    environment.filters |= {"number": number, "inlined": lambda path: inlined(folder / path)}
    return environment.get_template("report.html.j2").render(
        **content,
        sha256=sha256(canonical(content)),
        baselines=BASELINES,
        beside=BESIDE,
        finding_columns=FINDING_COLUMNS,
        curves=curves(content["training"]["history"]),
        reliabilities=reliabilities(content["confidence"]["reliability"]),
        strip=lambda *figures: Markup(charts.strip(*figures)),  # noqa: S704 - numbers alone go in
    )


def curves(history: Sequence[Mapping[str, float | None]]) -> dict[str, Markup]:
    """Charts of the training by title; empty where no epoch was recorded."""
    if not history:
        return {}
    wanted = {
        "Loss": {"train": "train_loss", "validate": "validate_loss"},
        "Words: cross-entropy": {"train": "train_ce", "validate": "validate_ce"},
        "Grounding: divergence from the masks": {"train": "train_ground", "validate": "validate_ground"},
        "Attention entropy": {"validate": "attention_entropy"},
    }
    epochs = [line["epoch"] or 0.0 for line in history]
    drawn = {
        title: charts.line_chart(epochs, {name: [line.get(key) for line in history] for name, key in lines.items()})
        for title, lines in wanted.items()
    }
    return {title: Markup(chart) for title, chart in drawn.items() if chart}  # noqa: S704 - numbers alone go in


RELIABILITIES = {
    "confidence": "Confidence that a draft needs no correction",
    "grounding_score": "Score of a sentence that states a finding",
}


def reliabilities(rows: Sequence[Mapping[str, Any]]) -> dict[str, Markup]:
    """Reliability curves by title: what was right against what was predicted, beside the diagonal."""
    drawn = {}
    for name, title in RELIABILITIES.items():
        bins = [row for row in rows if row["of"] == name and row["n"]]
        predicted = [row["predicted"] for row in bins]
        lines = {"right": [row["observed"] for row in bins], "predicted": predicted}
        drawn[title] = Markup(charts.line_chart(predicted, lines) if bins else "")  # noqa: S704 - numbers alone go in
    return {title: chart for title, chart in drawn.items() if chart}


def number(value: float | None) -> str:
    """A figure for reading: a dash where there is none, counts whole, the rest to three decimals."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if isinstance(value, int) or (value.is_integer() and abs(value) > 1) else f"{value:.3f}"


def inlined(path: Path) -> str:
    """A picture as a data URL: WebP, a tenth of the PNG that lies beside the page."""
    buffer = io.BytesIO()
    Image.open(path).save(buffer, "WEBP", quality=INLINE_QUALITY, method=4)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
