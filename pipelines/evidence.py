"""What a validation report says, gathered from a finished workspace as one plain structure.

The structure is written as canonical JSON, which is what is hashed and signed; the page is drawn from it and from
nothing else. What was not measured is said to be so.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from model.artefact import Artefact
from model.errors import BadInput
from pipelines.checkout import is_dirty, locked_outputs, run_of_branch
from pipelines.gate import Verdict
from pipelines.git import ask
from pipelines.machine import hardware, library_versions
from pipelines.manifest import read_manifest
from pipelines.metrics import read_metrics
from pipelines.params import Presets
from pipelines.provenance import provenance
from pipelines.validation.judge import Outcome

SCHEMA = "radassist.validation-report/1"
MODEL_NAME = "radassist-reporter"
NOT_MEASURED = "not measured yet"

INTENDED_USE = (
    "Drafts the findings and impression of a frontal chest radiograph, each sentence with the image region that it "
    "rests on, for a radiologist to read, correct and sign. Not for use without one, nor for any other examination."
)
TEXT = ("bleu_1", "bleu_2", "bleu_3", "bleu_4", "meteor_exact_stem", "rouge_l", "rouge_l_f1", "cider")
FINDINGS = (
    "findings_micro_f1",
    "findings_macro_f1",
    "findings_micro_f1_5",
    "findings_micro_f1_u1",
    "findings_example_f1",
)
GROUNDING = (
    "statements_found",
    "iou_norm_0.1",
    "iou_abs_0.1",
    "iou_ceiling",
    "miou",
    "miou_image_free",
    "miou_varying",
    "miou_image_free_varying",
    "pointing_game",
    "mass_in_mask",
    "cnr",
    "grounded_share",
    "withheld_share",
    "anatomy.pointing_game",
    "anatomy.miou",
)
FAITHFULNESS = ("occlusion_ratio", "occlusion.fall_grounded", "occlusion.fall_random")
CONFIDENCE = ("needs_no_correction", "confidence.brier", "grounding_score.brier")
BASELINES = {
    "constant": "the best one report for everybody",
    "shuffled": "this model's drafts, dealt out among the studies",
    "mean_mask": "the mean training mask of the same statement",
}
BESIDE = {
    "matched": "only the statements that the draft did make",
    "teacher_forced": "the reference's own sentences, as the model reads them",
    **BASELINES,
}

Content = dict[str, Any]


def gather(root: Path, artefact: Artefact, verdict: Verdict, presets: Presets, examples: list[Content]) -> Content:
    """The content of the report on the run that finished in `root`.

    Args:
        artefact: the exported model.
        examples: the drafts that are shown, see `pipelines.report`.

    Raises:
        BadInput: the data set, its validation or a stage's figures are missing.
    """
    figures = read_metrics("evaluate", root / "metrics")
    return {
        "schema": SCHEMA,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "identity": identity(root, artefact),
        "verdict": asdict(verdict),
        "policy": {
            "path": verdict.policy,
            "sha256": verdict.policy_sha256,
            "committed": ask(root, "log", "-1", "--format=%H %cI", "--", verdict.policy or "") or None,
        },
        "data": data_section(root),
        "provenance": provenance_section(root, presets),
        "results": {
            "n_studies": figures.get("n_studies"),
            "n_patients": figures.get("n_patients"),
            "text": rows(figures, TEXT),
            "findings": rows(figures, FINDINGS),
            "per_finding": per_finding(root),
        },
        "subgroups": {"by": ["age", "sex", "race_ethnicity", "site", "view", "device"], "status": NOT_MEASURED},
        "grounding": rows(figures, GROUNDING),
        "faithfulness": rows(figures, FAITHFULNESS),
        "confidence": {"figures": rows(figures, CONFIDENCE), "reliability": reliability(root)},
        "parity": {"figures": read_metrics("parity", root / "metrics"), "latency": NOT_MEASURED},
        "rollout": {"shadow": NOT_MEASURED, "canary": NOT_MEASURED},
        "training": {"figures": read_metrics("train", root / "metrics"), "history": history(root)},
        "examples": examples,
        "limits": limits(figures),
        "figures": {
            path.stem: read_metrics(path.stem, path.parent) for path in sorted((root / "metrics").glob("*.json"))
        },
    }


def identity(root: Path, artefact: Artefact) -> Content:
    return {
        "model": MODEL_NAME,
        "version": artefact.version,
        "model_sha256": artefact.manifest["files"]["model.safetensors"],
        "pixels_sha256": artefact.manifest["pixels_sha256"],
        "architecture": {k: artefact.config.get(k) for k in ("architecture", "size", "grid", "encoder", "decoder")},
        "run_id": run_of_branch(root),
        "intended_use": INTENDED_USE,
        "modification": "retraining by the pipeline",
    }


def data_section(root: Path) -> Content:
    """Sizes of the splits, and the proof that no patient is in two: the patients that each pair shares."""
    table = read_manifest(root / "data").select(["split", "patient_id", "source"]).to_pydict()
    patients: dict[str, set[str]] = {}
    studies: dict[str, int] = {}
    for split, patient in zip(table["split"], table["patient_id"], strict=True):
        patients.setdefault(split, set()).add(patient)
        studies[split] = studies.get(split, 0) + 1
    order = sorted(studies, key=lambda s: ("train", "validate", "test").index(s))
    frozen = json.loads((root / "data" / "splits.json").read_text())["test"]
    return {
        "sources": sorted(set(table["source"])),
        "splits": [{"split": s, "studies": studies[s], "patients": len(patients[s])} for s in order],
        "shared_patients": [
            {"splits": [a, b], "patients": len(patients[a] & patients[b])} for a, b in combinations(order, 2)
        ],
        "test_set": {key: frozen[key] for key in ("name", "n_studies", "n_patients")},
        "test_set_uses": NOT_MEASURED,
        "excluded": excluded(root / "data" / "quarantine.parquet"),
        "validation": validation_section(root / "validation" / "results.json"),
        "prepared": read_metrics("prepare", root / "metrics"),
    }


def validation_section(results: Path) -> Content:
    """What was expected of the data set, and the warnings: expectations that it does not meet, each with its reason.

    Raises:
        BadInput: the set has not been validated.
    """
    if not results.is_file():
        raise BadInput(
            str(results), "a model is reported with the warnings on its data", "run radassist validate first"
        )
    found: Content = json.loads(results.read_text())
    outcomes = Counter(expectation["outcome"] for expectation in found["expectations"])
    return {
        "passed": found["passed"],
        "policy": found["policy"],
        "n_expectations": len(found["expectations"]),
        "n_held": outcomes[Outcome.PASSED],
        "n_not_measured": outcomes[Outcome.UNMEASURED],
        "broken": [
            {key: expectation[key] for key in ("name", "found", "because", "severity")}
            for expectation in found["expectations"]
            if expectation["outcome"] in (Outcome.WARNING, Outcome.FAILED)
        ],
    }


def excluded(quarantine: Path) -> dict[str, int]:
    """How many studies were kept out of the set, by kind of reason."""
    reasons = pq.read_table(quarantine, columns=["reason"]).column("reason") if quarantine.is_file() else []
    return dict(sorted(Counter(kind_of(str(reason)) for reason in reasons).items()))


def kind_of(reason: str) -> str:
    """The reason without what belongs to one study alone: what follows a colon, file names, ids, sizes."""
    return re.sub(r"\S*[\d/]\S*", "…", reason.partition(":")[0])


def provenance_section(root: Path, presets: Presets) -> Content:
    return {
        **provenance(root),
        "git_dirty": is_dirty(root),
        "outputs": {path: md5 for path, md5 in locked_outputs(root).items() if path != "report"},
        "preset": presets.preset,
        "seeds": {"train": presets.chosen.train.seed},
        "libraries": library_versions(),
        "hardware": hardware(),
    }


def rows(figures: Mapping[str, float | None], names: tuple[str, ...]) -> list[Content]:
    """The figures that the evaluation knows, each with its interval, its matched slice and its image-free baselines."""
    return [
        {
            "figure": name,
            "value": figures[name],
            "low": figures.get(f"{name}.low"),
            "high": figures.get(f"{name}.high"),
            **{kind: figures.get(f"{kind}.{name}") for kind in BESIDE},
        }
        for name in names
        if name in figures
    ]


def per_finding(root: Path) -> list[Content]:
    """The rows of per_finding.parquet."""
    return table(root / "evaluation" / "per_finding.parquet")


def reliability(root: Path) -> list[Content]:
    """The rows of reliability.parquet."""
    return table(root / "evaluation" / "reliability.parquet")


def table(path: Path) -> list[Content]:
    """The rows of a file that a stage left, none where it left none; what is not finite is None."""
    found: list[Content] = pq.read_table(path).to_pylist() if path.is_file() else []
    return [{k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()} for row in found]


def history(root: Path) -> list[Content]:
    path = root / "trained" / "history.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def limits(figures: Mapping[str, float | None]) -> list[str]:
    """What the reader must know before trusting the figures."""
    known = [
        "Text figures reward the wording of the references; they do not say that a draft is safe.",
        "A rule-based labeler reads the findings, in drafts and references alike: its errors are within their figures.",
        "Not measured yet: subgroups, how often this test set was used, latency, evidence from shadow and canary.",
    ]
    if figures.get("iou_norm_0.1") is None:
        known.insert(0, "Grounding was not measured: no sentence of the test split has a region.")
    if (patients := figures.get("n_patients")) is not None and patients < 100:
        known.insert(0, f"The test split has {patients:.0f} patients: the intervals are wide.")
    return known
