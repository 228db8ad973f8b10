"""Replace a folder whole: readers see the old one or the new one, and a kill leaves one of the two."""

import ctypes
import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from model.errors import BadInput

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2  # linux/fs.h


@contextmanager
def draft_of(folder: Path) -> Iterator[Path]:
    """A new, empty folder beside `folder` to build its successor in, for one builder at a time.

    What a killed builder left is taken away first; what is left of this one, afterwards.

    Raises:
        BadInput: another process is building.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = folder.parent / f".{folder.name}.draft"
    draft, previous = work / "draft", work / "previous"
    with _alone_in(folder.parent):
        if previous.exists() and not folder.exists():
            previous.rename(folder)
        shutil.rmtree(work, ignore_errors=True)
        try:
            draft.mkdir(parents=True)
            (work / ".gitignore").write_text("*\n")
            yield draft
        finally:
            shutil.rmtree(work, ignore_errors=True)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise BadInput(str(folder), "one process at a time writes here", "wait until the other is done") from error
    finally:
        os.close(handle)


def publish(draft: Path, folder: Path) -> None:
    """Put `draft`, from `draft_of(folder)`, in the place of `folder`, which need not exist."""
    if not folder.exists():
        draft.rename(folder)
    elif not _exchanged(draft, folder):
        folder.rename(draft.parent / "previous")
        draft.rename(folder)


def _exchanged(one: Path, other: Path) -> bool:
    """Swap two folders in one step (renameat2, Linux 3.15); False where the system or its file system cannot."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    if rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), ctypes.c_uint(_RENAME_EXCHANGE)) == 0:
        return True
    if (code := ctypes.get_errno()) in (errno.EINVAL, errno.ENOSYS, errno.EPERM):
        return False
    raise OSError(code, os.strerror(code), str(one))
