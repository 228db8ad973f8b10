"""Versions of data/ in a real git and DVC repository with the project's own configuration."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from model.errors import BadInput
from model.study import Study, StudyImage
from pipelines import ingest as stage
from pipelines.cli import main
from pipelines.manifest import SCHEMA, write_manifest
from pipelines.profile import describe, write_profile
from pipelines.tools import ToolError
from pipelines.versioning import (
    REFS,
    add_and_push,
    bring_present,
    commit_data_version,
    data_md5,
    dvc,
    is_kept,
    restore,
    unversioned,
)

PROJECT = Path(__file__).resolve().parents[2]


def git(root: Path, *args: str) -> str:
    return subprocess.run(["git", *args], cwd=root, check=True, capture_output=True, text=True).stdout.strip()


def write(root: Path, **files: str) -> None:
    """Replace data/ by these files, as ingest does: never into a file that is there. Each stands for a patient."""
    shutil.rmtree(root / "data", ignore_errors=True)
    (root / "data").mkdir()
    for name, text in files.items():
        (root / "data" / name).write_text(text)
    rows = [
        {**dict.fromkeys(SCHEMA.names, ""), "patient_id": name, "labels": {"Edema": int(text == "yes")}}
        | {"images": [], "sentences": [], "width": 1, "height": 1, "age": None}
        for name, text in files.items()
    ]
    write_manifest(root / "data", pa.Table.from_pylist(rows, SCHEMA))


def name_version(root: Path) -> str:
    """A data.dvc as DVC writes it."""
    md5 = "3f786850e387550fdab836ed7e6dc881.dir"
    (root / "data.dvc").write_text(f"outs:\n- md5: {md5}\n  size: 4\n  nfiles: 1\n  hash: md5\n  path: data\n")
    return md5


def read(root: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (root / "data").iterdir() if path.suffix != ".parquet"}


def profile(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / "data.profile.json").read_text())
    return found


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository without a commit and without an identity."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(tmp_path / "config"))
    root = tmp_path / "project"
    root.mkdir()
    git(root, "init", "--quiet", "--initial-branch=main")
    (root / ".dvc").mkdir()
    for name in (".dvc/config", ".dvc/.gitignore", ".dvcignore", ".gitignore"):
        shutil.copy(PROJECT / name, root / name)
    return root


@pytest.fixture
def commit_all(repository: Path) -> Callable[[], str]:
    def commit() -> str:
        git(repository, "add", "--all")
        git(repository, "-c", "user.name=n", "-c", "user.email=e", "commit", "--quiet", "--message", "all")
        return git(repository, "rev-parse", "HEAD")

    return commit


def test_an_older_version_comes_back(repository: Path, commit_all: Callable[[], str]) -> None:
    commit_all()
    write(repository, manifest="one", shard="a")
    dvc(repository, "add", "data")
    one = commit_data_version(repository).md5
    write(repository, manifest="two", shard="a", second="b")
    two = add_and_push(repository)
    assert (two != one, is_kept(repository, two)) == (True, False)

    assert restore(repository, one[:8]) == one  # without losing the second version, which has no ref yet
    assert (read(repository), data_md5(repository)) == ({"manifest": "one", "shard": "a"}, one)

    shutil.rmtree(repository / ".dvc" / "cache")
    shutil.rmtree(repository / "data")
    restore(repository, two)
    assert read(repository) == {"manifest": "two", "shard": "a", "second": "b"}

    with pytest.raises(BadInput, match="no version of 2 begins so"):
        restore(repository, "00000000")
    with pytest.raises(BadInput, match="several versions"):
        restore(repository, "")


def test_a_profile_comes_back_with_its_version(repository: Path, commit_all: Callable[[], str]) -> None:
    write(repository, a="no", b="yes", c="no")
    dvc(repository, "add", "data")
    one = commit_data_version(repository).md5  # without a profile, as versions were kept once
    write_profile(repository, one)
    commit_all()
    write(repository, a="yes")
    dvc(repository, "add", "data")
    two = str(data_md5(repository))
    write_profile(repository, two)
    second = profile(repository)
    assert (second["version"], second["n_studies"]) == (two, 1)
    assert (second["last"]["version"], second["last"]["n_studies"]) == (one, 3)
    assert "last" not in second["last"]
    kept = commit_data_version(repository).commit
    assert json.loads(git(repository, "show", f"{kept}:data.profile.json")) == second

    restore(repository, one)
    first = profile(repository)
    assert (first["version"], first["n_labelled"], first["positive_share"]["Edema"]) == (one, 3, 0.333333)
    assert first["last"] is None
    restore(repository, two)
    assert profile(repository) == second
    write_profile(repository, two)
    assert profile(repository) == second


def test_shares_are_of_the_labelled_studies() -> None:
    labels = [{"Edema": 1, "Fracture": -1}, None, {"Edema": 0}, {"Edema": 1}]
    patients = ["p", "p", "q", "r"]
    rows = pa.table({"patient_id": patients, "labels": pa.array(labels, SCHEMA.field("labels").type)})
    numbers = describe(rows, "md5")
    assert (numbers["n_studies"], numbers["n_patients"], numbers["n_labelled"]) == (4, 3, 3)
    assert len(numbers["positive_share"]) == 14
    assert {name: share for name, share in numbers["positive_share"].items() if share} == {"Edema": 0.666667}
    assert describe(rows.slice(1, 1), "md5")["positive_share"] == {}


def test_a_clone_has_data_dvc_alone(repository: Path) -> None:
    assert bring_present(repository)  # nothing is named, nothing is missing
    write(repository, manifest="one")
    add_and_push(repository)
    for gone in (".dvc/cache", "data"):
        shutil.rmtree(repository / gone)
    assert bring_present(repository)
    assert read(repository) == {"manifest": "one"}
    for gone in (".dvc/cache", "var/dvc-remote", "data"):
        shutil.rmtree(repository / gone)
    assert not bring_present(repository)


def test_a_version_is_a_commit_that_moves_nothing(repository: Path, commit_all: Callable[[], str]) -> None:
    (repository / "code.py").write_text("1\n")
    head = commit_all()
    (repository / "code.py").write_text("2\n")
    (repository / "staged.py").write_text("3\n")
    git(repository, "add", "staged.py")
    md5 = name_version(repository)
    index, status = (repository / ".git/index").read_bytes(), git(repository, "status", "--porcelain")

    version = commit_data_version(repository)
    assert commit_data_version(repository) == version
    assert is_kept(repository, md5)
    assert (git(repository, "rev-parse", "HEAD"), git(repository, "status", "--porcelain")) == (head, status)
    assert (repository / ".git/index").read_bytes() == index
    assert git(repository, "rev-parse", REFS + md5, f"{version.commit}^") == f"{version.commit}\n{head}"
    assert git(repository, "diff", "--name-only", head, version.commit) == "data.dvc"
    assert git(repository, "show", f"{version.commit}:data.dvc") == (repository / "data.dvc").read_text().strip()
    assert (
        git(repository, "show", "--no-patch", "--format=%cn <%ce>", version.commit) == "RadAssist <radassist@localhost>"
    )


def test_a_version_before_the_first_commit_under_a_configured_name(repository: Path) -> None:
    git(repository, "config", "user.name", "Ada")
    git(repository, "config", "user.email", "ada@example.org")
    name_version(repository)
    version = commit_data_version(repository)
    assert git(repository, "ls-tree", "-r", "--name-only", version.commit) == "data.dvc"
    assert git(repository, "show", "--no-patch", "--format=%an %P", version.commit) == "Ada"


def test_what_cannot_be_restored_leaves_the_present_version(repository: Path) -> None:
    write(repository, manifest="one")
    dvc(repository, "add", "data")
    one = commit_data_version(repository).md5
    write(repository, manifest="two")
    dvc(repository, "add", "data")
    two = data_md5(repository)

    write(repository, manifest="three, not versioned")
    with pytest.raises(BadInput, match="no version has"):
        restore(repository, one)
    assert (read(repository), data_md5(repository)) == ({"manifest": "three, not versioned"}, two)

    write(repository, manifest="two")
    for blob in (repository / ".dvc/cache/files/md5").rglob("*"):
        if blob.is_file() and blob.read_bytes() == b"one":
            blob.unlink()
    with pytest.raises(ToolError, match=r"dvc pull data\.dvc"):
        restore(repository, one)
    assert (read(repository), data_md5(repository)) == ({"manifest": "two"}, two)


def test_the_command_versions_what_an_ingest_left_unversioned(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).save(tmp_path / "image.png")
    source = OneStudy(Study("s1", "p1", (StudyImage(tmp_path / "image.png"),)))
    monkeypatch.setattr(stage, "open_source", lambda name, root: source)
    monkeypatch.chdir(repository)
    command = ["ingest", "--source", "test", "--root", str(tmp_path)]

    stage.ingest(source, "test", repository / "data", 0)  # and the process is killed
    for changed in (True, False):
        assert main(command) == 0
        figures = json.loads((repository / "metrics" / "ingest.json").read_text())
        assert (figures["n_new"], figures["n_skipped"], figures["changed"]) == (0, 1, changed)
        md5 = str(data_md5(repository))
        assert is_kept(repository, md5)
        assert (profile(repository)["version"], profile(repository)["n_studies"]) == (md5, 1)
    assert git(repository, "status", "--porcelain", "data", "metrics").strip() == ""


class OneStudy:
    """A source of one study."""

    reports_only = False

    def __init__(self, study: Study) -> None:
        self._study = study

    def __len__(self) -> int:
        return 1

    def studies(self) -> Iterator[Study]:
        yield self._study


def test_only_data_in_the_root_of_a_repository_is_versioned(repository: Path, tmp_path: Path) -> None:
    assert unversioned(repository / "data") is None
    assert unversioned(repository / "other")
    assert unversioned(tmp_path / "data")


def test_dvc_says_what_is_wrong_in_one_line(repository: Path) -> None:
    with pytest.raises(ToolError, match=r"^dvc add absent in .* failed: .*absent") as caught:
        dvc(repository, "add", "absent")
    assert "\n" not in str(caught.value)


def test_the_projects_configuration_keeps_dvc_to_itself() -> None:
    config = ConfigParser()
    config.read(PROJECT / ".dvc" / "config")
    core = config["core"]
    assert [core.getboolean(name) for name in ("analytics", "autostage", "check_update")] == [False, False, False]
    assert config["cache"]["type"].strip('"') == "reflink,hardlink,copy"
