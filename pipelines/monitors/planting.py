"""`radassist monitor replay`: the command. What drafts is imported once it is called, as a plain look needs none."""

import argparse
from datetime import datetime, timedelta
from pathlib import Path

from model.errors import BadInput
from pipelines.checkout import records_url
from pipelines.monitors.look import reference_at, reference_of
from records.database import open_database


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--source", default="mimic_cxr", help="what reads the studies (default %(default)s)")
    parser.add_argument("--root", type=Path, required=True, help="where they lie")
    parser.add_argument(
        "--exported",
        default="exported",
        metavar="DIR_OR_URI",
        help="the model: a folder (default exported), or models:/...",
    )
    parser.add_argument("--start", required=True, metavar="T", help="when the first comes: 2026-01-31T12:00:00Z")
    parser.add_argument("--minutes", type=float, default=10.0, metavar="M", help="between two studies (default 10)")


def plant(args: argparse.Namespace, start: datetime) -> None:
    """Draft a source's studies into the records, as a stream from `start` on.

    Raises:
        BadInput: no time between two studies.
    """
    from model.engine import Engine
    from pipelines.infer import local_model
    from pipelines.monitors.replay import Course, replay
    from pipelines.sources import open_source

    if args.minutes <= 0:
        raise BadInput(f"--minutes {args.minutes:g}", "studies come one after the other", "pass a number above 0")
    source, course = open_source(args.source, args.root), Course(start, timedelta(minutes=args.minutes))
    records, engine = open_database(records_url(Path())), Engine(local_model(args.exported))
    model, given = engine.artefact.version, args.reference
    watched = reference_at(given, model) if given else reference_of(Path(), records, model)
    drafted = replay(records, engine, watched, source, course)
    end = start + drafted * course.every
    print(f"{drafted} studies drafted by {model}, the last before {end.isoformat()}")
