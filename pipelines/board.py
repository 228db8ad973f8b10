"""What the demo shows while it waits: a row for each thing to be done, redrawn in place, or a line now and then."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

MARKS = {
    "success": "[green]✓[/]",
    "running": "[cyan]▶[/]",
    "failed": "[red]✗[/]",
    "upstream_failed": "[dim]-[/]",
    "skipped": "[dim]-[/]",
    "up_for_retry": "[yellow]↻[/]",
    "awaiting_input": "[yellow]?[/]",
}
PLAIN_SECONDS = 30.0  # between two lines of the same row, where nothing can be redrawn


@dataclass(frozen=True, slots=True)
class Progress:
    """The last line that a stage wrote of its progress, see `pipelines.progress`."""

    label: str
    done: int
    total: int
    note: str

    @property
    def share(self) -> float:
        """0 to 1."""
        return min(1.0, self.done / self.total) if self.total else 0.0


@dataclass(frozen=True, slots=True)
class Row:
    """One thing to be done: its state in Airflow's words, and its seconds so far."""

    name: str
    state: str | None
    seconds: float | None = None
    note: str = ""
    progress: Progress | None = None


def read_progress(path: Path) -> Progress | None:
    """The last whole line of a progress file; None before there is one."""
    if not path.is_file():
        return None
    whole = path.read_text().rpartition("\n")[0].splitlines()
    return Progress(**json.loads(whole[-1])) if whole else None


class Board:
    """Rows on a terminal, or lines in a file."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=4) if console.is_terminal else None
        self._told: dict[str, tuple[str | None, str, float]] = {}
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def show(self, rows: Sequence[Row]) -> None:
        if self._live:
            self._live.update(table_of(rows))
            return
        for row in rows:
            self._tell(row)

    def _tell(self, row: Row) -> None:
        """A line where the row's state or note is another, and one every PLAIN_SECONDS while it runs."""
        if row.state not in MARKS:
            return  # it waits
        state, note, when = self._told.get(row.name, (None, "", 0.0))
        now = time.monotonic()
        if (row.state, row.note) == (state, note) and (row.state != "running" or now - when < PLAIN_SECONDS):
            return
        self._told[row.name] = (row.state, row.note, now)
        words = [f"[{clock(now - self._started)}]", f"{row.name}:", row.state, row.note]
        if row.progress and row.state == "running":
            words += [f"{row.progress.label} {row.progress.share:.0%}", row.progress.note]
        self._console.print(" ".join(filter(None, words)), markup=False, highlight=False, soft_wrap=True)


def table_of(rows: Sequence[Row]) -> Table:
    table = Table.grid(padding=(0, 2))
    for row in rows:
        seen = row.progress if row.state in ("running", "success") else None
        table.add_row(
            MARKS.get(row.state or "", "[dim]·[/]"),
            row.name,
            clock(row.seconds) if row.seconds is not None else "",
            ProgressBar(total=max(1, seen.total), completed=seen.done, width=30) if seen else "",
            f"{seen.done}/{seen.total} {seen.label} {seen.note}" if seen else "",
            f"[dim]{row.note}[/]",
        )
    return table


def clock(seconds: float) -> str:
    """
    >>> clock(83.4)
    '1:23'
    """
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
