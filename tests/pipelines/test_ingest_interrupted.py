"""What a kill, Ctrl-C or a full disk cuts short: the old set stands, and a rerun gives what a whole one gives."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from model.study import Study
from pipelines import batch, publish
from pipelines import ingest as stage
from pipelines.sources import Rejected
from tests.pipelines.test_ingest import InMemory, bring, studies, study, tree

ROOT = Path(__file__).resolve().parents[2]


def items(folder: Path) -> list[Study | Rejected]:
    """A second batch after `studies(folder, range(6))`: known studies, new ones, one rejected, one that repeats."""
    repeated = replace(study(folder, 8), study_id="s800", patient_id="somebody else")
    return [*studies(folder, range(4, 26)), Rejected("s900", "no report"), repeated]


def in_a_process(script: str, folder: Path, *before: str) -> "subprocess.CompletedProcess[str]":
    """Run Python code that knows this module as `t` and the folder as `here`."""
    head = f"""
import os, shutil, signal, sys
from pathlib import Path
import tests.pipelines.test_ingest_interrupted as t
here = Path({str(folder)!r})
t.batch.STEP = 4
"""
    (folder / "script.py").write_text(head + script)
    command = [*before, sys.executable, str(folder / "script.py")]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    # Its outputs end with the last process that holds them: workers that outlived a kill would run into the time-out.
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=300, env=environment)


EVERY_MOMENT = """
TOUCHES = {"open", "os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "ctypes.dlsym"}

def ingest_until(moment, data):
    seen = 0

    def watch(event, arguments):
        nonlocal seen
        if event in TOUCHES:
            seen += event.startswith("ctypes") or str(here) in str(arguments[0])
            if seen == moment:
                os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        sys.addaudithook(watch)
        t.bring(t.items(here), data)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0

def moments(old, clean):
    data = here / "work" / "data"
    before, after = t.tree(old), t.tree(clean)
    for moment in range(1, 10_000, 5):
        shutil.rmtree(data.parent, ignore_errors=True)
        data.parent.mkdir()
        if old.is_dir():
            shutil.copytree(old, data)
        if ingest_until(moment, data):
            return moment
        assert t.tree(data) in (before, after), moment
        t.bring(t.items(here), data)
        assert t.tree(data) == after, moment
        assert os.listdir(data.parent) == ["data"], moment

t.bring(t.studies(here, range(6)), here / "old" / "data")
shutil.copytree(here / "old", here / "second")
t.bring(t.items(here), here / "second" / "data")
t.bring(t.items(here), here / "first" / "data")
print(moments(here / "old" / "data", here / "second" / "data"), moments(here / "none", here / "first" / "data"))
"""


def test_killed_at_any_moment_it_is_completed_by_a_rerun(tmp_path: Path) -> None:
    """A child dies at every fifth thing that it does to a file or folder, from the first to the last."""
    done = in_a_process(EVERY_MOMENT, tmp_path)
    assert done.returncode == 0, done.stderr
    assert all(int(moments) > 80 for moments in done.stdout.split()), done.stdout


KILLED_WITH_WORKERS = """
class Deadly(t.InMemory):
    def studies(self):
        for index, item in enumerate(self.items):
            if index == 17:
                os.kill(os.getpid(), signal.SIG{how})
            yield item

if __name__ == "__main__":
    t.stage.open_source = lambda name, root: Deadly(t.items(here))
    from pipelines.cli import main
    sys.exit(main(["ingest", "--source", "test", "--root", str(here), "--data", str(here / "here" / "data")]))
"""


@pytest.mark.parametrize(("how", "code"), [("KILL", -signal.SIGKILL), ("INT", 130)])
def test_killed_or_interrupted_it_takes_its_workers_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, code: int
) -> None:
    data, clean = tmp_path / "here" / "data", tmp_path / "clean" / "data"
    for place in (data, clean):
        bring(studies(tmp_path, range(6)), place)
    old = tree(data)
    bring(items(tmp_path), clean)
    monkeypatch.setenv("RADASSIST_PROGRESS", str(tmp_path / "progress.jsonl"))
    done = in_a_process(KILLED_WITH_WORKERS.format(how=how), tmp_path)
    assert done.returncode == code, done.stderr
    if how == "INT":
        assert done.stderr == "radassist ingest: interrupted\n"
    assert tree(data) == old
    bring(items(tmp_path), data)
    assert tree(data) == tree(clean)
    assert [path.name for path in data.parent.iterdir()] == ["data"]


class Interrupted(InMemory):
    """Ends in Ctrl-C after so many studies."""

    after = 17

    def studies(self) -> Iterator[Study | Rejected]:
        yield from self.items[: self.after]
        raise KeyboardInterrupt


def interrupt(batch_items: list[Study | Rejected], data: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        stage.ingest(Interrupted(batch_items), "test", data, 0)


@pytest.fixture
def decided(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The studies that are read and decided on, from here on; a step is of four."""
    seen: list[str] = []
    admit = stage.admit

    def noting(candidate: stage.Candidate, **given: object) -> object:
        seen.append(candidate.study.study_id)
        return admit(candidate, **given)  # type: ignore[arg-type]

    monkeypatch.setattr(stage, "admit", noting)
    monkeypatch.setattr(batch, "STEP", 4)
    return seen


def test_a_rerun_goes_on_where_the_other_stopped(tmp_path: Path, decided: list[str]) -> None:
    given, data, clean = items(tmp_path), tmp_path / "here" / "data", tmp_path / "clean" / "data"
    interrupt(given, data)
    interrupt(given, data)
    assert len(decided) == 17 + 1
    figures = bring(given, data)
    assert decided[18:] == [item.study_id for item in given[16:]]
    assert (figures.n_new, figures.n_quarantined) == (22, 2)
    assert figures == bring(given, clean)
    assert tree(data) == tree(clean)


def test_what_changed_in_between_is_read_anew(tmp_path: Path, decided: list[str]) -> None:
    given, data, clean = items(tmp_path), tmp_path / "here" / "data", tmp_path / "clean" / "data"
    whole = given[6].images[0].path.read_bytes()  # type: ignore[union-attr]
    given[6].images[0].path.write_bytes(whole[:-9])  # type: ignore[union-attr]
    interrupt(given, data)
    given[6].images[0].path.write_bytes(whole)  # type: ignore[union-attr]
    given.insert(10, study(tmp_path, 30))
    decided.clear()
    bring(given, data)
    assert decided == [item.study_id for item in given[6:]]
    bring(given, clean)
    assert tree(data) == tree(clean)


@pytest.mark.parametrize("other", ["set", "key", "source"])
def test_another_task_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decided: list[str], other: str
) -> None:
    given, data = items(tmp_path), tmp_path / "here" / "data"
    interrupt(given, data)
    name = "test"
    if other == "set":
        bring(studies(tmp_path, range(40, 42)), tmp_path / "new" / "data")
        (tmp_path / "new" / "data").rename(data)
    elif other == "key":
        monkeypatch.setenv("RADASSIST_PATIENT_KEY", "another secret")
    else:
        name = "other"
    decided.clear()
    stage.ingest(InMemory(given), name, data, 0)
    assert len(decided) == len(given)


