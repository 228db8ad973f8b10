"""The demo's first version as a run; what it learns and enters is `radassist demo-rollout`'s to show."""

import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from model.errors import BadInput
from pipelines.checkout import records_url
from pipelines.demo import DemoError
from pipelines.params import load_params
from pipelines.register import Registration
from pipelines.rollout import first_version as first_versions
from pipelines.rollout.first_version import first_version
from pipelines.versioning import data_md5
from pipelines.workspace import Workspace
from records.database import open_database, writing
from records.models import Model, enter_model
from tests.conftest import TinyProject
from tests.records.drafts import model

SHIPPED = Path(__file__).parents[2] / "params.yaml"
LEARN = "import yaml; print(yaml.safe_load(open('params.yaml'))['presets']['demo']['train'])"


@pytest.fixture
def trained(tiny: TinyProject, monkeypatch: pytest.MonkeyPatch) -> Model:
    monkeypatch.setenv("PYTHONPATH", str(SHIPPED.parent))  # the tiny project's own `pipelines` stands behind it
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    shutil.copy(SHIPPED, tiny.root / "params.yaml")
    (tiny.root / "dvc.yaml").write_text("stages: {}\n")
    tiny.set_stage("train", cmd=f'python -c "{LEARN}" > learned', params=["presets.demo.train"], outs=["learned"])
    return model("m1", data_md5=data_md5(tiny.root))


def test_it_learns_for_a_third_of_the_epochs_once_and_counts_as_older(
    tiny: TinyProject, trained: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    def entered(root: Path, done: Registration, registered_at: datetime) -> Registration:
        with writing(open_database(records_url(tiny.root))) as connection:
            enter_model(connection, model("m0", run=done.run_id, registered_at=registered_at))
        return replace(done, version="1")

    monkeypatch.setattr(first_versions, "sign_report", lambda run, console: True)
    monkeypatch.setattr(first_versions, "register", lambda root, track_only: Registration(root.name, "r", "sqlite://"))
    monkeypatch.setattr(first_versions, "enter_version", entered)
    first = first_version(tiny.root, trained, Console())

    run = Workspace.of(tiny.root, "DEMO-early-m1")
    assert "'epochs': 2" in (run.path / "learned").read_text()
    assert tiny.git("diff", "--name-only", "main", run.branch, "--", "params.yaml") == "params.yaml"
    as_it_was, shortened = (load_params(folder / "params.yaml") for folder in (tiny.root, run.path))
    assert (as_it_was.train.epochs, shortened.train.epochs) == (7, 2)
    assert shortened == as_it_was.model_copy(update={"train": as_it_was.train.model_copy(update={"epochs": 2})})
    assert (first.run, first.registered_at) == (run.name, trained.registered_at - timedelta(seconds=1))
    run.close()
    assert first_version(tiny.root, trained, Console()) == first
    assert not run.is_open


def test_it_learns_from_no_other_data(tiny: TinyProject, trained: Model) -> None:
    other = trained.model_copy(update={"data_md5": "0" * 32 + ".dir"})
    with pytest.raises(BadInput, match=r"which is 0{32}.dir; `radassist ingest --restore 0{32}.dir`"):
        first_version(tiny.root, other, Console())


def test_a_stage_that_fails_ends_it_and_names_its_log(tiny: TinyProject, trained: Model) -> None:
    tiny.set_stage("train", cmd="false")
    with pytest.raises(DemoError, match=r"train of DEMO-early-m1 ended with exit code 1, see .*/logs/train\.log"):
        first_version(tiny.root, trained, Console())
