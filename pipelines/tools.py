"""Other programs, run to their end."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from model.errors import RadAssistError


class ToolError(RadAssistError):
    """A program ended with an error; the text is the program's own line on it, `output` all that it said."""

    def __init__(self, text: str, output: str) -> None:
        super().__init__(text)
        self.output = output


def output_of(what: str, command: Sequence[str], root: Path, environment: Mapping[str, str]) -> str:
    """What a program that runs in `root` writes to standard output. `what` it is to do stands in the error.

    Raises:
        ToolError: it ended with another exit code than 0.
    """
    done = subprocess.run(list(command), cwd=root, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line] or ["no word on why"]
        told = next((line for line in lines if line.startswith(("ERROR", "fatal", "error"))), lines[-1])
        raise ToolError(f"{what} in {root} failed: {told.removeprefix('ERROR: ')}", done.stderr)
    return done.stdout
