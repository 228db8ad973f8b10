"""Stage validate: may a model be trained on this set? The set in, held against policy/data.yaml.

validation/index.html     the page to look at: counts and shares, no value of a patient's
validation/results.json   the same content; the validation report carries its warnings on
validation/passed         there only where nothing critical failed, and always the same bytes: what `train` waits for

A critical failure ends the command with 3, so that the run stops; page and results are written all the same.
"""

import argparse
import json
import shutil
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipelines.metrics import write_metrics
from pipelines.pages import page_environment
from pipelines.provenance import digest
from pipelines.validation.judge import Outcome, judge, percent
from pipelines.validation.policy import load_policy
from pipelines.validation.prevalence import last_version
from pipelines.validation.tables import Measured, measure
from pipelines.versioning import data_md5

POLICY = Path("policy/data.yaml")
SCHEMA = "radassist.data-validation/1"
PASSED = "Nothing critical failed.\n"

Content = dict[str, Any]


def validate(data: Path, out: Path) -> Content:
    """Hold the set in `data` against the policy; write `out` and return what results.json says.

    Raises:
        BadInput: no set, no policy, or a policy that asks for what there is not.
    """
    root = data.absolute().parent
    promised = load_policy(POLICY)
    measured = measure(data, promised.chance, last_version(root))
    judged = judge(promised, measured.tables)
    content = {
        "schema": SCHEMA,
        "passed": not any(j.outcome == Outcome.FAILED for j in judged),
        "data_md5": data_md5(root),
        "policy": {"path": POLICY.as_posix(), "sha256": digest(POLICY)},
        "expectations": [asdict(j) for j in judged],
        **tables(measured),
    }
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    (out / "results.json").write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")
    (out / "index.html").write_text(render(content))
    if content["passed"]:
        (out / "passed").write_text(PASSED)
    return content


def tables(measured: Measured) -> Content:
    """The tables whose rows are no patient's, as they are shown beside the expectations."""
    shown = {name: measured.tables.get(name) for name in ("whole", "splits", "observations")}
    convention = measured.agreement and measured.agreement.convention
    return {
        "convention": convention and convention.value,
        **{name: [] if t is None else json.loads(t.to_json(orient="records")) for name, t in shown.items()},
    }


def figures(content: Content) -> dict[str, float | None]:
    """The stage's figures: how many expectations had which outcome, and what the set measures as a whole."""
    outcomes = Counter(expectation["outcome"] for expectation in content["expectations"])
    whole: Mapping[str, float | None] = content["whole"][0] if content["whole"] else {}
    return {
        "passed": int(content["passed"]),
        "n_checks": len(content["expectations"]),
        "n_passed": outcomes[Outcome.PASSED],
        "n_failed_critical": outcomes[Outcome.FAILED],
        "n_warnings": outcomes[Outcome.WARNING],
        "n_not_measured": outcomes[Outcome.UNMEASURED],
        "label_agreement": whole.get("agreement"),
        "quarantined_share": whole.get("quarantined_share"),
    }


def broken(expectation: Mapping[str, Any]) -> str:
    """One line on an expectation that does not hold: what was found, and what the policy asks for."""
    share = f" in at least {percent(expectation['mostly'])}" if expectation["mostly"] < 1 else ""
    rule = f"{expectation['table']}.{expectation['column']} {expectation['rule']}{share}"
    return f"{expectation['name']}: {expectation['found']}; expected: {rule}"


def render(content: Content) -> str:
    """The page, self-contained."""
    environment = page_environment()
    environment.filters["percent"] = percent
    return environment.get_template("validation.html.j2").render(**content)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=Path("data"), metavar="DIR", help="the set (default: data)")
    parser.add_argument(
        "--out", type=Path, default=Path("validation"), metavar="DIR", help="where to write (default: validation)"
    )


def main(args: argparse.Namespace) -> int:
    content = validate(args.data, args.out)
    write_metrics("validate", figures(content))
    for expectation in content["expectations"]:
        if expectation["outcome"] == Outcome.FAILED:
            print(f"radassist validate: failed: {broken(expectation)}", file=sys.stderr)
        elif expectation["outcome"] == Outcome.WARNING:
            print(f"warning: {broken(expectation)}")
    counts = Counter(expectation["outcome"] for expectation in content["expectations"])
    told = ", ".join(f"{counts[outcome]} {outcome.value}" for outcome in Outcome if counts[outcome])
    print(f"{args.out / 'index.html'}: {told}")
    return 0 if content["passed"] else 3
