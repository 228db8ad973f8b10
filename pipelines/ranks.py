"""The processes of one machine that train as one: on a CPU, each on cores of its own.

Two threads of a small model mostly wait for each other; two processes that share each batch out exchange its gradients
and no more. They meet in a file and speak over the loopback device: nothing of them can be reached from another
machine. A launcher's processes (`torchrun`, `accelerate launch`) have met before.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

MEETING = "RADASSIST_MEETING"
"""Names the file in which the processes find each other, to those that the first one starts."""


@contextmanager
def ranks(count: int, command: Sequence[str], meeting: Path) -> Iterator[None]:
    """Within this context the process is one of `count`, which know each other; the first starts the others.

    Args:
        command: what another one runs, up to this same context. meeting: a file that no one else uses.

    Raises:
        subprocess.CalledProcessError: another one failed where this one did not.
    """
    if MEETING in os.environ:
        with met(os.environ):
            yield
    elif count == 1 or "WORLD_SIZE" in os.environ:
        yield
    else:
        meeting.parent.mkdir(parents=True, exist_ok=True)
        meeting.unlink(missing_ok=True)
        places = [place(meeting.resolve(), rank, count) for rank in range(count)]
        others = [subprocess.Popen(command, env=os.environ | own, stdin=subprocess.DEVNULL) for own in places[1:]]
        os.environ.update(places[0])
        try:
            with met(places[0]):
                yield
        except BaseException:
            for other in others:
                other.kill()
            raise
        finally:
            codes = [other.wait() for other in others]
            for name in places[0]:
                del os.environ[name]
            meeting.unlink(missing_ok=True)
        if code := max(codes, key=abs):
            raise subprocess.CalledProcessError(code, command)


def place(meeting: Path, rank: int, count: int) -> dict[str, str]:
    """What torch and Accelerate read of a process's place among the others."""
    return {
        MEETING: str(meeting),
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "GLOO_SOCKET_IFNAME": "lo0" if sys.platform == "darwin" else "lo",
        "OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // count)),
    }


@contextmanager
def met(own: Mapping[str, str]) -> Iterator[None]:
    """Within this context torch's processes are connected."""
    import torch

    torch.set_num_threads(int(own["OMP_NUM_THREADS"]))
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{own[MEETING]}", rank=int(own["RANK"]), world_size=int(own["WORLD_SIZE"])
    )
    yield
    torch.distributed.destroy_process_group()
