"""Where studies come from. A source is one small module; adding one adds a line to SOURCES and touches nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol

from model.errors import BadInput
from model.study import Study

SOURCES: dict[str, str] = {
    "mimic_cxr": "pipelines.sources.mimic_cxr",
    "folder": "pipelines.sources.folder",
    "openi": "pipelines.sources.openi",
    "padchest_gr": "pipelines.sources.padchest_gr",
}


@dataclass(frozen=True, slots=True)
class Rejected:
    """A study that the source itself cannot hand on, with the reason in words."""

    study_id: str
    reason: str


class Source(Protocol):
    """A data set on disk. Iterating twice yields the same studies in the same order.

    `reports_only`: it lies here without its images, so that a study without one is whole; elsewhere it is a fault.
    """

    @property
    def reports_only(self) -> bool: ...

    def __len__(self) -> int:
        """How many studies `studies` will yield, rejected ones included."""

    def studies(self) -> Iterator[Study | Rejected]: ...


def open_source(name: str, root: Path) -> Source:
    """Open the data set at `root`.

    Raises:
        BadInput: no source of that name, or `root` does not hold what the source reads.
    """
    if name not in SOURCES:
        raise BadInput(
            f"source {name!r}", f"a source is one of {', '.join(sorted(SOURCES))}", "pass --source with one of them"
        )
    if not root.is_dir():
        raise BadInput(f"root {root}", "the root of a source is a folder", "pass --root with an existing folder")
    source: Source = import_module(SOURCES[name]).open(root)
    return source
