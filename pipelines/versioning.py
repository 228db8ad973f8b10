"""Versions of data/: DVC keeps the bytes, git keeps which bytes they were.

DVC names a version by the md5 of its listing, which data.dvc records. Each version's data.dvc is kept in a commit of
its own under refs/radassist/data/MD5, so that an md5 alone brings it back, whatever became of branches. The commit's
tree is HEAD's with that data.dvc in it; making it touches neither the index, nor a branch, nor the working tree.
"""

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from model.errors import BadInput, RadAssistError
from pipelines.environment import quiet_environment

REFS = "refs/radassist/data/"
POINTER = "data.dvc"


class ToolError(RadAssistError):
    """DVC or git ended with an error; the text is the tool's own, `output` all that it said."""

    def __init__(self, text: str, output: str) -> None:
        super().__init__(text)
        self.output = output


@dataclass(frozen=True, slots=True)
class DataVersion:
    """A version of data/: the md5 as data.dvc records it (`.dir` included), and the commit that keeps it."""

    md5: str
    commit: str


def dvc(root: Path, *args: str, env: Mapping[str, str] | None = None) -> str:
    """Run DVC in `root`, telemetry off; return its standard output.

    Args:
        env: variables to set on top of this process's.

    Raises:
        ToolError: DVC ended with an error.
    """
    return _run([str(Path(sys.executable).with_name("dvc")), *args], root, env)


def unversioned(data: Path) -> str | None:
    """Why a set cannot be versioned, or None: only data/ in the root of a DVC and git repository can."""
    root = data.absolute().parent
    if data.name != "data":
        return f"{data} is not called data"
    if not (root / ".dvc").is_dir():
        return f"{root} is not a DVC repository"
    found = subprocess.run(["git", "-C", str(root), "rev-parse", "--git-dir"], capture_output=True, check=False)
    return f"{root} is not in a git repository" if found.returncode else None


def add_and_push(root: Path) -> str:
    """Make what stands in data/ a version: into the cache, data.dvc and the default remote. Return its md5.

    Raises:
        ToolError: no default remote, or it does not answer; `data.dvc` names the version all the same.
    """
    dvc(root, "add", "data")
    dvc(root, "push", POINTER)
    return _md5_of((root / POINTER).read_text())


def data_md5(root: Path) -> str | None:
    """The md5 of the version that data.dvc names; None where there is none yet."""
    pointer = root / POINTER
    return _md5_of(pointer.read_text()) if pointer.is_file() else None


def commit_data_version(root: Path) -> DataVersion:
    """Keep the version that data.dvc names under its ref. Doing so again changes nothing.

    Raises:
        BadInput: there is no data.dvc.
    """
    md5 = data_md5(root)
    if md5 is None:
        raise BadInput(str(root / POINTER), "a version of the data has a data.dvc", "run radassist ingest first")
    return DataVersion(md5, _kept(root, md5) or _commit_pointer(root, md5))


def is_kept(root: Path, md5: str) -> bool:
    """Whether a version has its ref already."""
    return bool(_kept(root, md5))


def bring_present(root: Path) -> bool:
    """Bring data/ where only data.dvc is, as in a fresh clone. False where cache and remote both lack its files.

    Raises:
        ToolError: the remote does not answer.
    """
    if not (root / POINTER).is_file():
        return True
    try:
        dvc(root, "pull", POINTER)
    except ToolError as error:
        if "error.dvc.org/missing-files" not in error.output:
            raise
        return False
    return True


def restore(root: Path, md5: str) -> str:
    """Bring data/ and data.dvc back to a version, from the cache or the default remote; return its whole md5.

    Args:
        md5: the version's md5; its first digits do, as long as only one version has them.

    Raises:
        BadInput: no version, or more than one, begins so; or data/ holds what no version has.
        ToolError: the version's files are neither in the cache nor in the remote.
    """
    version = _version(root, md5)
    pointer = root / POINTER
    before = pointer.read_text() if pointer.is_file() else None
    if before is not None:
        commit_data_version(root)
    _replace(pointer, _git(root, "show", f"{REFS}{version}:{_prefix(root)}{POINTER}") + "\n")
    try:
        dvc(root, "pull", POINTER)
    except ToolError as error:
        if before is None:
            pointer.unlink()
            raise
        _replace(pointer, before)
        if "unsaved files" in error.output:
            raise BadInput("data/", "it holds files that no version has", "ingest again, or take data/ away") from error
        dvc(root, "checkout", POINTER)
        raise
    return version


def _version(root: Path, md5: str) -> str:
    names = _git(root, "for-each-ref", f"--format=%(refname:lstrip={REFS.count('/')})", REFS).split()
    found = [name for name in names if name.startswith(md5)]
    if len(found) != 1:
        rule = "several versions begin so" if found else f"no version of {len(names)} begins so"
        raise BadInput(f"md5 {md5}", rule, f"list them with git for-each-ref {REFS}")
    return found[0]


def _kept(root: Path, md5: str) -> str:
    """The commit of a version, empty without one."""
    return _git(root, "for-each-ref", "--format=%(objectname)", REFS + md5)


def _commit_pointer(root: Path, md5: str) -> str:
    """Commit HEAD's tree with the present data.dvc through an index of its own, and point the version's ref at it."""
    head = _git(root, "rev-parse", "HEAD") if _has_head(root) else ""
    blob = _git(root, "hash-object", "-w", POINTER)
    with tempfile.TemporaryDirectory() as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        _git(root, "read-tree", head or "--empty", env=index)
        _git(root, "update-index", "--add", "--cacheinfo", f"100644,{blob},{_prefix(root)}{POINTER}", env=index)
        tree = _git(root, "write-tree", env=index)
    parents = ["-p", head] if head else []
    commit = _git(root, *_identity(root), "commit-tree", tree, *parents, "-m", f"data version {md5}")
    _git(root, "update-ref", REFS + md5, commit)
    return commit


def _has_head(root: Path) -> bool:
    return _answers(root, "rev-parse", "--verify", "--quiet", "HEAD")


def _identity(root: Path) -> list[str]:
    """Options that name a committer where nobody configured one."""
    if _answers(root, "config", "user.name") and _answers(root, "config", "user.email"):
        return []
    return ["-c", "user.name=radassist", "-c", "user.email=radassist@localhost"]


def _prefix(root: Path) -> str:
    """The path of `root` inside its git repository, empty or ending in a slash."""
    return _git(root, "rev-parse", "--show-prefix")


def _md5_of(pointer: str) -> str:
    return str(yaml.safe_load(pointer)["outs"][0]["md5"])


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(text)
    draft.replace(path)


def _git(root: Path, *args: str, env: Mapping[str, str] | None = None) -> str:
    return _run(["git", *args], root, env).strip()


def _answers(root: Path, *args: str) -> bool:
    return subprocess.run(["git", "-C", str(root), *args], capture_output=True, check=False).returncode == 0


def _run(command: list[str], root: Path, env: Mapping[str, str] | None) -> str:
    done = subprocess.run(
        command, cwd=root, env={**quiet_environment(), **(env or {})}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line] or ["no word on why"]
        told = next((line for line in lines if line.startswith(("ERROR", "fatal", "error"))), lines[-1])
        what = f"{Path(command[0]).name} {' '.join(command[1:3])} in {root} failed"
        raise ToolError(f"{what}: {told.removeprefix('ERROR: ')}", done.stderr)
    return done.stdout
