"""A run is a commit: each works in its own git worktree, on a branch of its own, with the DVC cache shared.

`open_run` takes a snapshot of the working tree as it stands (edited parameters, policy, fresh `data.dvc`, files not yet
added) without touching the user's index or branch. Stages then run there by `dvc repro -s STAGE`, with the code of that
commit; the run cache, which is shared, restores what another run has already made.
"""

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO

from model.errors import BadInput
from pipelines import processes
from pipelines.checkout import WRITTEN_BY_A_RUN
from pipelines.git import author, commit_aside, git, hookless_environment
from pipelines.origin import snapshot_message
from records.sign_off import Automatic

KEPT = 5  # worktrees; branches are never deleted
DVC_CONFIG = """\
[core]
    site_cache_dir = "{worktree}/.dvc/tmp/site"
[cache]
    dir = "{cache}"
    type = "hardlink,copy"
"""


class Outcome(StrEnum):
    """What `dvc repro` did for a stage."""

    RAN = "ran"
    RESTORED = "restored"  # another run had made the same; its outputs came from the cache
    UNCHANGED = "unchanged"


class CommandError(Exception):
    """A stage or command of a run that ended with another exit code than 0."""

    def __init__(self, name: str, code: int, log: Path) -> None:
        super().__init__(f"{name} ended with exit code {code}, see {log}")
        self.name, self.code, self.log = name, code, log


@dataclass(frozen=True, slots=True)
class Workspace:
    """One run's worktree. It may not exist yet, or no more: `open_run` makes it, `close` removes it."""

    root: Path
    name: str

    @classmethod
    def of(cls, root: Path, run_id: str) -> "Workspace":
        """The workspace of a run of any id; what neither a branch nor a folder may be called becomes a dash."""
        name = re.sub(r"\.{2,}|[^A-Za-z0-9_.-]+", "-", run_id).lstrip(".-")
        name = re.sub(r"(\.lock|[.-])+$", "", name)
        if not name:
            raise BadInput(f"run {run_id!r}", "a run's id has a letter or a digit", "choose another")
        return cls(root.absolute(), name)

    @property
    def path(self) -> Path:
        return _runs(self.root) / self.name

    @property
    def branch(self) -> str:
        return f"runs/{self.name}"

    @property
    def is_open(self) -> bool:
        return self._ready.is_file()

    @property
    def is_busy(self) -> bool:
        return bool(processes.members(self._session))

    @property
    def _ready(self) -> Path:
        return self.path / "var" / "ready"

    @property
    def _session(self) -> Path:
        return self.path / "var" / "session.json"

    def log(self, name: str) -> Path:
        """What the stage or command of that name wrote last."""
        return self.path / "var" / "logs" / f"{name}.log"

    def progress(self, name: str) -> Path:
        """The progress lines of that stage or command, see `pipelines.progress`."""
        return self.path / "var" / "progress" / f"{name}.jsonl"

    def opened(self) -> "Workspace":
        """Itself, where it stands.

        Raises:
            BadInput: there is no open run of that name.
        """
        if not self.is_open:
            raise BadInput(f"run {self.name}", f"{self.path} is not open", f"open it: radassist run open {self.name}")
        return self

    def reproduce(self, stage: str) -> Outcome:
        """Bring one stage up to date. A stage that was killed half-way goes on from what it left in `checkpoints/`.

        Raises:
            CommandError: the stage failed; `code` is that of the stage's own command where DVC tells it.
        """
        code, output = self._run(stage, [sys.executable, "-m", "dvc", "repro", "-s", stage])
        if code != 0:
            told = re.findall(r"failed to run: .*, exited with (-?\d+)", output)
            raise CommandError(stage, int(told[-1]) if told else code, self.log(stage))
        if f"Running stage '{stage}':" in output:
            return Outcome.RAN
        return Outcome.RESTORED if f"Stage '{stage}' is cached" in output else Outcome.UNCHANGED

    def call(self, command: str, *arguments: str) -> None:
        """Run `radassist COMMAND ARGUMENTS...` as this commit has it; the log's name is `call-COMMAND`.

        Raises:
            CommandError: it ended with another exit code than 0.
        """
        name = f"call-{command}"
        code, _ = self._run(name, [sys.executable, "-m", "pipelines.cli", command, *arguments])
        if code != 0:
            raise CommandError(command, code, self.log(name))

    def commit(self) -> str:
        """Commit `dvc.lock`, the metrics and the verdict on the run's branch, and return the commit."""
        written = [name for name in WRITTEN_BY_A_RUN if (self.path / name).exists()]
        with self._exclusively():
            if written:
                git(self.path, "add", "--all", "--", *written)
            if git(self.path, "diff", "--cached", "--name-only"):
                git(self.path, *author(self.path), "commit", "--quiet", "-m", f"Run {self.name}")
        return git(self.path, "rev-parse", "HEAD")

    def stop(self) -> None:
        """End what is running here."""
        processes.stop(self._session)

    def close(self) -> None:
        """Remove the worktree. The branch stays, and with it the lock, the metrics and the verdict, once committed."""
        self.stop()
        if self.path.is_dir():
            git(self.root, "worktree", "remove", "--force", "--force", str(self.path))

    def _open(self, triggered_by: str | Automatic | None, reason: str | None) -> None:
        """Make the worktree: of a run that was closed from its branch, with what it had made, else from a snapshot."""
        git(self.root, "worktree", "prune")
        if self.path.exists():  # an opening that was killed half-way
            shutil.rmtree(self.path)
            git(self.root, "worktree", "prune")
        is_again = bool(git(self.root, "branch", "--list", self.branch))
        if is_again:
            git(self.root, "worktree", "add", "--quiet", str(self.path), self.branch)
        else:
            commit = snapshot(self.root, snapshot_message(self.name, triggered_by, reason))
            git(self.root, "worktree", "add", "--quiet", "-b", self.branch, str(self.path), commit)
        config = DVC_CONFIG.format(worktree=self.path, cache=_cache(self.root))
        (self.path / ".dvc" / "config.local").write_text(config)
        if (self.path / "data.dvc").is_file():
            code, _ = self._run("checkout", [sys.executable, "-m", "dvc", "checkout", "data.dvc"])
            if code != 0:
                raise BadInput("data.dvc", "its bytes must be in the DVC cache", "run `dvc fetch data.dvc` first")
        if is_again:
            self._run("checkout", [sys.executable, "-m", "dvc", "checkout", "--allow-missing"])
        if (self.path / "champion").is_dir():
            self.call("champion")
        self._ready.parent.mkdir(exist_ok=True)
        self._ready.touch()

    def _environment(self, name: str) -> dict[str, str]:
        """The commit's own code before the installed one, the environment's programs first, and no telemetry."""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
        own = {"PATH": path, "PYTHONPATH": str(self.path), "SHELL": "/bin/sh"}
        return hookless_environment() | own | {"RADASSIST_PROGRESS": str(self.progress(name))}

    def _run(self, name: str, command: Sequence[str]) -> tuple[int, str]:
        """Run one command here, alone; its output goes to the log and to standard output as it comes."""
        self.log(name).parent.mkdir(parents=True, exist_ok=True)
        with self._exclusively(), self.log(name).open("wb") as log:
            processes.stop(self._session)  # left behind by an attempt that was killed, and so are DVC's own locks
            (self.path / ".dvc" / "tmp" / "rwlock").unlink(missing_ok=True)
            if self.is_open:
                self._ready.touch()  # the run that was used last is closed last
            self.progress(name).unlink(missing_ok=True)
            try:
                process = processes.start(
                    command, self._session, cwd=self.path, env=self._environment(name), output=subprocess.PIPE
                )
                output = b"".join(_copied(processes.lines(process), log))
                code = process.wait()
            finally:
                processes.stop(self._session)
        return code, output.decode(errors="replace")

    def _exclusively(self) -> contextlib.AbstractContextManager[None]:
        """DVC and git allow one writer a worktree; a second waits."""
        return locked(self.path / "var" / "lock")


