"""The gate's verdict as the report holds it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.evidence import Content


def decision(path: Path) -> Content:
    """What `verdict.json` says, with PASS or FAIL spelt out where it tells only whether a criterion passed."""
    verdict: Content = json.loads(path.read_text())
    criteria = [{"outcome": outcome(c), "waiver": None, **c} for c in verdict["criteria"]]
    return {
        "outcome": outcome(verdict),
        "needs_signature": [],
        "deviations": [],
        "test_set": None,
        **verdict,
        "criteria": criteria,
    }


def outcome(judged: Mapping[str, Any]) -> str:
    return str(judged.get("outcome") or ("PASS" if judged["passed"] else "FAIL"))
