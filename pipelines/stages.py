"""The stage graph as `dvc.yaml` states it, read with no more than a YAML parser, so that a DAG file can draw it."""

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from model.errors import BadInput

DEFAULT_POOL = "dvc"


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage: its name, the stages whose outputs it reads, and the pool that its `meta.pool` asks for."""

    name: str
    after: tuple[str, ...]
    pool: str


def read_stages(path: Path) -> tuple[Stage, ...]:
    """The stages of a `dvc.yaml`, in the file's order.

    One stage comes after another where a dependency of the one overlaps an output, metric or plot of the other:
    the same path, or one within the other. This is DVC's own rule.

    Raises:
        BadInput: no such file, or a stage that cannot be drawn without DVC (`foreach`, `matrix`, a `${...}` path).
    """
    if not path.is_file():
        raise BadInput(f"{path.absolute()}", "the stages stand in dvc.yaml", "run from the project's root")
    stages: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text()).get("stages") or {}
    for name, stage in stages.items():
        if "foreach" in stage or "matrix" in stage:
            raise BadInput(f"{path} {name}", "a stage is drawn from a plain entry", "write its stages out one by one")
    reads = {name: tuple(_paths(path, name, stage, "deps")) for name, stage in stages.items()}
    writes = {name: tuple(_paths(path, name, stage, "outs", "metrics", "plots")) for name, stage in stages.items()}
    return tuple(
        Stage(
            name,
            tuple(
                other
                for other in stages
                if other != name and any(overlap(a, b) for a in reads[name] for b in writes[other])
            ),
            (stage.get("meta") or {}).get("pool", DEFAULT_POOL),
        )
        for name, stage in stages.items()
    )


def overlap(one: str, other: str) -> bool:
    """Whether two normalized paths are the same or one lies within the other.

    >>> overlap("trained", "trained/model.safetensors"), overlap("trained", "trained_v2")
    (True, False)
    """
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def _paths(path: Path, name: str, stage: dict[str, Any], *keys: str) -> Iterator[str]:
    """The paths under these keys, relative to the file's folder. An entry is a path or `{path: options}`."""
    for key in keys:
        for entry in stage.get(key) or ():
            for written in entry if isinstance(entry, dict) else (entry,):
                if "${" in written:
                    raise BadInput(f"{path} {name} {written!r}", "a path is written out", "replace the ${...} in it")
                yield posixpath.normpath(posixpath.join(stage.get("wdir", "."), written))
