"""`radassist monitor`: what a deployed model's stream shows as of a time, and what the rules are worth.

Without an action it reads the records, prints what alarms, and writes page and figures. See docs/monitoring.md.
"""

import argparse
from datetime import UTC, datetime
from pathlib import Path

import requests
from rich.console import Console
from rich.table import Table

from model.errors import BadInput
from monitoring.policy import Policy
from monitoring.snapshot import Snapshot, snapshot
from pipelines.checkout import records_url
from pipelines.faults import Fault
from pipelines.monitors import backtest, planting
from pipelines.monitors.evidently_report import write_evidently
from pipelines.monitors.look import folder_of, last_window, recorded, reference_at, reference_of, served_model, write
from pipelines.monitors.policy import POLICY, load_policy
from pipelines.monitors.retraining import ask
from pipelines.monitors.telling import tell, track
from records.database import open_database


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(action=None)
    parser.add_argument(
        "--as-of", metavar="T", help="the time to judge by, such as 2026-01-31T12:00:00Z (default: now)"
    )
    parser.add_argument(
        "--model", metavar="VERSION", help="whose drafts (default: the version that drafts most studies)"
    )
    parser.add_argument(
        "--reference", type=Path, metavar="FILE", help="what they are held against (default: the model's)"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="where to write (default: var/monitoring/VERSION)")
    parser.add_argument(
        "--tell", action="store_true", help="send figures to MLflow and news to the webhook; ask for a retraining"
    )
    parser.add_argument(
        "--evidently", type=Path, metavar="FILE", help="write Evidently's report of the last window too"
    )
    parser.add_argument("--policy", type=Path, default=POLICY, metavar="FILE", help=f"the policy (default {POLICY})")
    actions = parser.add_subparsers(metavar="ACTION")
    for name, says, module in (
        ("reference", "summarise what the model's stream will be held against", None),
        ("backtest", "false alarms of quiet streams, and delays of planted drifts", backtest),
        ("replay", "draft a phantom's studies into the records, as a stream", planting),
    ):
        action = actions.add_parser(name, help=says)
        action.set_defaults(action=name)
        if module is not None:
            module.add_arguments(action)


def main(args: argparse.Namespace) -> int:
    policy = load_policy(args.policy)
    match args.action:
        case "reference":
            from pipelines.monitors.reference import write_reference

            write_reference(Path(), policy)
        case "backtest":
            backtest.show(args, policy)
        case "replay":
            planting.plant(args, time_of(args.start))
        case _:
            watch(args, policy)
    return 0


def watch(args: argparse.Namespace, policy: Policy) -> None:
    """Judge, print, write, and tell if that is asked for.

    Raises:
        Fault: somebody could not be told.
    """
    root, as_of = Path(), time_of(args.as_of)
    records = open_database(records_url(root))
    model = args.model or served_model(records, as_of, policy)
    given = args.reference
    watched = reference_at(given, model) if given else reference_of(root, records, model)
    stream, reviews = recorded(records, model, policy, as_of)
    seen = snapshot(stream, reviews, watched, policy, as_of)
    folder = args.out or folder_of(root, model)
    write(seen, watched, policy, folder)
    show(seen)
    if args.evidently and not seen.history:
        print("no window is full yet, so there is none for Evidently to draw")
    elif args.evidently:
        write_evidently(last_window(stream, watched, policy, as_of), watched.reference, policy, args.evidently)
    faults = told(seen, policy, root, folder) if args.tell else []
    print(f"{folder / 'index.html'}")
    if faults:
        raise Fault("; ".join(faults))


def told(seen: Snapshot, policy: Policy, root: Path, folder: Path) -> list[str]:
    """Ask for a retraining, send figures to MLflow and news to the webhook; where one fails, the other is told.

    Returns:
        What failed, in words. The same look again makes up for it.
    """
    faults = []
    if asked := ask(seen, policy, root):
        print(f"a retraining is asked for: {asked.reason}")
    try:
        track(seen, root)
    except Exception as error:  # noqa: BLE001 - whatever ails MLflow, the webhook hears of the alarms
        faults.append(f"MLflow did not take the figures: {type(error).__name__}")
    try:
        for notice in tell(seen, policy, folder):
            print(f"told, {notice.kind}: {notice.text}")
    except requests.RequestException as error:
        faults.append(f"the webhook did not take a notice: {type(error).__name__}")
    return faults


def time_of(text: str | None) -> datetime:
    """
    Raises:
        BadInput: no time in ISO 8601 with its zone.
    """
    if text is None:
        return datetime.now(UTC)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = datetime.min
    if time.tzinfo is None:
        raise BadInput(f"time {text}", "a time has a date, an hour and a zone", "give it as 2026-01-31T12:00:00Z")
    return time.astimezone(UTC)


def show(seen: Snapshot) -> None:
    """A line a figure of the whole, then the alarms."""
    console = Console()
    demo = "DEMO policy, " if seen.demo else ""
    console.print(f"{demo}model {seen.model_version} as of {seen.as_of:%Y-%m-%d %H:%M} UTC", highlight=False)
    left_out = f"{seen.repeated} repeated, {seen.skewed} with a wrong clock"
    running = seen.running
    table = Table(show_header=False)
    table.add_row("windows judged", f"{len(seen.history)}; {seen.waiting} studies wait for the next to fill")
    table.add_row("left out", left_out)
    table.add_row("reviewed", f"{seen.quality.n}; {seen.quality.pending} drafts without a review")
    for name, found in seen.quality.figures.items():
        table.add_row(name, f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})")
    p99 = "-" if running.p99 is None else f"{running.p99:.1f} s"
    table.add_row("lately", f"{running.n} studies, p99 {p99}, {running.queue} wait for a draft")
    console.print(table)
    for alarm in seen.alarms:
        console.print(f"[red]alarm[/] {alarm.family}: {alarm.text}", highlight=False, soft_wrap=True)
    if not seen.alarms:
        console.print("no alarm")
