"""The pages of a validation report, drawn from its content alone: what it says, and how it looks, are told apart."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from pipelines import charts
from pipelines.evidence import Content
from pipelines.evidence.figures import BASELINES, BESIDE
from pipelines.evidence.subgroups import by_group
from pipelines.pages import inlined, page_environment
from records.canonical import canonical, sha256

FINDING_COLUMNS = {
    "true_positives": "found",
    "false_positives": "invented",
    "false_negatives": "missed",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "statements": "statements with a region",
    "iou_norm_0.1": "grounding IoU",
    "pointing_game": "pointing game",
    "occlusion_ratio": "occlusion ratio",
}


def render(content: Content, folder: Path) -> str:
    """The page, self-contained, of the content that report.json holds; the pictures are read from `folder`."""
    environment = _environment()
    environment.filters["inlined"] = lambda path: inlined(folder / path)
    return environment.get_template("report/page.html.j2").render(
        **content,
        sha256=sha256(canonical(content)),
        baselines=BASELINES,
        beside=BESIDE,
        finding_columns=FINDING_COLUMNS,
        groups=by_group(content["subgroups"]["rows"]),
        curves=curves(content["training"]["history"]),
        reliabilities=reliabilities(content["confidence"]["reliability"]),
    )


def render_card(content: Content) -> str:
    """The model card as a page of its own."""
    template = _environment().get_template("report/card.html.j2")
    return template.render(card=content["model_card"], created=content["created"])


def _environment() -> Environment:
    environment = page_environment()
    environment.filters["number"] = number
    environment.globals["strip"] = lambda *figures: Markup(charts.strip(*figures))  # noqa: S704 - numbers alone go in
    return environment


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
    return f"{value:,.0f}" if isinstance(value, int) or (value.is_integer() and abs(value) > 1) else f"{value:,.3f}"
