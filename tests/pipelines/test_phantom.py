"""The phantom as a command: the same bytes for the same seed, a folder that is finished, continued or refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

import pipelines.phantom
from model.errors import BadInput
from pipelines.cli import main
from pipelines.phantom import DRAFT, SEAL, PhantomArguments, write_phantom
from pipelines.sources.mimic_layout import MS_CXR_FILE
from pipelines.sources.phantom.plan import plan_studies
from pipelines.sources.phantom.scenario import Scenario
from pipelines.sources.phantom.writer import write_study

SMALL = PhantomArguments(studies=12, seed=3, size=64)

# Changes with any byte that the phantom writes: raise pipelines.phantom.EDITION along with it.
SMALL_SHA256 = "647324e7b6dd0e12ecb087779e3238b17b211ff5a2b683c977aabfbee89a337b"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("phantom") / "set"
    write_phantom(out, SMALL)
    return out


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


# -- the same seed, the same bytes


def test_bytes_are_those_of_every_other_platform(small: Path) -> None:
    assert json.loads((small / SEAL).read_text()) == {**SMALL.stated(), "sha256": SMALL_SHA256}


def test_another_run_in_several_processes_writes_the_same_tree(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipelines.phantom, "FEW", 1)
    write_phantom(tmp_path / "set", SMALL)
    assert tree(tmp_path / "set") == tree(small)


def test_a_longer_set_begins_with_the_shorter_one(small: Path, tmp_path: Path) -> None:
    write_phantom(tmp_path, replace(SMALL, studies=5))
    shorter, longer = tree(tmp_path), tree(small)
    del shorter[SEAL]
    fewer, more = (json.loads(files.pop(str(MS_CXR_FILE))) for files in (shorter, longer))
    for part in ("images", "annotations"):
        assert fewer[part] == more[part][: len(fewer[part])] != []
    assert len(shorter) > 5 * 3
    for name, content in shorter.items():
        assert longer[name].startswith(content) if name.endswith(".csv") else longer[name] == content


def test_another_seed_gives_another_set(small: Path, tmp_path: Path) -> None:
    digest = write_phantom(tmp_path, replace(SMALL, seed=4))
    assert digest != json.loads((small / SEAL).read_text())["sha256"]
    assert not set(map(str, tmp_path.rglob("*.dcm"))) & set(map(str, small.rglob("*.dcm")))


# -- the folder: finished, cut short, or somebody else's


def test_a_finished_set_is_left_alone(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipelines.phantom, "plan_studies", lambda *_: pytest.fail("it planned the set again"))
    assert write_phantom(small, SMALL) == json.loads((small / SEAL).read_text())["sha256"]


def test_a_set_cut_short_is_continued(small: Path, tmp_path: Path) -> None:
    first, second, *_ = plan_studies(SMALL.seed, SMALL.studies, SMALL.scenario)
    (tmp_path / DRAFT).write_text(json.dumps(SMALL.stated()))
    kept = write_study(tmp_path, first, SMALL.size)
    write_study(tmp_path, second, SMALL.size)
    damaged = next(tmp_path.glob(f"files/*/*/s{second.study_id}/*.dcm"))
    damaged.write_bytes(b"cut short")
    next(tmp_path.glob(f"files/*/*/s{second.study_id}.txt")).unlink()
    before = {name: (tmp_path / name).stat().st_mtime_ns for name in kept}
    write_phantom(tmp_path, SMALL)
    assert tree(tmp_path) == tree(small)
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in kept} == before


@pytest.mark.parametrize(
    "other",
    [
        replace(SMALL, seed=4),
        replace(SMALL, size=65),
        replace(SMALL, studies=11),
        replace(SMALL, scenario=Scenario(healthy=0.5)),
    ],
)
def test_another_phantom_in_the_folder_is_refused(small: Path, other: PhantomArguments) -> None:
    with pytest.raises(BadInput, match="something else than this phantom"):
        write_phantom(small, other)


def test_a_folder_of_other_things_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    assert main(["phantom", "--out", str(tmp_path), "--studies", "2", "--seed", "1"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("option", [("--studies", "0"), ("--seed", "-1"), ("--size", "63"), ("--size", "5000")])
def test_arguments_out_of_range_are_refused(tmp_path: Path, option: tuple[str, str]) -> None:
    given = {"--out": str(tmp_path / "set"), "--studies": "2", "--seed": "1"} | dict([option])
    assert main(["phantom", *(word for pair in given.items() for word in pair)]) == 2
    assert not (tmp_path / "set").exists()
