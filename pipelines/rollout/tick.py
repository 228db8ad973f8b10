"""`radassist rollout tick`: decide and apply, and then put right what mirrors the records: notices, MLflow, the page.

The decision comes first. What follows it can fail and be repeated without one, and none of it keeps the others back.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from pipelines.rollout.controller import tick
from pipelines.rollout.evidence import evidence, newer, promises_in
from pipelines.rollout.mirror import mirrored, repair
from pipelines.rollout.page import draw, look, page_path
from pipelines.rollout.telling import tell
from pipelines.whole_files import write_whole
from records.database import reading
from release.state import Transition
from release.store import Rollout, last

POLICIES = Path("policy")


@dataclass(frozen=True, slots=True)
class Round:
    """What one tick came to. `rollout` is the open one, else the last; `moved` what this very tick did, if anything;
    `waiting` a model that was registered since it began and has no rollout."""

    rollout: Rollout | None
    moved: Transition | None
    repaired: tuple[str, ...]
    told: int
    waiting: str | None
    faults: tuple[str, ...]

    def said(self) -> dict[str, Any]:
        """For programs: where the rollout stands, and what it asks."""
        state = self.rollout.state if self.rollout else None
        moved = self.moved.reason if self.moved else None
        known = None if state is None else state.row() | {"asks": state.asks, "request": state.request_sha256}
        return {"rollout": known, "moved": moved, "waiting": self.waiting, "faults": list(self.faults)}


def run(root: Path, engine: Engine, now: datetime) -> Round:
    """One tick of the project at `root`."""
    promises = promises_in(root / POLICIES)
    ticked = tick(engine, promises, now)
    with reading(engine) as connection:
        there = ticked.rollout if ticked else last(connection)
        mirror = mirrored(connection)
        waiting = newer(connection, there.state) if there else None
    told, repaired, faults = 0, list[str](), list[str]()
    with _noted(faults, "the webhook did not take a notice"):
        told = tell(engine, now)
    with _noted(faults, "MLflow's aliases are not put right"):
        repaired = repair(root, mirror)
    with _noted(faults, "the page is not drawn"):
        if there is not None:
            show(root, engine, there, promises, now)
    return Round(there, ticked.moved if ticked else None, tuple(repaired), told, waiting, tuple(faults))


@contextmanager
def _noted(faults: list[str], what: str) -> Iterator[None]:
    """Note what fails, and go on: the rollout has moved, and the next tick tries again."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever ails a mirror
        faults.append(f"{what}: {type(error).__name__}")


def show(root: Path, engine: Engine, rollout: Rollout, promises: Collection[str], now: datetime) -> Path:
    """Draw the rollout's page; that of an ended one stays as its end was."""
    path, state = page_path(root, rollout.state.id), rollout.state
    if state.phase.is_final and path.is_file() and state.request_sha256 in path.read_text():
        return path
    at = state.since if state.phase.is_final else now
    with reading(engine) as connection:
        shown = look(connection, rollout)
    write_whole(path, draw(shown, evidence(shown.seen, promises, at), at))
    return path
