"""Files that are whole whoever reads them, and whenever: they are written aside, and put in place in one step."""

import os
from pathlib import Path


def write_whole(path: Path, content: str | bytes) -> None:
    """Put a file in place of the one before, in a folder that is made where it is not there. Text is UTF-8.

    Raises:
        OSError: it could not be written; what was there is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")  # two processes may write the same file
    try:
        draft.write_bytes(content.encode() if isinstance(content, str) else content)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
