"""Versions of data/: DVC keeps the bytes, git keeps which bytes they were.

DVC names a version by the md5 of its listing, which data.dvc records. Each version's data.dvc and data.profile.json are
kept in a commit of their own under refs/radassist/data/MD5, so that an md5 alone brings them back, whatever became of
branches. The commit's tree is HEAD's with these two in it; making it touches neither the index, nor a branch, nor the
working tree.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from model.errors import BadInput
from pipelines.git import ask, commit_aside, git, hookless_environment
from pipelines.profile import PROFILE, profiled_version, write_profile
from pipelines.tools import ToolError, output_of
from pipelines.whole_files import write_whole

REFS = "refs/radassist/data/"
POINTER = "data.dvc"


@dataclass(frozen=True, slots=True)
class DataVersion:
    """A version of data/: the md5 as data.dvc records it (`.dir` included), and the commit that keeps it."""

    md5: str
    commit: str


def dvc(root: Path, *arguments: str) -> str:
    """Run DVC in `root`, telemetry off; return its standard output.

    Raises:
        ToolError: DVC ended with an error.
    """
    program = str(Path(sys.executable).with_name("dvc"))
    return output_of(f"dvc {' '.join(arguments[:2])}", [program, *arguments], root, hookless_environment())


def unversioned(data: Path) -> str | None:
    """Why a set cannot be versioned, or None: only data/ in the root of a DVC and git repository can."""
    root = data.absolute().parent
    if data.name != "data":
        return f"{data} is not called data"
    if not (root / ".dvc").is_dir():
        return f"{root} is not a DVC repository"
    return f"{root} is not in a git repository" if ask(root, "rev-parse", "--git-dir") is None else None


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
    """Keep the version that data.dvc names, with its profile, under its ref. Doing so again changes nothing.

    Raises:
        BadInput: there is no data.dvc.
    """
    md5 = data_md5(root)
    if md5 is None:
        raise BadInput(str(root / POINTER), "a version of the data has a data.dvc", "run radassist ingest first")
    return DataVersion(md5, _kept(root, md5) or _commit(root, md5))


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
    """Bring data/, data.dvc and data.profile.json back to a version, from the cache or the default remote.

    Args:
        md5: the version's md5; its first digits do, as long as only one version has them.

    Returns:
        The whole md5.

    Raises:
        BadInput: no version, or more than one, begins so; or data/ holds what no version has.
        ToolError: the version's files are neither in the cache nor in the remote.
    """
    version = _version(root, md5)
    pointer, profile = root / POINTER, root / PROFILE
    before = pointer.read_text() if pointer.is_file() else None
    if before is not None:
        commit_data_version(root)
    write_whole(pointer, git(root, "show", f"{REFS}{version}:./{POINTER}") + "\n")
    try:
        dvc(root, "pull", POINTER)
    except ToolError as error:
        if before is None:
            pointer.unlink()
            raise
        write_whole(pointer, before)
        if "unsaved files" in error.output:
            raise BadInput("data/", "it holds files that no version has", "ingest again, or take data/ away") from error
        dvc(root, "checkout", POINTER)
        raise
    if kept := ask(root, "show", f"{REFS}{version}:./{PROFILE}"):
        write_whole(profile, kept + "\n")
    else:  # a version from before there were profiles
        profile.unlink(missing_ok=True)
        write_profile(root, version)
    return version


def _version(root: Path, md5: str) -> str:
    names = git(root, "for-each-ref", f"--format=%(refname:lstrip={REFS.count('/')})", REFS).split()
    found = [name for name in names if name.startswith(md5)]
    if len(found) != 1:
        rule = "several versions begin so" if found else f"no version of {len(names)} begins so"
        raise BadInput(f"md5 {md5}", rule, f"list them with git for-each-ref {REFS}")
    return found[0]


def _kept(root: Path, md5: str) -> str:
    """The commit of a version, empty without one."""
    return git(root, "for-each-ref", "--format=%(objectname)", REFS + md5)


def _commit(root: Path, md5: str) -> str:
    """Commit HEAD's tree with the present data.dvc and its profile, and point the version's ref at it."""
    head = ask(root, "rev-parse", "--verify", "--quiet", "HEAD")
    own = (POINTER, PROFILE) if profiled_version(root) == md5 else (POINTER,)
    commit = commit_aside(
        root,
        f"data version {md5}",
        ("read-tree", head or "--empty"),
        ("rm", "--cached", "--force", "--quiet", "--ignore-unmatch", "--", PROFILE),  # another version's
        ("add", "--force", "--", *own),
    )
    git(root, "update-ref", REFS + md5, commit)
    return commit


def _md5_of(pointer: str) -> str:
    return str(yaml.safe_load(pointer)["outs"][0]["md5"])
