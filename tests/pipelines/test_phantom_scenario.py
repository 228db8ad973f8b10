"""Scenarios: the committed example, what is refused, and what a corrupted subgroup looks like."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from model.errors import BadInput
from model.findings import Side
from pipelines.cli import main
from pipelines.ingest import ingest
from pipelines.manifest import read_manifest, study_rows
from pipelines.phantom import PhantomArguments, write_phantom
from pipelines.sources import open_source
from pipelines.sources.phantom.abnormalities import Abnormality
from pipelines.sources.phantom.plan import StudyPlan, plan_studies
from pipelines.sources.phantom.scenario import Corruption, Machine, Report, Scenario, Who, load_scenario

SCENARIOS = Path(__file__).parents[2] / "docs/phantom"
TWO_SITES, BLURRED_SITE = SCENARIOS / "two_sites.yaml", SCENARIOS / "blurred_site.yaml"


def plans_of(scenario: Scenario, n: int = 800) -> list[StudyPlan]:
    return list(plan_studies(seed=5, n=n, scenario=scenario))


def test_the_example_is_what_it_says() -> None:
    plans = plans_of(load_scenario(TWO_SITES))
    sites = Counter(plan.patient.site.name for plan in plans)
    assert sites["city"] / len(plans) == pytest.approx(0.75, abs=0.05)
    for name, portable in {"city": 0.3, "valley": 0.6}.items():
        views = [plan.shots[0].view for plan in plans if plan.patient.site.name == name]
        assert views.count("AP") / len(views) == pytest.approx(portable, abs=0.08)
    assert all(
        max(plan.shape(256)) == 192 for plan in plans if plan.patient.site.name == "valley" and plan.number != 250
    )
    counts = Counter(a.observation for plan in plans for a in plan.abnormalities)
    assert counts["Edema"] > 3 * counts["Pneumothorax"]


def test_the_example_from_the_command_to_the_source(tmp_path: Path) -> None:
    out = tmp_path / "set"
    given = ["phantom", "--out", str(out), "--studies", "16", "--seed", "2", "--size", "64"]
    assert main([*given, "--scenario", str(TWO_SITES)]) == 0
    sites = {study.site for study in open_source("mimic_cxr", out).studies()}
    assert sites == {"city", "valley"}


def test_the_scenario_is_sealed_by_content_not_by_file(tmp_path: Path) -> None:
    rewritten = tmp_path / "same.yaml"
    rewritten.write_text(TWO_SITES.read_text().replace("share: 3 ", "share: 3.0 ") + "\n# a remark\n")
    assert load_scenario(rewritten).sha256 == load_scenario(TWO_SITES).sha256 != Scenario().sha256
    arguments = PhantomArguments(1, 1, 64, load_scenario(TWO_SITES))
    assert arguments.stated()["scenario"] == load_scenario(TWO_SITES).sha256


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sitess: []", "sitess"),
        ("healthy: 2", "healthy 2"),
        ("healthy: many", "healthy 'many'"),
        ("prevalence: {Oedema: 0.1}", "'Oedema' is none of"),
        ("prevalence: {Edema: 1.5}", r"prevalence\.Edema 1\.5"),
        ("{healthy: 0.5, prevalence: {Edema: 0.7}}", "prevalence of Edema 0.7 and healthy 0.5"),
        ("sites: []", "sites"),
        ("sites: [{name: a, share: 0, device: D, modality: DX}]", r"sites\.0\.share 0"),
        ("sites: [{name: a, share: 1, device: D, modality: MR}]", r"sites\.0\.modality 'MR'"),
        ("sites: [{name: a, share: 1, device: D, modality: DX, machine: {noise: 9}}]", r"machine\.noise 9"),
        ("corruption: {who: {site: nowhere}}", "'nowhere' is none of main, annex, clinic"),
        ("corruption: {who: {race: martian}}", "'martian' is none of WHITE"),
        ("healthy: '0.5'", "healthy '0.5'"),
        ("healthy: .nan", "healthy nan"),
        ("corruption: {who: {ages: [70, 60]}}", r"corruption\.who\.ages"),
        ("healthy: [", "a scenario is YAML"),
        ("- just\n- a list", "object"),
    ],
)
def test_what_breaks_a_rule_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text(text)
    with pytest.raises(BadInput, match=message):
        load_scenario(path)
    given = ["phantom", "--out", str(tmp_path / "set"), "--studies", "2", "--seed", "1", "--scenario", str(path)]
    assert main(given) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "set").exists()


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        load_scenario(tmp_path / "none.yaml")


# -- the corrupted subgroup


def twins(corruption: Corruption) -> list[tuple[StudyPlan, StudyPlan]]:
    """The same studies with nothing wrong, and with the corruption."""
    return list(zip(plans_of(Scenario()), plans_of(Scenario(corruption=corruption)), strict=True))


def test_only_the_subgroup_goes_wrong_and_only_its_pictures() -> None:
    corruption = Corruption(who=Who(sex="F", view="AP"), share=0.5, picture=Machine(noise=3.0))
    changed = []
    for sound, wrong in twins(corruption):
        member = sound.patient.sex == "F" and sound.shots[0].view == "AP"
        changed += [sound.shots != wrong.shots] if member else []
        assert member or sound == wrong
        assert replace(wrong, shots=sound.shots) == sound
    assert sum(changed) / len(changed) == pytest.approx(0.5, abs=0.1)


def test_swapped_sides_are_told_but_not_drawn() -> None:
    swapped = 0
    for sound, wrong in twins(Corruption(who=Who(ages=(60, 200)), report=Report(swap_sides=True))):
        assert wrong.abnormalities == sound.abnormalities
        if sound.age < 60:
            assert wrong == sound
            continue
        for statement in wrong.statements:
            match statement.rests_on:
                case Abnormality(side=Side.LEFT | Side.RIGHT as side):
                    told = {finding.side for finding in statement.findings} - {None}
                    assert side not in told
                    swapped += bool(told)
                    assert statement.rests_on in wrong.abnormalities
                case _:
                    pass
    assert swapped > 100


def test_what_is_left_out_is_told_as_absent() -> None:
    everything = Corruption(who=Who(race="WHITE"), report=Report(omit=1.0))
    wrong = [plan for _, plan in twins(everything) if plan.patient.race == "WHITE"]
    assert any(plan.abnormalities for plan in wrong)
    assert all(plan.labels()["No Finding"] == 1 and 1 not in _but_no_finding(plan) for plan in wrong)


def _but_no_finding(plan: StudyPlan) -> list[int]:
    return [label for name, label in plan.labels().items() if name != "No Finding"]


def test_a_bias_of_one_site_stands_in_the_set_that_an_audit_reads(tmp_path: Path) -> None:
    blurred = load_scenario(BLURRED_SITE)
    sets = {}
    for name, scenario in (("sound", blurred.model_copy(update={"corruption": None})), ("biased", blurred)):
        root, data = tmp_path / name / "phantom", tmp_path / name / "data"
        write_phantom(root, PhantomArguments(12, 5, 64, scenario))
        ingest(open_source("mimic_cxr", root), "mimic_cxr", data, processes=0)
        sets[name] = {row["study_id"]: row for row in study_rows(read_manifest(data))}
    assert sets["sound"].keys() == sets["biased"].keys()
    sites = {study_id: row["site"] for study_id, row in sets["biased"].items()}
    assert set(sites.values()) == {"main", "annex"}
    for study_id, site in sites.items():
        sound, biased = sets["sound"][study_id], sets["biased"][study_id]
        assert (sound["pixels_sha256"] != biased["pixels_sha256"]) == (site == "annex")
        assert (sound["sentences"], sound["device"]) == (biased["sentences"], biased["device"])
        assert ("CR" in str(biased["device"])) == (site == "annex")
