"""A copy of this very project in a folder of its own, with a phantom small enough to retrain on in minutes."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.environment import quiet_environment
from pipelines.sources.phantom.abnormalities import DEPICTED

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Project:
    """The copy: a git repository with DVC, on which commands run as a user runs them."""

    root: Path

    @property
    def tracking_uri(self) -> str:
        return f"sqlite:///{self.root.parent / 'mlflow.db'}"

    @property
    def environment(self) -> dict[str, str]:
        return quiet_environment() | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(self.root),
            "OMP_NUM_THREADS": "1",  # another test runs beside: threads that wait for each other would crawl
            "RADASSIST_ROOT": str(self.root),
            "MLFLOW_TRACKING_URI": self.tracking_uri,
            "RADASSIST_PROGRESS": str(self.root.parent / "progress.jsonl"),
        }

    def run(self, *command: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done

    def radassist(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        return self.run("pipelines.cli", *arguments, check=check)

    def set_params(self, changes: dict[str, dict[str, Any]]) -> None:
        path = self.root / "params.yaml"
        params = yaml.safe_load(path.read_text())
        for section, values in changes.items():
            params["presets"][params["preset"]][section] |= values
        path.write_text(yaml.safe_dump(params, sort_keys=False))


def copy_of_this_project(folder: Path) -> Project:
    """What git tracks here, and what it would, as the first commit of a new repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    root = folder / "project"
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, root / name)
    (root / "data.dvc").unlink(missing_ok=True)
    (root / "dvc.lock").unlink(missing_ok=True)
    identity = ["-c", "user.name=Test", "-c", "user.email=test@localhost"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], [*identity, "commit", "-q", "-m", "The project"]):
        subprocess.run(["git", *arguments], cwd=root, check=True)
    return Project(root)


# Few findings, so that a small set has enough of each.
SCENARIO = {
    "sites": [{"name": "main", "share": 1, "device": "Phantom DX", "modality": "DX"}],
    "prevalence": dict.fromkeys(DEPICTED, 0.0) | {"Pleural Effusion": 0.4, "Cardiomegaly": 0.35, "Edema": 0.25},
}


STUDIES, SEED, SIZE = 1000, 3, 128


@pytest.fixture(scope="session")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As large as the model's own input."""
    folder = tmp_path_factory.mktemp("phantom")
    (folder / "scenario.yaml").write_text(yaml.safe_dump(SCENARIO))
    arguments = [
        "--studies",
        f"{STUDIES}",
        "--seed",
        f"{SEED}",
        "--size",
        f"{SIZE}",
        "--scenario",
        str(folder / "scenario.yaml"),
    ]
    command = [sys.executable, "-m", "pipelines.cli", "phantom", "--out", str(folder / "set"), *arguments]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder / "set"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return copy_of_this_project(tmp_path_factory.mktemp("end_to_end"))
