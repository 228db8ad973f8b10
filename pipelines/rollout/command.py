"""`radassist rollout`: a registered model on its way to all studies, by `policy/rollout.yaml`. See docs/rollout.md."""

import argparse
import json
import time
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from getpass import getpass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rich.console import Console, RenderableType
from rich.live import Live
from sqlalchemy import Engine

from model.errors import BadInput
from pipelines.checkout import records_url
from pipelines.rollout import controller, planning
from pipelines.rollout.cases import read_cases
from pipelines.rollout.evidence import evidence, load_policy, promises_in, see
from pipelines.rollout.orders import Order, approve, give, open_rollout
from pipelines.rollout.page import page_path
from pipelines.rollout.replay import Replay, replay
from pipelines.rollout.status import status
from pipelines.rollout.tick import POLICIES, Round, run
from records.database import open_database, reading
from records.keys import is_sealed, read_key
from release.policy import Policy
from release.store import last

POLICY = Path("policy/rollout.yaml")
DRAFTS = Path("evaluation/drafts.jsonl")
FOLLOW_SECONDS = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    starting = actions.add_parser("start", help="begin a rollout of a registered and signed model, in shadow")
    model = "the version as its reports name it, or the folder of its artefact (default: MLflow's challenger)"
    starting.add_argument("model", nargs="?", metavar="MODEL", help=model)
    initial = "release the first model there is, by signature alone"
    starting.add_argument("--initial", action="store_true", help=initial)
    ticking = actions.add_parser("tick", help="look at the evidence, and take the step that is due, if one is")
    ticking.add_argument("--json", action="store_true", help="print where the rollout stands as JSON")
    showing = actions.add_parser("status", help="show where the rollout stands, and what it waits for")
    showing.add_argument("--follow", action="store_true", help="show it until the rollout ends")
    approving = actions.add_parser("approve", help="sign what the rollout asks")
    approving.add_argument("--request", required=True, metavar="SHA256", help="of what is asked, as its page shows it")
    ordering = [actions.add_parser(order.value, help=says) for order, says in ORDERS.items()]
    for signed in (approving, *ordering):
        signed.add_argument("--key", type=Path, required=True, metavar="FILE", help="your private key")
    for order in ordering:
        order.add_argument("--why", required=True, help="in words that name no patient: they go into the ledger")
    plan = actions.add_parser("plan", help="how soon each step can decide at a volume, and what harm it finds")
    planning.add_arguments(plan, runs=300)
    simulate = actions.add_parser("simulate", help="run many invented rollouts, and the naive rule beside them")
    planning.add_arguments(simulate, runs=2000)
    simulate.add_argument(
        "--candidate", type=float, metavar="SHARE", help="the same of the candidate (default: no worse)"
    )
    simulate.add_argument("--seed", type=int, default=0, metavar="S", help="of the invented studies (default 0)")
    replaying = actions.add_parser("replay", help="play a whole rollout on resampled studies and a clock of its own")
    replaying.add_argument("--out", type=Path, required=True, metavar="DIR", help="where its records and its page go")
    drafts = f"of a finished evaluation (default {DRAFTS})"
    replaying.add_argument("--drafts", type=Path, default=DRAFTS, metavar="FILE", help=drafts)
    for option, default, says in (
        ("--studies-per-day", 200.0, "that arrive"),
        ("--champion", 0.1, "share of studies in which the champion leaves out a finding that it drafted"),
        ("--candidate", 0.0, "the same of the candidate"),
        ("--days", 60.0, "at most"),
        ("--tick-hours", 6.0, "from one look to the next"),
    ):
        replaying.add_argument(option, type=float, default=default, metavar="N", help=f"{says} (default {default:g})")
    replaying.add_argument("--seed", type=int, default=0, metavar="S", help="of the arrivals (default 0)")
    actions.add_parser("demo", help="release the demo's model through Airflow, and roll a harmful one back")
    for action in (starting, replaying, plan, simulate):
        action.add_argument(
            "--policy", type=Path, default=POLICY, metavar="FILE", help=f"the policy (default {POLICY})"
        )


ORDERS = {
    Order.HOLD: "keep the rollout where it is; harm still ends it",
    Order.RESUME: "end a hold",
    Order.ABORT: "take the candidate out of traffic at once",
}


