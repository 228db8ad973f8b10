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
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def workshop_of(folder: Path) -> Iterator[Path]:
    """A hidden folder beside `folder` to build its successor in, for one builder at a time.

    A builder that fails or is killed leaves what it has there, for the next to go on with. One that comes to its end
    takes it away.

    Raises:
        BadInput: another process is building; the disk is full.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    shop = folder.parent / f".{folder.name}.draft"
    previous = shop / "previous"
    with _alone_in(folder.parent), enough_room(folder.parent):
        if previous.exists() and not folder.exists():
            previous.rename(folder)
        shutil.rmtree(previous, ignore_errors=True)
        shop.mkdir(exist_ok=True)
        (shop / ".gitignore").write_text("*\n")
        yield shop
        shutil.rmtree(shop)


@contextmanager
def enough_room(folder: Path) -> Iterator[None]:
    """Turn a full disk, quota or file size limit into an error that says what to do.

    Raises:
        BadInput: no space is left.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        said = os.strerror(error.errno).lower()
        raise BadInput(str(folder), f"writing there failed, {said}", "make room, then do the same again") from error


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
    """Put `draft`, in `workshop_of(folder)`, in the place of `folder`, which need not exist."""
    for path in draft.rglob("*"):
        _sync(path)
    if not folder.exists():
        draft.rename(folder)
    elif not _exchanged(draft, folder):
        folder.rename(draft.parent / "previous")
        draft.rename(folder)


def _sync(path: Path) -> None:
    """Bring a file or a folder's list of names to the disk, so that a power cut after the exchange finds it whole."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


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
