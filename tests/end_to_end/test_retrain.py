"""The retraining DAG on the real stages, to its end: once refused, once signed off. What its model sees, it says."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from markupsafe import escape

from model.engine import Engine
from model.findings import Side
from model.pixels import ModelInput
from model.report import GroundedReport
from pipelines.demo_reviewer import demo_key
from pipelines.sources.phantom.abnormalities import Abnormality, Size
from pipelines.sources.phantom.plan import StudyPlan, plan_studies
from pipelines.sources.phantom.scenario import Scenario
from pipelines.workspace import Workspace
from tests.dags.conftest import answer_approvals, dag_of
from tests.end_to_end.conftest import SCENARIO, SEED, STUDIES, Project
from tests.end_to_end.painting import (
    Image,
    brighter,
    changed,
    cropped,
    film,
    mirrored,
    said,
    side_of_map,
    turned,
    without,
)

LENIENT = {
    "withhold": "ungrounded_positive",
    "least_patients": 10,
    "criteria": [
        {"name": "words", "figure": "bleu_4", "above": 0.05, "because": "a test policy"},
        {"name": "findings", "figure": "findings_micro_f1", "above": "shuffled.findings_micro_f1", "because": "a test"},
    ],
}
EFFUSION = "Pleural Effusion"
OTHER = {Side.LEFT: Side.RIGHT, Side.RIGHT: Side.LEFT}


@dataclass(frozen=True)
class Retrained:
    """Two runs of the DAG, each with its state and its tasks' states: too short a training, and a longer one."""

    refused: Workspace
    refused_states: dict[str, str | None]
    accepted: Workspace
    accepted_state: str
    registered_between: dict[str, dict[str, int]]
    registered: dict[str, dict[str, int]]


def registered(project: Project) -> dict[str, dict[str, int]]:
    """Per registered model, its aliases and the versions that they point at."""
    from mlflow import MlflowClient

    client = MlflowClient(project.tracking_uri, registry_uri=project.tracking_uri)
    models = client.search_registered_models()
    return {model.name: {alias: int(at) for alias, at in model.aliases.items()} for model in models}


def sign(project: Project, run_id: str) -> None:
    """Sign the run's report as the demo does, as nobody real."""
    report = Workspace.of(project.root, run_id).path / "report" / "report.json"
    project.radassist("report", "sign", str(report), "--key", str(demo_key(project.root)), "--meaning", "approved")


@pytest.fixture(scope="module")
def retrained(project: Project, phantom: Path, airflow_home: Path) -> Retrained:
    project.radassist("ingest", "--source", "mimic_cxr", "--root", str(phantom))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in project.environment.items():
            patch.setenv(name, value)
        project.set_params({"train": {"epochs": 1}})
        refused = dag_of(project.root, "retrain", patch).test()
        between = registered(project)
        project.set_params({"train": {"epochs": 7, "batch_size": 8}})
        (project.root / "policy" / "gate.yaml").write_text(yaml.safe_dump(LENIENT))
        answer_approvals("Approve", patch, partial(sign, project))
        accepted = dag_of(project.root, "retrain", patch).test()
    return Retrained(
        Workspace.of(project.root, refused.run_id),
        {task.task_id: task.state for task in refused.get_task_instances()},
        Workspace.of(project.root, accepted.run_id),
        str(accepted.state),
        between,
        registered(project),
    )


def figures(run: Workspace) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run.path / "metrics" / "evaluate.json").read_text())
    return found


@pytest.mark.timeout(1200)
def test_a_model_that_falls_short_gets_its_report_and_is_not_registered(retrained: Retrained) -> None:
    run, states = retrained.refused, retrained.refused_states
    assert (states["report"], states["track"], states["enforce"]) == ("success", "success", "failed")
    verdict = json.loads((run.path / "verdict.json").read_text())
    assert not verdict["passed"]
    page = (run.path / "report" / "index.html").read_text()
    assert all(escape(c["reason"]) in page for c in verdict["criteria"] if c["outcome"] != "PASS")
    assert retrained.registered_between == {}


def test_a_better_one_is_registered_and_nothing_is_done_twice(retrained: Retrained) -> None:
    run = retrained.accepted
    assert retrained.accepted_state == "success", (run.path / "verdict.json").read_text()
    assert "Stage 'prepare' is cached" in run.log("prepare").read_text()
    assert "Running stage 'train'" in run.log("train").read_text()
    assert retrained.registered == {"radassist-reporter": {"challenger": 1}}
    assert json.loads((run.path / "metrics" / "parity.json").read_text())["passed"] == 1
    pictures = sorted(path.name for path in (run.path / "report" / "pictures").glob("draft_*.png"))
    assert pictures[:3] == ["draft_1.png", "draft_2.png", "draft_3.png"]


