"""For whatever is tested around the stages: a project of a few lines whose stages take no time, and an Airflow."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import settings

from pipelines.environment import quiet_environment

DAGS = Path(__file__).resolve().parents[1] / "dags"

settings.register_profile("no deadline", deadline=None)  # on a busy machine slow is not wrong
settings.load_profile("no deadline")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: while one process retrains, the other does the rest."""
    items.sort(key=lambda item: "end_to_end" not in item.path.parts)


DVC_YAML = """\
stages:
  prepare:
    cmd: echo prepare >> $COUNTED && mkdir -p prepared metrics && cat data/studies.txt > prepared/studies.txt
      && echo '{"n_studies":2}' > metrics/prepare.json
    deps: [data]
    params: [prepare]
    outs: [prepared]
    metrics: [metrics/prepare.json: {cache: false}]
  train:
    cmd: echo train >> $COUNTED && mkdir -p trained metrics && grep skill params.yaml > trained/model.txt
      && echo "{$(sed 's/.*skill/"skill"/' trained/model.txt)}" > metrics/train.json
    deps: [prepared]
    params: [train]
    outs: [trained]
    metrics: [metrics/train.json: {cache: false}]
    meta: {pool: gpu}
  gate:
    cmd: radassist gate
    deps: [metrics/train.json, policy/gate.yaml]
    metrics: [verdict.json: {cache: false}]
  report:
    cmd: echo report >> $COUNTED && mkdir -p report && cat verdict.json trained/model.txt > report/index.html
      && cp verdict.json report/report.json
    deps: [trained, verdict.json]
    outs: [report]
"""

# Stands where the real commands stand, so that `radassist` in a worktree of this project is this.
CLI = """\
import json, os, subprocess, sys
from pathlib import Path

def counted(what):
    with open(os.environ["COUNTED"], "a") as out:
        out.write(what + "\\n")

def main():
    counted(" ".join(sys.argv[1:]))
    if sys.argv[1:] == ["gate"]:
        skill = json.loads(Path("metrics/train.json").read_text())["skill"]
        bound = float(Path("policy/gate.yaml").read_text().split(":")[1])
        Path("verdict.json").write_text(json.dumps({"passed": skill > bound}))
    if sys.argv[1] == "ingest":
        root = Path(sys.argv[sys.argv.index("--root") + 1])
        if not root.is_dir():
            return 2
        for file in root.iterdir():
            Path("data", file.name).write_bytes(file.read_bytes())
        subprocess.run([sys.executable, "-m", "dvc", "add", "-q", "data"], check=True)
    if sys.argv[1:] == ["gate", "--enforce"]:
        return 0 if json.loads(Path("verdict.json").read_text())["passed"] else 3
    if sys.argv[1:] == ["sign-off"]:
        return 3 if os.environ.get("UNSIGNED") else 0
    return 0

if __name__ == "__main__":
    sys.exit(main())
"""

FILES = {
    "dvc.yaml": DVC_YAML,
    "params.yaml": "prepare:\n  size: 1\ntrain:\n  skill: 0.9\n",
    "policy/gate.yaml": "bound: 0.5\n",
    "data/studies.txt": "one\ntwo\n",
    "pipelines/__init__.py": "",
    "pipelines/cli.py": CLI,
    ".gitignore": "/data\n/prepared\n/trained\n/report\n/checkpoints\nvar/\n__pycache__/\n",
    ".dvc/config": "",
    ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",
}


class TinyProject:
    """A git and DVC repository in a temporary folder, one commit old."""

    def __init__(self, root: Path, counted: Path) -> None:
        self.root, self._counted = root, counted

    def git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=self.root, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def counted(self) -> list[str]:
        """The stages and commands that really ran since the last call, whichever the worktree, in their order."""
        ran = self._counted.read_text().splitlines() if self._counted.exists() else []
        self._counted.write_text("")
        return ran

    def set_params(self, **sections: dict[str, object]) -> None:
        path = self.root / "params.yaml"
        path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | sections))

    def set_stage(self, name: str, **entry: object) -> None:
        path = self.root / "dvc.yaml"
        stages = yaml.safe_load(path.read_text())["stages"]
        path.write_text(yaml.safe_dump({"stages": stages | {name: entry}}, sort_keys=False))


@pytest.fixture(scope="session")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An Airflow with a database of its own and the project's DAGs. Import `airflow` only under this fixture."""
    home = tmp_path_factory.mktemp("airflow")
    settings = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (quiet_environment() | settings).items():
            patch.setenv(name, value)
        from airflow.utils.db import initdb

        initdb()
        yield home


@pytest.fixture(scope="session")
def tiny_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tiny") / "project"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    identity = ["-c", "user.name=Test", "-c", "user.email=test@localhost"]
    for command in (
        ["git", "init", "-q", "-b", "main"],
        [sys.executable, "-m", "dvc", "add", "-q", "data"],
        ["git", "add", "-A"],
        ["git", *identity, "commit", "-q", "-m", "The project as it came"],
    ):
        subprocess.run(
            command, cwd=root, check=True, env=quiet_environment() | {"DVC_SITE_CACHE_DIR": str(root.parent)}
        )
    return root


@pytest.fixture
def tiny(tiny_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TinyProject:
    shutil.copytree(tiny_template, tmp_path / "project", symlinks=True)
    monkeypatch.setenv("COUNTED", str(tmp_path / "counted.txt"))
    for key in [key for key in os.environ if key.startswith("GIT_")]:
        monkeypatch.delenv(key)
    return TinyProject(tmp_path / "project", tmp_path / "counted.txt")