def main(args: argparse.Namespace) -> int:
    root = Path()
    match args.action:
        case "plan":
            planning.show_planned(load_policy(args.policy), args)
            return 0
        case "simulate":
            planning.show_simulated(load_policy(args.policy), args)
            return 0
        case "replay":
            show_replay(args)
            return 0
        case "demo":
            from pipelines.rollout.demo import demo

            demo(Path.cwd(), Console())
            return 0
    engine = open_database(records_url(root))
    match args.action:
        case "start":
            policy = promised(root, args.policy)
            controller.start(engine, root, args.model, policy, datetime.now(UTC), initial=args.initial)
            return show_round(run(root, engine, datetime.now(UTC)), root)
        case "tick":
            done = run(root, engine, datetime.now(UTC))
            if args.json:
                print(json.dumps(done.said()))
                return 1 if done.faults else 0
            return show_round(done, root)
        case "status":
            show_status(engine, promises_in(root / POLICIES), follow=args.follow)
        case "approve":
            page = page_of(root, engine)
            signed = approve(engine, key_of(args.key), args.request, page, datetime.now(UTC))
            print(f"{signed.statement.words}, in entry {signed.seq} of the ledger; the next tick goes by it")
        case order:
            page = page_of(root, engine)
            after = give(engine, key_of(args.key), Order(order), args.why, page, datetime.now(UTC))
            print(f"{order}: rollout {after.id} is {after.phase} at {after.weight:.0%} of the studies")
    return 0


def promised(root: Path, path: Path) -> Policy:
    """
    Raises:
        BadInput: no policy there, or one by which no look would ever go forward, since none finds it.
    """
    policy = load_policy(path)
    if policy.sha256 not in promises_in(root / POLICIES):
        rule = f"no file {POLICIES}/rollout*.yaml says the same, and nothing goes forward without its promise"
        raise BadInput(f"policy {path}", rule, f"copy it to {POLICIES}/rollout-NAME.yaml, and keep it there")
    return policy


def show_round(done: Round, root: Path) -> int:
    """What a tick did, a line each. 1 where something that mirrors the records is not put right."""
    if done.rollout is None:
        print("there was no rollout yet")
    else:
        state = done.rollout.state
        demo = "DEMO " if done.rollout.policy.demo else ""
        if done.moved:
            print(f"{done.moved.before.phase} -> {done.moved.after.phase}: {done.moved.reason}")
        print(f"{demo}rollout {state.id}: {state.phase} at {state.weight:.0%} of the studies")
        print(f"page {page_path(root, state.id)}")
        if state.held_by and not state.phase.is_final:
            print(f"held by {state.held_by}: `radassist rollout resume` lets it go on")
        if state.asks:
            print(f"asks for a signature: radassist rollout approve --request {state.request_sha256[:16]} --key FILE")
    for line in (*done.repaired, *done.faults):
        print(line)
    if done.waiting:
        print(f"{done.waiting} is newer, and waits: radassist rollout start {done.waiting}")
    return 1 if done.faults else 0


def show_replay(args: argparse.Namespace) -> None:
    """A line a state, then where the page lies.

    Raises:
        BadInput: a share, a rate or a time that cannot be, no drafts, or records in the folder.
    """
    for name in ("champion", "candidate"):
        if not 0 <= getattr(args, name) <= 1:
            raise BadInput(f"--{name} {getattr(args, name):g}", "it is a share of studies, 0 to 1", "give 0.1 for 10 %")
    for name in ("studies_per_day", "days", "tick_hours"):
        if not 0 < getattr(args, name) <= 1e6:
            option = f"--{name.replace('_', '-')}"
            raise BadInput(f"{option} {getattr(args, name):g}", "it lies above 0, up to a million", "leave it out")
    named = ("studies_per_day", "champion", "candidate", "days", "tick_hours", "seed")
    asked = Replay(load_policy(args.policy), **{name: getattr(args, name) for name in named})
    print(f"{'DEMO ' if asked.policy.demo else ''}policy {args.policy}: a replay, of nothing that happened")
    for state in replay(asked, read_cases(args.drafts), args.out):
        print(f"day {(state.since - state.started_at) / timedelta(days=1):6.2f}  {state.weight:4.0%}  {state.phase}")
    print(f"page {args.out / 'index.html'}")


def show_status(engine: Engine, promises: Collection[str], *, follow: bool) -> None:
    shown, going = _looked(engine, promises)
    if not follow:
        Console().print(shown)
        return
    with Live(shown, auto_refresh=False) as live:
        while going:
            time.sleep(FOLLOW_SECONDS)
            shown, going = _looked(engine, promises)
            live.update(shown, refresh=True)


def _looked(engine: Engine, promises: Collection[str]) -> tuple[RenderableType, bool]:
    """The present status, and whether it goes on."""
    with reading(engine) as connection:
        there = last(connection)
        seen = see(connection, there) if there else None
    if there is None or seen is None:
        return "there was no rollout yet", False
    final = there.state.phase.is_final
    at = there.state.since if final else datetime.now(UTC)
    return status(there, evidence(seen, promises, at), at), not final


def page_of(root: Path, engine: Engine) -> bytes:
    """The open rollout's page as it lies there; nothing where none was drawn."""
    with reading(engine) as connection:
        path = page_path(root, open_rollout(connection).state.id)
    return path.read_bytes() if path.is_file() else b""


def key_of(path: Path) -> Ed25519PrivateKey:
    return read_key(path, getpass(f"Password of {path}: ") if is_sealed(path) else None)
