"""The command `phantom`: a procedural chest radiograph data set in MIMIC-CXR's layout.

A finished set carries `phantom.json`, written last: its arguments, and the sha256 over every file. The same arguments
again find it and do nothing; a set that was cut short carries `phantom.part.json` and is continued.
"""

import argparse
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

from model.errors import BadInput
from model.workers import Loss, map_in_order
from pipelines.progress import track
from pipelines.sources.phantom.plan import StudyPlan, plan_studies
from pipelines.sources.phantom.scenario import Scenario, load_scenario
from pipelines.sources.phantom.writer import Digests, write_file, write_study, write_together

EDITION = 3  # raise it with any change to what is written
FEW = 64  # below it, starting processes costs more than it gains

SEAL, DRAFT = "phantom.json", "phantom.part.json"


@dataclass(frozen=True, slots=True)
class PhantomArguments:
    """What determines a phantom: the number of studies, the seed, the longer side of its images in px, the scenario."""

    studies: int
    seed: int
    size: int = 256
    scenario: Scenario = field(default_factory=Scenario)

    def __post_init__(self) -> None:
        if self.studies < 1:
            raise BadInput(f"--studies {self.studies}", "a phantom has at least one study", "pass a number from 1 on")
        if self.seed < 0:
            raise BadInput(f"--seed {self.seed}", "a seed is 0 or more", "pass another seed")
        if not 64 <= self.size <= 4096:
            raise BadInput(f"--size {self.size}", "an image side is 64 to 4096 px", "pass a size within")

    def stated(self) -> dict[str, int | str]:
        """As the seal has them."""
        return {
            "studies": self.studies,
            "seed": self.seed,
            "size": self.size,
            "scenario": self.scenario.sha256,
            "edition": EDITION,
        }


def write_phantom(out: Path, arguments: PhantomArguments) -> str:
    """Write the set unless it stands there already; return the sha256 over its files.

    The set of n studies begins the set of more studies that is like it in all else, files and rows alike.

    Raises:
        BadInput: `out` holds something else.
    """
    wanted = arguments.stated()
    seal = _read(out / SEAL)
    if seal and {name: seal.get(name) for name in wanted} == wanted:
        return str(seal["sha256"])
    foreign = out.exists() and (not out.is_dir() or any(out.iterdir()))
    if foreign and (seal or _read(out / DRAFT) != wanted):
        value = f"--out {out}"
        raise BadInput(value, "it holds something else than this phantom", "pass another folder, or delete it")
    out.mkdir(parents=True, exist_ok=True)
    (out / DRAFT).write_text(json.dumps(wanted))
    plans = list(plan_studies(arguments.seed, arguments.studies, arguments.scenario))
    files: Digests = {}
    for written in track(_write_studies(out, plans, arguments.size), "phantom", len(plans)):
        files |= written
    files |= write_together(out, plans, arguments.size)
    digest = sha256("".join(f"{files[name]}  {name}\n" for name in sorted(files)).encode()).hexdigest()
    write_file(out, PurePosixPath(SEAL), (json.dumps({**wanted, "sha256": digest}, indent=1) + "\n").encode())
    (out / DRAFT).unlink()
    return digest


def _read(path: Path) -> dict[str, Any] | None:
    try:
        stated = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return stated if isinstance(stated, dict) else None


def _write_studies(out: Path, plans: list[StudyPlan], size: int) -> Iterator[Digests]:
    processes = (os.cpu_count() or 1) if len(plans) >= FEW else 0
    return map_in_order(partial(_write, out, size), plans, partial(_again, out, size), processes)


def _write(out: Path, size: int, plan: StudyPlan) -> Digests:
    return write_study(out, plan, size)


def _again(out: Path, size: int, plan: StudyPlan, _why: Loss) -> Digests:
    return write_study(out, plan, size)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help="folder of the set: new, empty, or this very phantom")
    parser.add_argument("--studies", type=int, required=True, help="number of studies; a patient has 1 to 3")
    parser.add_argument("--seed", type=int, required=True, help="the same seed gives the same bytes")
    parser.add_argument("--size", type=int, default=256, help="longer side of most images, px (default 256)")
    parser.add_argument(
        "--scenario", type=Path, help="YAML: sites, prevalences, a corrupted subgroup (docs/phantom.md)"
    )


def main(args: argparse.Namespace) -> int:
    scenario = Scenario() if args.scenario is None else load_scenario(args.scenario)
    digest = write_phantom(args.out, PhantomArguments(args.studies, args.seed, args.size, scenario))
    print(f"{args.out}: {args.studies} studies, seed {args.seed}, {args.size} px, sha256 {digest}")
    return 0