def test_the_registered_model_says_who_signed_it_off(retrained: Retrained, project: Project) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(project.tracking_uri, registry_uri=project.tracking_uri)
    tags = client.get_model_version_by_alias("radassist-reporter", "challenger").tags
    assert (tags["sign_off.by"], tags["sign_off.demo"]) == ("Demo Reviewer", "true")
    report = retrained.accepted.path / "report" / "report.json"
    assert tags["sign_off.report_sha256"] == hashlib.sha256(report.read_bytes()).hexdigest()


def test_with_images_shuffled_it_is_no_better_than_a_constant_report(retrained: Retrained) -> None:
    found = figures(retrained.accepted)
    assert found["findings_micro_f1"] > found["constant.findings_micro_f1"] + 0.1
    assert found["shuffled.findings_micro_f1"] < found["constant.findings_micro_f1"] + 0.05
    assert found["shuffled.bleu_4"] < found["constant.bleu_4"] + 0.05
    assert found["shuffled.iou_norm_0.1"] < found["iou_norm_0.1"] / 2


@dataclass(frozen=True)
class Reader:
    """The exported model before studies of the test split, which it was not trained on."""

    engine: Engine
    plans: list[StudyPlan]

    def film(self, plan: StudyPlan, abnormalities: Sequence[Abnormality]) -> ModelInput:
        return film(plan, abnormalities, self.engine.artefact.pixels)

    def own_films(self) -> list[ModelInput]:
        return [self.film(plan, plan.abnormalities) for plan in self.plans]

    def reports(self, films: Sequence[ModelInput]) -> list[GroundedReport]:
        return self.engine.report([(str(index), film) for index, film in enumerate(films)])


@pytest.fixture(scope="module")
def reader(retrained: Retrained) -> Reader:
    plans = plan_studies(SEED, STUDIES, Scenario.model_validate_json(json.dumps(SCENARIO)))
    return Reader(Engine(retrained.accepted.path / "exported"), [p for p in plans if p.patient.split == "test"])


def share(right: Sequence[bool]) -> float:
    assert len(right) >= 10, "too few to judge by"
    return sum(right) / len(right)


def test_a_finding_painted_in_appears_on_its_side(reader: Reader) -> None:
    sides = [(Side.LEFT, Side.RIGHT)[index % 2] for index in range(len(reader.plans))]
    films = [
        reader.film(plan, [*without(plan, EFFUSION), Abnormality(EFFUSION, Size.MODERATE, side)])
        for plan, side in zip(reader.plans, sides, strict=True)
    ]
    reports = reader.reports(films)
    assert share([(EFFUSION, side) in said(r) for r, side in zip(reports, sides, strict=True)]) > 0.8


def test_a_finding_erased_disappears_and_the_others_stay(reader: Reader) -> None:
    before = reader.reports(reader.own_films())
    after = reader.reports([reader.film(plan, without(plan, EFFUSION)) for plan in reader.plans])
    named = [(b, a) for b, a in zip(map(said, before), map(said, after), strict=True) if EFFUSION in dict(b)]
    assert share([EFFUSION not in dict(a) for _, a in named]) > 0.8
    assert share([{f for f in b if f[0] != EFFUSION} == a for b, a in named]) > 0.7


def test_in_a_mirrored_film_the_words_and_the_maps_change_sides(reader: Reader) -> None:
    films = reader.own_films()
    pairs = zip(reader.reports(films), reader.reports([changed(f, mirrored) for f in films]), strict=True)
    words, maps = [], []
    for plan, (before, after) in zip(reader.plans, pairs, strict=True):
        side = next((a.side for a in plan.abnormalities if a.observation == EFFUSION), None)
        if side in OTHER and (EFFUSION, side) in said(before):
            words.append((EFFUSION, OTHER[side]) in said(after))
            if words[-1]:
                maps.append(side_of_map(after, EFFUSION) is OTHER[side] and side_of_map(before, EFFUSION) is side)
    assert share(words) > 0.8
    assert share(maps) > 0.9


@pytest.mark.parametrize("change", [brighter, turned, cropped])
def test_a_film_exposed_turned_or_cut_a_little_otherwise_shows_the_same_findings(
    reader: Reader, change: Callable[[Image], Image]
) -> None:
    films = reader.own_films()
    before, after = (map(said, reader.reports(f)) for f in (films, [changed(f, change) for f in films]))
    pairs = list(zip(before, after, strict=True))
    stated = sum(len(b) + len(a) for b, a in pairs)
    assert 2 * sum(len(b & a) for b, a in pairs) / stated > 0.85
