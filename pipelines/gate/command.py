"""The command: reads policy, waivers and figures, has every criterion judged, writes the verdict and shows it."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from model.errors import BadInput
from pipelines.checkout import records_url
from pipelines.gate.champion import FOLDER as CHAMPION
from pipelines.gate.champion import read_champion
from pipelines.gate.judge import Evidence, brief, judge
from pipelines.gate.policy import POLICY, STANDS, Policy, load_policy
from pipelines.gate.subgroups import SUBGROUPS, Subgroup, judge_subgroups, read_subgroups
from pipelines.gate.verdict import (
    VERDICT,
    HeldOut,
    Judged,
    Outcome,
    Verdict,
    Waived,
    conclusion,
    load_verdict,
    refusals,
)
from pipelines.gate.waivers import WAIVERS, Waiver, load_waivers
from pipelines.provenance import digest
from pipelines.statistics import FILE as STATISTICS
from pipelines.statistics import read_statistics
from pipelines.versioning import data_md5
from records.canonical import canonical, sha256
from records.database import open_database, writing
from records.uses import enter_use


def gate(root: Path = Path(), policy: Path = POLICY) -> Verdict:
    """Hold the model that was trained and evaluated in `root` against `policy`, and write `verdict.json` there.

    That the test split was used for this model is entered in the ledger, once.

    Raises:
        BadInput: a file is missing or has a mistake; a waiver is unknown or expired.
    """
    now = datetime.now(UTC)
    promised = load_policy(root / policy)
    waivers = load_waivers(root / WAIVERS, promised.names, now.date())
    manifest = read_json(root / "trained" / "manifest.json", "train")
    statistics = read_statistics(root / "evaluation" / STATISTICS)
    evidence = Evidence(statistics, read_champion(root / CHAMPION, statistics))
    stands = judge_policy(policy, digest(root / policy), manifest.get("policy_sha256"))
    found = (stands, *decide(promised, evidence, read_subgroups(root / SUBGROUPS)))
    criteria = tuple(waived(criterion, waivers.get(criterion.name)) for criterion in found)
    outcome, passed, needs_signature = conclusion(criteria)
    model_sha256 = str(manifest["files"]["model.safetensors"])
    verdict = Verdict(
        outcome=outcome,
        passed=passed,
        criteria=criteria,
        needs_signature=needs_signature,
        deviations=() if stands.outcome is Outcome.PASS else (stands.reason,),
        test_set=use_test_set(root, model_sha256, now),
        policy=policy.as_posix(),
        policy_sha256=digest(root / policy),
        data_md5=data_md5(root),
        model_sha256=model_sha256,
    )
    (root / VERDICT).write_text(json.dumps(asdict(verdict), indent=2, allow_nan=False) + "\n")
    return verdict


def decide(policy: Policy, evidence: Evidence, subgroups: Sequence[Subgroup] | None) -> tuple[Judged, ...]:
    """Every criterion of `policy`, in its order."""
    return (
        *(judge(criterion, evidence, policy.least_patients) for criterion in policy.criteria),
        *(judge_subgroups(criterion, subgroups) for criterion in policy.subgroups),
    )


def judge_policy(path: Path, now: str | None, at_training: str | None) -> Judged:
    """Whether the policy is the one that stood when training started; `now` and `at_training` are its sha256."""
    outcome, reason = Outcome.PASS, f"{path} is what it was when training started"
    if at_training is None:
        outcome, reason = Outcome.FAIL, f"nobody noted which {path} stood when training started: train again"
    elif now != at_training:
        changed = f"{path} changed since training started, from sha256 {at_training[:12]} to {str(now)[:12]}"
        way_out = "put it back, or train a new model under it (another train.seed makes one)"
        outcome, reason = Outcome.FAIL, f"{changed}: {way_out}"
    return Judged(
        name=STANDS,
        figure="policy_sha256",
        outcome=outcome,
        value=None,
        low=None,
        high=None,
        rule="=",
        bound=None,
        baseline=None,
        margin=0.0,
        reason=reason,
        because="a promise that is made after the result is none",
    )


def waived(criterion: Judged, waiver: Waiver | None) -> Judged:
    if waiver is None:
        return criterion
    return replace(criterion, waiver=Waived(waiver.by, waiver.reason, waiver.expires.isoformat()))


def use_test_set(root: Path, model_sha256: str, now: datetime) -> HeldOut:
    """Enter the use of the frozen test split in the ledger, and count it."""
    test = read_json(root / "data" / "splits.json", "ingest")["test"]
    with writing(open_database(records_url(root))) as connection:
        return HeldOut(test["name"], enter_use(connection, test["name"], sha256(canonical(test)), model_sha256, now))


def read_json(path: Path, stage: str) -> dict[str, Any]:
    if not path.is_file():
        raise BadInput(str(path), "the gate judges a model that was trained", f"run `radassist {stage}` first")
    content: dict[str, Any] = json.loads(path.read_text())
    return content


HEADLINES: Mapping[Outcome, str] = {
    Outcome.PASS: "PASSED",
    Outcome.FAIL: "REFUSED",
    Outcome.INCONCLUSIVE: "INCONCLUSIVE",
}


def table(verdict: Verdict) -> str:
    """The verdict as a person reads it in a terminal, one criterion a line; below, who must answer for what."""
    rows = []
    for c in verdict.criteria:
        interval = "" if c.low is None or c.high is None else f"[{brief(c.low)}, {brief(c.high)}]"
        bound = "" if c.bound is None else f"{c.rule} {brief(c.bound)}"
        figure = c.figure if c.baseline is None else f"{c.figure} - {c.baseline}"
        brief_enough = c.outcome is Outcome.PASS and c.value is not None
        rows.append((c.outcome, c.name, brief(c.value), interval, bound, figure if brief_enough else c.reason))
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    lines = ["  ".join((*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[5])) for row in rows]
    counts = {o: sum(c.outcome is o for c in verdict.criteria) for o in Outcome}
    counted = ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)
    held_out = f"use number {verdict.test_set.uses} of test set {verdict.test_set.name}"
    lines = [f"{HEADLINES[verdict.outcome]}: {counted}; {held_out}", *lines]
    for c in verdict.criteria:
        if c.waiver is not None:
            lines.append(f"waived: {c.name}, by {c.waiver.by} until {c.waiver.expires}: {c.waiver.reason}")
    if verdict.needs_signature:
        lines.append(f"needs a signature: {', '.join(verdict.needs_signature)}")
    return "\n".join(lines)


def enforce(verdict: Verdict, today: date) -> int:
    """0 for a model that may be registered; else 3, with a line on standard error for each reason against it."""
    reasons = refusals(verdict, today)
    for reason in reasons:
        print(f"radassist gate: refused: {reason}", file=sys.stderr)
    return 3 if reasons else 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--policy", type=Path, default=POLICY, metavar="FILE", help=f"the policy (default {POLICY})")
    parser.add_argument(
        "--enforce",
        action="store_true",
        help="decide nothing: read verdict.json, end with 3 where the model may not be registered",
    )


def main(args: argparse.Namespace) -> int:
    if args.enforce:
        return enforce(load_verdict(), datetime.now(UTC).date())
    print(table(gate(policy=args.policy)))
    return 0
