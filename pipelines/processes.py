"""Processes that may outlive the one that started them. Each leads a session of its own, named in a pid file.

The session is the handle, not the process: a number that names a living session is not given to a new process, so all
that the leader left behind can be found and ended even after the leader itself was killed.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import psutil

GRACE_SECONDS = 10.0
CLOCK_SLACK_SECONDS = 2.0  # a process's start is reckoned from boot, which a clock correction moves


def start(
    command: Sequence[str], pid_file: Path, *, cwd: Path, env: Mapping[str, str], output: IO[bytes] | int
) -> subprocess.Popen[bytes]:
    """Start `command` as the leader of a new session, with both outputs to `output`, and write its pid file."""
    process = subprocess.Popen(
        list(command),
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    pid_file.parent.mkdir(parents=True, exist_ok=True)
    pid_file.write_text(json.dumps({"pid": process.pid, "started": psutil.Process(process.pid).create_time()}))
    return process


def lines(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """What a process that was started with `output=subprocess.PIPE` writes, until it and its children are done."""
    if process.stdout is None:
        raise ValueError("the process writes elsewhere, not to a pipe")
    with process.stdout:
        yield from process.stdout


def members(pid_file: Path) -> list[psutil.Process]:
    """The living processes of the session that the file names. None, where its number now belongs to another."""
    if not pid_file.is_file():
        return []
    record = json.loads(pid_file.read_text())
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError, PermissionError):
            if os.getsid(process.pid) != record["pid"]:
                continue
            late = process.create_time() - record["started"]
            if late < -CLOCK_SLACK_SECONDS or (process.pid == record["pid"] and late > CLOCK_SLACK_SECONDS):
                return []
            if _lives(process):
                found.append(process)
    return found


def listens(pid_file: Path, port: int) -> bool:
    """Whether it is this session that has the port, and not another program that was quicker."""
    for process in members(pid_file):
        with suppress(psutil.Error):
            for connection in process.net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                    return True
    return False


def stop(*pid_files: Path, grace_seconds: float = GRACE_SECONDS) -> list[Path]:
    """End these sessions and all that descends from them: asked first, then killed. Returns which of them lived."""
    found = {pid_file: members(pid_file) for pid_file in pid_files}
    ours = {process for session in found.values() for member in session for process in (member, *_descendants(member))}
    for ask in (psutil.Process.terminate, psutil.Process.kill):
        for process in filter(_lives, ours):
            with suppress(psutil.NoSuchProcess):
                ask(process)
        end = time.monotonic() + grace_seconds
        while any(map(_lives, ours)) and time.monotonic() < end:
            time.sleep(0.05)
    for pid_file in pid_files:
        pid_file.unlink(missing_ok=True)
    return [pid_file for pid_file, session in found.items() if session]


def _lives(process: psutil.Process) -> bool:
    """Whether it runs. One that ended and that its parent has not asked about yet does not."""
    with suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return list(process.children(recursive=True))
    return []
