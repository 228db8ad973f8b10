"""The whole content of a validation report."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from model.artefact import Artefact
from pipelines.evidence import NOT_MEASURED, SCHEMA, Content
from pipelines.evidence.data import data_section
from pipelines.evidence.figures import CONFIDENCE, EDITS, FAITHFULNESS, FINDINGS, GROUNDING, TEXT, history, rows, table
from pipelines.evidence.identity import identity, policy_section, provenance_section
from pipelines.evidence.limits import deviations, limits
from pipelines.evidence.model_card import model_card
from pipelines.evidence.parity import parity_section
from pipelines.evidence.subgroups import subgroups_section
from pipelines.metrics import read_metrics
from pipelines.params import Presets


def gather(
    root: Path,
    artefact: Artefact,
    verdict: Mapping[str, object],
    presets: Presets,
    examples: list[Content],
    errors: Content,
) -> Content:
    """The content of the report on the run that finished in `root`.

    Args:
        artefact: the exported model.
        verdict: what `verdict.json` says, see `pipelines.gate.verdict`.
        examples: the drafts that are shown, see `pipelines.report`.
        errors: see `pipelines.evidence.errors`.

    Raises:
        BadInput: the data set, its validation or a stage's figures are missing.
    """
    figures = read_metrics("evaluate", root / "metrics")
    content = {
        "schema": SCHEMA,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "identity": identity(root, artefact),
        "verdict": verdict,
        "policy": policy_section(root, verdict, artefact),
        "data": data_section(root),
        "provenance": provenance_section(root, presets, artefact),
        "results": {
            "n_studies": figures.get("n_studies"),
            "n_patients": figures.get("n_patients"),
            "text": rows(figures, TEXT),
            "findings": rows(figures, FINDINGS),
            "edits": rows(figures, EDITS),
            "per_finding": table(root / "evaluation" / "per_finding.parquet"),
        },
        "subgroups": subgroups_section(root),
        "grounding": rows(figures, GROUNDING),
        "faithfulness": rows(figures, FAITHFULNESS),
        "confidence": {
            "figures": rows(figures, CONFIDENCE),
            "reliability": table(root / "evaluation" / "reliability.parquet"),
        },
        "errors": errors,
        "parity": parity_section(root),
        "rollout": {"shadow": NOT_MEASURED, "canary": NOT_MEASURED},
        "training": {"figures": read_metrics("train", root / "metrics"), "history": history(root)},
        "examples": examples,
        "figures": {
            path.stem: read_metrics(path.stem, path.parent) for path in sorted((root / "metrics").glob("*.json"))
        },
    }
    content["limits"] = limits(content)
    content["deviations"] = deviations(content)
    content["model_card"] = model_card(content)
    return content
