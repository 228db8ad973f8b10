"""The gate: the figures of a model against the policy. `decide` is pure; the command reads and writes around it.

The stage writes `verdict.json` and ends with 0 whatever the verdict, so that a refused model still gets its report;
`radassist gate --enforce` reads that verdict and ends with 3 where the model was refused.
"""

import argparse
import json
import math
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from model.errors import BadInput
from pipelines.metrics import read_metrics
from pipelines.provenance import digest
from pipelines.strict import Strict, read_yaml
from pipelines.versioning import data_md5

POLICY = Path("policy/gate.yaml")
VERDICT = Path("verdict.json")

Figures = Mapping[str, float | None]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Criterion(Strict):
    """One promise: `figure` lies strictly above a number, or above the baseline of that name by `margin`."""

    name: str = Field(min_length=1)
    figure: str = Field(min_length=1)
    above: Finite | str
    margin: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    because: str = Field(min_length=1)
    unmeasured: str | None = None


class Withhold(StrEnum):
    """What a surfaced report leaves out. Denials and normal statements are never withheld."""

    UNGROUNDED_POSITIVE = "ungrounded_positive"
    NOTHING = "nothing"


class Policy(Strict):
    """What is promised before a run. A policy without a criterion would pass anything, and is none."""

    withhold: Withhold = Withhold.UNGROUNDED_POSITIVE
    criteria: tuple[Criterion, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Judged:
    """One criterion with what was found. `value`, `low` and `high` are None where the figure or interval is unknown;
    `bound` is None where the baseline is."""

    name: str
    figure: str
    value: float | None
    low: float | None
    high: float | None
    rule: str
    bound: float | None
    baseline: str | None
    margin: float
    passed: bool
    reason: str
    because: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision and all that it rests on. The hashes are None until the command has filled them in."""

    passed: bool
    criteria: tuple[Judged, ...]
    policy: str | None = None
    policy_sha256: str | None = None
    data_md5: str | None = None
    model_sha256: str | None = None

    def __post_init__(self) -> None:
        if not self.criteria or self.passed != all(c.passed for c in self.criteria):
            raise ValueError("a verdict passes exactly when it has criteria and each of them passes")

    @property
    def failed(self) -> tuple[Judged, ...]:
        return tuple(c for c in self.criteria if not c.passed)


def finite(figures: Figures, name: str) -> float | None:
    value = figures.get(name)
    return value if value is not None and math.isfinite(value) else None


def brief(value: float | None) -> str:
    """A figure to four digits, a dash where there is none."""
    return "-" if value is None else f"{0.0 if abs(value) < 5e-5 else value:.4g}"


def why_missing(figures: Figures, name: str, unmeasured: str | None) -> str:
    if name not in figures:
        return f"there is no figure {name}"
    if figures[name] is None:
        return unmeasured or f"{name} was not measured"
    return f"{name} is {figures[name]}, not a finite number"


def judge(criterion: Criterion, figures: Figures) -> Judged:
    """One criterion against the figures. What is missing, null or not finite fails, and says so."""
    value = finite(figures, criterion.figure)
    baseline = criterion.above if isinstance(criterion.above, str) else None
    against = criterion.above if isinstance(criterion.above, float) else finite(figures, criterion.above)
    bound = None if against is None else against + criterion.margin
    passed = value is not None and bound is not None and value > bound
    if value is None:
        reason = why_missing(figures, criterion.figure, criterion.unmeasured)
    elif bound is None:
        reason = f"the baseline is missing: {why_missing(figures, str(baseline), None)}"
    else:
        margin = f" plus {criterion.margin:g}" if criterion.margin else ""
        origin = f" ({baseline}{margin})" if baseline else ""
        reason = f"{criterion.figure} {brief(value)} is {'above' if passed else 'not above'} {brief(bound)}{origin}"
    return Judged(
        name=criterion.name,
        figure=criterion.figure,
        value=value,
        low=finite(figures, f"{criterion.figure}.low"),
        high=finite(figures, f"{criterion.figure}.high"),
        rule=">",
        bound=bound,
        baseline=baseline,
        margin=criterion.margin,
        passed=passed,
        reason=reason,
        because=criterion.because,
    )


def decide(policy: Policy, figures: Figures) -> Verdict:
    """The verdict of `policy` on `figures`, criterion by criterion in the policy's order."""
    criteria = tuple(judge(criterion, figures) for criterion in policy.criteria)
    return Verdict(all(c.passed for c in criteria), criteria)


def load_policy(path: Path) -> Policy:
    """Read and check a policy.

    Raises:
        BadInput: no such file, an unknown or missing key, a name used twice, or no criterion at all.
    """
    if not path.is_file():
        raise BadInput(f"policy {path}", "the gate needs a policy file", "pass --policy FILE")
    policy = read_yaml(path, Policy, f"policy {path}")
    names = [criterion.name for criterion in policy.criteria]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise BadInput(f"policy {path} criterion {twice!r}", "a name stands for one criterion", "rename one of the two")
    return policy


def load_verdict(path: Path = VERDICT) -> Verdict:
    """Read a verdict back.

    Raises:
        BadInput: no such file, or one that no gate wrote (a pass with a failed criterion, a missing field).
    """
    if not path.is_file():
        raise BadInput(f"verdict {path}", "there is no verdict yet", "run `radassist gate` first")
    try:
        return TypeAdapter(Verdict).validate_json(path.read_bytes(), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadInput(f"verdict {path} {where}", first["msg"], "run `radassist gate` again") from error


def table(verdict: Verdict) -> str:
    """The verdict as a person reads it in a terminal, one criterion a line."""
    rows = []
    for c in verdict.criteria:
        interval = "" if c.low is None or c.high is None else f"[{c.low:.3f}, {c.high:.3f}]"
        rows.append(
            (
                "PASS" if c.passed else "FAIL",
                c.name,
                brief(c.value),
                interval,
                f"{c.rule} {brief(c.bound)}",
                c.figure if c.passed else c.reason,
            )
        )
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    lines = ["  ".join((*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[5])) for row in rows]
    refused = f"REFUSED: {len(verdict.failed)} of {len(verdict.criteria)} criteria failed"
    head = f"PASSED: all {len(verdict.criteria)} criteria hold" if verdict.passed else refused
    return "\n".join([head, *lines])


def weights_sha256(folder: Path) -> str | None:
    """What the manifest of a model folder says of its weights; None where there is no model."""
    path = folder / "manifest.json"
    return str(json.loads(path.read_text())["files"]["model.safetensors"]) if path.is_file() else None


def gate(root: Path = Path(), policy: Path = POLICY) -> Verdict:
    """Hold `metrics/evaluate.json` under `root` against `policy`, and write `verdict.json` there."""
    decided = decide(load_policy(root / policy), read_metrics("evaluate", root / "metrics"))
    verdict = Verdict(
        passed=decided.passed,
        criteria=decided.criteria,
        policy=policy.as_posix(),
        policy_sha256=digest(root / policy),
        data_md5=data_md5(root),
        model_sha256=weights_sha256(root / "trained"),
    )
    (root / VERDICT).write_text(json.dumps(asdict(verdict), indent=2, allow_nan=False) + "\n")
    return verdict


def enforce(verdict: Verdict) -> int:
    """0 for a model that passed; 3 for a refused one, with a line on standard error for each failed criterion."""
    for c in verdict.failed:
        print(f"radassist gate: refused: {c.name}: {c.reason}", file=sys.stderr)
    return 0 if verdict.passed else 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--policy", type=Path, default=POLICY, metavar="FILE", help=f"the policy (default {POLICY})")
    parser.add_argument(
        "--enforce",
        action="store_true",
        help="decide nothing: read verdict.json, end with 3 where the model was refused",
    )


def main(args: argparse.Namespace) -> int:
    if args.enforce:
        return enforce(load_verdict())
    print(table(gate(policy=args.policy)))
    return 0
