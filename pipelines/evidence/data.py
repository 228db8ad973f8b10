"""The data set behind a model: its splits, what was kept out, and what its validation found."""

import json
import re
from collections import Counter
from itertools import combinations
from pathlib import Path

import pyarrow.parquet as pq

from model.errors import BadInput
from pipelines.evidence import Content
from pipelines.manifest import read_manifest
from pipelines.metrics import read_metrics
from pipelines.validation.judge import Outcome


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
