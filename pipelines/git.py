"""Git, as the project calls it: no hook, no signature, no clean-up on the way; nobody is there to answer it."""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pipelines.environment import quiet_environment
from pipelines.tools import output_of

OPTIONS = ("-c", "gc.auto=0", "-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=false")
NAME, ADDRESS = "RadAssist", "radassist@localhost"
PROGRAM = f"{NAME} <{ADDRESS}>"  # nobody
AUTHOR = ("-c", f"user.name={NAME}", "-c", f"user.email={ADDRESS}")
SET_BY_HOOKS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY")


def git(root: Path, *arguments: str, index: Path | None = None) -> str:
    """What git answers in `root`, stripped.

    Args:
        index: the index to use instead of the checkout's own.

    Raises:
        ToolError: git ended with an error.
    """
    environment = hookless_environment() | ({"GIT_INDEX_FILE": str(index)} if index else {})
    what = f"git {' '.join(arguments[:2])}"
    return output_of(what, ["git", *OPTIONS, *arguments], root, environment).strip()


def ask(root: Path, *arguments: str) -> str | None:
    """What git answers in `root`, stripped; None where it fails, as outside a repository."""
    command = ["git", "-C", str(root), *arguments]
    done = subprocess.run(command, env=hookless_environment(), capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def hookless_environment() -> dict[str, str]:
    """This process's environment, without telemetry and without what a git hook says of another checkout."""
    return {name: value for name, value in quiet_environment().items() if name not in SET_BY_HOOKS}


def author(root: Path) -> tuple[str, ...]:
    """Options that name RadAssist where nobody said who commits; git's own guess would tell of the machine."""
    return () if ask(root, "-c", "user.useConfigOnly=true", "var", "GIT_COMMITTER_IDENT") else AUTHOR


def commit_aside(root: Path, message: str, *steps: Sequence[str], index: Path | None = None) -> str:
    """Commit what git commands make of an index of their own, and return the commit.

    It follows HEAD, where there is one, and is on no branch. Index, branch and files of the checkout stay as they are.

    Args:
        steps: the commands.
        index: the index that they begin with, an empty one by default.
    """
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / "index"
        if index is not None:
            shutil.copy2(index, own)
        for step in steps:
            git(root, *step, index=own)
        tree = git(root, "write-tree", index=own)
    head = ask(root, "rev-parse", "--verify", "--quiet", "HEAD")
    return git(root, *author(root), "commit-tree", tree, *(("-p", head) if head else ()), "-m", message)