def test_a_torn_journal_counts_up_to_where_it_is_whole(tmp_path: Path, decided: list[str]) -> None:
    given, data, clean = items(tmp_path), tmp_path / "here" / "data", tmp_path / "clean" / "data"
    interrupt(given, data)
    journal = data.parent / ".data.draft" / "batch" / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:6]) + lines[6][:40])
    decided.clear()
    bring(given, data)
    assert decided == [item.study_id for item in given[5:]]
    bring(given, clean)
    assert tree(data) == tree(clean)


def test_without_an_exchange_of_folders_a_kill_between_two_renames_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What systems without renameat2 go through."""
    data, clean = tmp_path / "here" / "data", tmp_path / "clean" / "data"
    for place in (data, clean):
        bring(studies(tmp_path, range(6)), place)
    bring(items(tmp_path), clean)

    def stop_half_way(draft: Path, folder: Path) -> bool:
        folder.rename(draft.parent / "previous")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(publish, "_exchanged", stop_half_way)
        with pytest.raises(KeyboardInterrupt):
            bring(items(tmp_path), data)
    assert not data.exists()
    monkeypatch.setattr(publish, "_exchanged", lambda draft, folder: False)
    bring(items(tmp_path), data)
    assert tree(data) == tree(clean)
    assert [path.name for path in data.parent.iterdir()] == ["data"]


IN_A_SMALL_WORLD = ("unshare", "--user", "--map-root-user", "--mount")

FULL_DISK = """
import contextlib, io, subprocess
from pipelines.cli import main

disk = here / "disk"
data = disk / "data"

def kilobytes(size):
    how = "remount," if disk.is_mount() else ""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"{how}size={size}k", "tmpfs", disk], check=True)

def ingest():
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        code = main(["ingest", "--source", "test", "--root", str(here), "--data", str(data)])
    return code, said.getvalue()

if __name__ == "__main__":
    os.environ["RADASSIST_PROGRESS"] = str(here / "progress.jsonl")
    disk.mkdir()
    t.bring(t.studies(here, range(6)), here / "clean" / "data")
    old = t.tree(here / "clean" / "data")
    t.stage.open_source = lambda name, root: t.InMemory(t.items(here))
    t.stage.map_in_order = lambda decide, candidates, *_, **__: map(decide, candidates)  # no processes to start
    t.bring(t.items(here), here / "clean" / "data")
    failed = 0
    kilobytes(10_000)
    for spare in range(0, 400, 16):
        kilobytes(10_000)
        for left in disk.iterdir():
            shutil.rmtree(left)
        t.bring(t.studies(here, range(6)), data)
        used = shutil.disk_usage(disk).used // 1024
        kilobytes(used + spare)
        code, said = ingest()
        if code != 0:
            failed += 1
            assert code == 2, code
            assert said.startswith("radassist ingest: ") and said.count("\\n") == 1, said
            assert "no space left on device; make room" in said, said
            assert t.tree(data) == old, spare
            kilobytes(10_000)
            assert ingest()[0] == 0
        assert t.tree(data) == t.tree(here / "clean" / "data"), spare
        assert not (disk / ".data.draft").exists()
        if not said:
            break
    print(failed)
"""


def test_a_full_disk_is_said_in_a_line_and_with_room_a_rerun_completes(tmp_path: Path) -> None:
    """A real file system of so many kilobytes, full at one point of the ingest after another."""
    if subprocess.run([*IN_A_SMALL_WORLD, "true"], check=False, capture_output=True).returncode:
        pytest.skip("mounting a file system takes a user namespace, which is not to be had here")
    done = in_a_process(FULL_DISK, tmp_path, *IN_A_SMALL_WORLD)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 8


def test_a_disk_that_fails_otherwise_is_not_called_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(stage, "write_manifest", broken)
    with pytest.raises(OSError, match="Input/output error"):
        bring(studies(tmp_path, range(2)), tmp_path / "data")