def open_run(
    root: Path,
    run_id: str,
    triggered_by: str | Automatic | None = None,
    *,
    reason: str | None = None,
    keep: int = KEPT,
) -> Workspace:
    """The run's workspace, made from a snapshot of `root`, or as it stands where it is open already.

    Of the other worktrees, those that were used longest ago are closed, so that `keep` remain; one at work is spared.

    Args:
        triggered_by: who or what started the run, which its snapshot keeps; None where nobody knows.
        reason: what a drift asked for it with.

    Raises:
        BadInput: `root` is no git repository with DVC, or its data is not in the cache.
    """
    workspace = Workspace.of(root, run_id)
    if not (workspace.root / ".dvc").is_dir() or not (workspace.root / ".git").exists():
        raise BadInput(f"{workspace.root}", "a run starts in a git repository with DVC", "pass the project's root")
    with locked(_runs(workspace.root) / ".lock"):
        if not workspace.is_open:
            workspace._open(triggered_by, reason)
        others = [other for other in open_runs(workspace.root) if other != workspace]
        for other in others[: max(0, len(others) + 1 - keep)]:
            if not other.is_busy:
                other.close()
    return workspace


def open_runs(root: Path) -> list[Workspace]:
    """The runs whose worktrees stand, the one last used last."""
    found = (Workspace(root.absolute(), folder.name) for folder in _runs(root).glob("*") if folder.is_dir())
    return sorted((run for run in found if run.is_open), key=lambda run: run._ready.stat().st_mtime)


def snapshot(root: Path, message: str) -> str:
    """Commit the working tree as it stands, by an index of its own and on no branch, and return the commit."""
    users = Path(git(root, "rev-parse", "--path-format=absolute", "--git-path", "index"))
    known = users if users.is_file() else None  # spares git the reading of every file that did not change
    return commit_aside(root, message, ("add", "--all"), index=known)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock that ends with the process at the latest; wait for it where another holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _runs(root: Path) -> Path:
    return root.absolute() / "var" / "runs"


def _cache(root: Path) -> Path:
    """The folder of the DVC cache that `root` uses."""
    from dvc.config import Config

    return root / str(Config(str(root / ".dvc"))["cache"].get("dir", ".dvc/cache"))


def _copied(source: Iterable[bytes], log: IO[bytes]) -> Iterator[bytes]:
    for line in source:
        log.write(line)
        log.flush()
        print(line.decode(errors="replace"), end="", flush=True)
        yield line
