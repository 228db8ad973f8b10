import shutil
from pathlib import Path

import pytest
import yaml

from model.errors import BadInput
from pipelines.stages import Stage, read_stages

ROOT = Path(__file__).resolve().parents[2]


def written(folder: Path, **stages: dict[str, object]) -> Path:
    path = folder / "dvc.yaml"
    path.write_text(yaml.safe_dump({"stages": stages}, sort_keys=False))
    return path


def test_a_stage_comes_after_what_writes_its_dependencies(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        report={"cmd": "r", "deps": ["verdict.json", "trained/history.jsonl"], "outs": ["report"]},
        train={"cmd": "t", "deps": ["data"], "outs": ["trained"], "meta": {"pool": "gpu"}},
        evaluate={"cmd": "e", "deps": ["trained"], "metrics": [{"metrics/evaluate.json": {"cache": False}}]},
        gate={"cmd": "g", "deps": ["./metrics"], "outs": [{"verdict.json": {"cache": False}}]},
    )
    assert read_stages(path) == (
        Stage("report", ("train", "gate"), "dvc"),
        Stage("train", (), "gpu"),
        Stage("evaluate", ("train",), "dvc"),
        Stage("gate", ("evaluate",), "dvc"),
    )


def test_paths_with_a_common_beginning_are_not_the_same_path(tmp_path: Path) -> None:
    path = written(tmp_path, a={"cmd": "a", "outs": ["trained"]}, b={"cmd": "b", "deps": ["trained_v2"], "outs": ["b"]})
    assert read_stages(path)[1].after == ()


def test_wdir_and_plots_count(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        curves={"cmd": "c", "wdir": "plots", "plots": [{"curves.csv": {"x": "epoch"}}]},
        page={"cmd": "p", "wdir": "page", "deps": ["../plots/curves.csv"], "outs": ["page.html"]},
    )
    assert read_stages(path)[1].after == ("curves",)


@pytest.mark.parametrize(
    ("stage", "named"),
    [
        ({"foreach": [1, 2], "do": {"cmd": "x"}}, "odd"),
        ({"matrix": {"seed": [1, 2]}, "cmd": "x"}, "odd"),
        ({"cmd": "x", "deps": ["${where}/data"]}, "${where}/data"),
    ],
)
def test_what_only_dvc_can_expand_is_refused_by_name(tmp_path: Path, stage: dict[str, object], named: str) -> None:
    with pytest.raises(BadInput) as refused:
        read_stages(written(tmp_path, odd=stage))
    assert named in str(refused.value)


def test_no_file_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="project's root"):
        read_stages(tmp_path / "dvc.yaml")


def test_the_project_s_own_graph_is_the_one_dvc_draws(tmp_path: Path) -> None:
    from dvc.repo import Repo

    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text("[core]\n    no_scm = true\n")
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    edges = {(stage.name, other) for stage in read_stages(ROOT / "dvc.yaml") for other in stage.after}
    with Repo(str(tmp_path)) as repo:
        theirs = {(a.name, b.name) for a, b in repo.index.graph.edges if hasattr(a, "name") and hasattr(b, "name")}
    assert edges == theirs


def tracked(folder: Path) -> set[str]:
    """The parameters that DVC holds the stages' outputs against."""
    from dvc.dependency import ParamsDependency
    from dvc.repo import Repo

    with Repo(str(folder)) as repo:
        deps = [dep for stage in repo.index.stages for dep in stage.deps if isinstance(dep, ParamsDependency)]
        return {name for dep in deps if dep.def_path == "params.yaml" for name in dep.params}


def test_the_stages_depend_on_the_chosen_preset_and_on_no_other(tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text("[core]\n    no_scm = true\n")
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    params = (ROOT / "params.yaml").read_text()
    for name in ("demo", "baseline"):
        (tmp_path / "params.yaml").write_text(params.replace("preset: demo", f"preset: {name}"))
        assert tracked(tmp_path) == {f"presets.{name}.{section}" for section in ("pixels", "prepare", "train", "model")}
