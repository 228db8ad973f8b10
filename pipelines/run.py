"""`radassist run`: the steps of a retraining run by hand, one at a time, as the DAG takes them."""

import argparse
import json
import signal
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pipelines.workspace import KEPT, CommandError, Workspace, open_run, open_runs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    steps = parser.add_subparsers(dest="step", required=True, metavar="STEP")
    for step, summary in {
        "open": f"make the run's worktree from a snapshot of this folder; the last {KEPT} worktrees are kept",
        "stage": "bring one DVC stage up to date in it",
        "call": "run a radassist command in it, with the code of its commit",
        "commit": "commit dvc.lock, metrics and verdict on the branch runs/ID",
        "close": "remove the worktree; the branch stays",
    }.items():
        sub = steps.add_parser(step, help=summary, description=summary[0].upper() + summary[1:] + ".")
        sub.add_argument("run_id", metavar="ID")
        if step == "stage":
            sub.add_argument("stage", help="a stage of dvc.yaml")
        elif step == "call":
            sub.add_argument("call", metavar="COMMAND", help="a command of radassist")
            sub.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...", help="its arguments")
    steps.add_parser("list", help="show all runs, closed ones included")


def main(args: argparse.Namespace) -> int:
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # an exception: what runs is stopped
    root = Path.cwd()
    if args.step == "list":
        show_runs(root)
        return 0
    try:
        run = open_run(root, args.run_id) if args.step == "open" else Workspace.of(root, args.run_id).opened()
        match args.step:
            case "open":
                print(run.path)
            case "stage":
                print(f"{args.stage}: {run.reproduce(args.stage)}")
            case "call":
                run.call(args.call, *args.arguments)
            case "commit":
                print(run.commit())
            case "close":
                run.close()
    except CommandError as error:
        print(f"radassist run: {error}", file=sys.stderr)
        return max(error.code, 1)
    return 0


def show_runs(root: Path) -> None:
    """A line a run: its branch, when it was last committed, its commit, its verdict, whether its worktree stands."""
    standing = {run.branch for run in open_runs(root)}
    form = "%(refname:short) %(committerdate:iso-strict) %(objectname:short)"
    listed = subprocess.run(
        ["git", "for-each-ref", "--sort=committerdate", f"--format={form}", "refs/heads/runs"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    table = Table("run", "last commit", "at", "verdict", "worktree")
    for line in listed.stdout.splitlines():
        branch, date, commit = line.split()
        open_or_closed = "open" if branch in standing else "closed"
        table.add_row(branch.removeprefix("runs/"), commit, date, verdict(root, branch), open_or_closed)
    Console().print(table)


def verdict(root: Path, branch: str) -> str:
    """`passed` or `refused` as committed on the branch, `-` before that."""
    command = ["git", "show", f"{branch}:verdict.json"]
    shown = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if shown.returncode != 0:
        return "-"
    return "passed" if json.loads(shown.stdout)["passed"] else "refused"
