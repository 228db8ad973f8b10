"""`radassist monitor backtest`: how often the rules of `policy/drift.yaml` alarm, without cause and with one.

See docs/monitoring.md.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.progress import track
from rich.table import Table

from model.errors import BadInput
from monitoring import backtest, invented
from monitoring.backtest import Run
from monitoring.policy import Policy
from monitoring.reference import Reference
from pipelines.strict import read_policy

POLICY = Path("policy/drift.yaml")
SOON = 3  # windows


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    replaying = actions.add_parser("backtest", help="false alarms of quiet streams, and delays of planted drifts")
    replaying.add_argument("--policy", type=Path, default=POLICY, metavar="FILE", help=f"the policy (default {POLICY})")
    for option, default, says in (
        ("--quiet", 1000, "quiet streams"),
        ("--runs", 200, "streams of each planted drift"),
        ("--windows", 20, "windows a stream"),
        ("--reference", 250_000, "studies in the reference"),
    ):
        replaying.add_argument(option, type=int, default=default, metavar="N", help=f"{says} (default {default})")
    replaying.add_argument("--seed", type=int, default=0, metavar="S", help="of the invented studies (default 0)")


def main(args: argparse.Namespace) -> int:
    policy = read_policy(args.policy, Policy, "monitors need a policy file")
    for name, least in (("quiet", 1), ("runs", 1), ("windows", 1), ("reference", 100)):
        if getattr(args, name) < least:
            raise BadInput(f"--{name} {getattr(args, name)}", f"it takes {least} or more", "leave it out")
    demo = "DEMO " if policy.demo else ""
    print(f"{demo}policy {args.policy}, sha256 {policy.sha256[:12]}; windows of {policy.window_studies} studies")
    reference = invented.reference(args.reference, args.seed)
    Console().print(_quiet(reference, policy, args))
    Console().print(_planted(reference, policy, args))
    return 0


def _quiet(reference: Reference, policy: Policy, args: argparse.Namespace) -> Table:
    runs = backtest.quiet(reference, policy, args.quiet, args.windows, args.seed)
    families = sorted({family for run in runs for look in run for family in look.rules | look.literal})
    title = f"{args.quiet} quiet streams of {args.windows} windows: share that alarms at all"
    table = Table("family", "rules", "as literally specified", title=title)
    for family in (*families, None):
        shares = (backtest.share(runs, args.windows, literal, family) for literal in (False, True))
        table.add_row(family or "any", *(f"{share:.1%}" for share in shares))
    return table


def _planted(reference: Reference, policy: Policy, args: argparse.Namespace) -> Table:
    title = f"{args.runs} streams of each planted drift"
    table = Table("drift", f"found in {SOON} windows", "windows, median", "found at all", title=title)
    for name, drift in track(invented.DRIFTS.items(), "planted drifts", transient=True):
        windows = args.windows if drift.steps else SOON
        runs = backtest.planted(drift, reference, policy, args.runs, windows, args.seed)
        shares = [f"{backtest.share(runs, within):.1%}" for within in (SOON, windows)]
        table.add_row(name, shares[0], _delay(runs), shares[1])
    return table


def _delay(runs: Sequence[Run]) -> str:
    """Of the runs that alarm."""
    delays = [delay for run in runs if (delay := backtest.first(run)) is not None]
    return f"{median(delays):g}" if delays else "-"
