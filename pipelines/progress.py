"""Progress that a person sees at a terminal and that the demo follows from outside.

With RADASSIST_PROGRESS naming a file, each step is appended there as a line of JSON
(`{"label", "done", "total", "note"}`) at most twice a second; otherwise a bar is drawn on standard error.
"""

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

T = TypeVar("T")

INTERVAL_SECONDS = 0.5


class Meter:
    """One bar: `advance` it, give it a `note`; the last state is always shown."""

    def __init__(self, label: str, total: int) -> None:
        self.label, self.total, self.done, self.note = label, total, 0, ""
        self._shown_at = 0.0
        path = os.environ.get("RADASSIST_PROGRESS")
        self._file = Path(path) if path else None
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if self._file is None:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}"),
                console=Console(file=sys.stderr),
            )
            self._bar.start()
            self._task = self._bar.add_task(self.label, total=self.total, note="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._show(last=True)
        if self._bar is not None:
            self._bar.stop()

    def advance(self, by: int = 1, note: str | None = None) -> None:
        self.done += by
        if note is not None:
            self.note = note
        self._show(last=self.done >= self.total)

    def _show(self, *, last: bool) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self.done, note=self.note)
        elif self._file is not None and (last or time.monotonic() - self._shown_at > INTERVAL_SECONDS):
            self._shown_at = time.monotonic()
            line = {"label": self.label, "done": self.done, "total": self.total, "note": self.note}
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a") as out:
                out.write(json.dumps(line) + "\n")


def track(items: Iterable[T], label: str, total: int | None = None, done: int = 0) -> Iterator[T]:
    """Yield the items under a progress bar. `total` is needed where the items have no length; `done` were before."""
    if total is None:
        total = len(items) if isinstance(items, Sized) else 0
    with Meter(label, total) as meter:
        meter.advance(done)
        for item in items:
            yield item
            meter.advance()
