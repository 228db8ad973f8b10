"""What a person reads before a rollout: the plan, the simulation, and one line on what is wrong."""

from pathlib import Path

import pytest
import yaml

from pipelines.cli import main

SHIPPED = Path(__file__).parents[2] / "policy" / "rollout.yaml"


@pytest.fixture
def quick(tmp_path: Path) -> str:
    """The shipped policy with one step and short times."""
    policy = yaml.safe_load(SHIPPED.read_text())
    times = {"minimum_hours": 6, "maximum_hours": 48}
    policy |= {"shadow": policy["shadow"] | times, "steps": [policy["steps"][-1] | times], "demo": True}
    (tmp_path / "rollout.yaml").write_text(yaml.safe_dump(policy))
    return str(tmp_path / "rollout.yaml")


def test_the_plan_of_a_small_hospital_says_that_nothing_can_be_shown(
    quick: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rollout", "plan", "--policy", quick, "--studies-per-day", "164", "--runs", "20"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("DEMO policy ")
    assert "too late" in said
    assert said.splitlines()[-2].startswith("Nobody gets to full traffic by evidence alone")


def test_the_plan_of_a_large_hospital_says_how_long_it_takes(quick: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rollout", "plan", "--policy", quick, "--studies-per-day", "100000", "--runs", "20"]) == 0
    last = capsys.readouterr().out.splitlines()[-2]
    assert last.startswith("Of those that are no worse")
    assert last.endswith("half of them in 1 d.")


def test_the_true_power_of_the_ab_design_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    design = str(SHIPPED.with_name("rollout-ab.yaml"))
    assert main(["rollout", "plan", "--policy", design, "--studies-per-day", "100000", "--runs", "2"]) == 0
    said = capsys.readouterr().out.splitlines()[-1]
    assert said.startswith("Looked at once, 2,000 studies of the candidate and 2,000 of the champion")
    assert "a power of 45% at alpha 0.05; 80% take 5,311 an arm" in said


def test_a_harmful_candidate_is_stopped_in_the_simulation(quick: str, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--studies-per-day", "50000", "--candidate", "0.1", "--runs", "10"]
    assert main(["rollout", "simulate", "--policy", quick, *asked]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all("100.00%" in line for line in lines if "shadow" in line or "traffic" in line or "naive" in line)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--studies-per-day", "0"], "--studies-per-day 0: a hospital has 1 to 1e6"),
        (["--studies-per-day", "nan"], "--studies-per-day nan"),
        (["--studies-per-day", "100", "--champion", "4"], "--champion 4: a share of studies"),
        (["--studies-per-day", "100", "--runs", "0"], "--runs 0"),
        (
            ["--studies-per-day", "100", "--policy", "nowhere.yaml"],
            "policy nowhere.yaml: a rollout needs a policy file",
        ),
    ],
)
def test_what_cannot_be_ends_with_2_and_one_line(
    asked: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rollout", "plan", *asked]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--champion", "2"], "--champion 2: it is a share of studies"),
        (["--days", "0"], "--days 0: it lies above 0"),
        (["--drafts", "nowhere.jsonl"], "drafts nowhere.jsonl: a replay resamples what a model drafted"),
    ],
)
def test_a_replay_of_what_cannot_be_ends_with_2_and_one_line(
    asked: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["rollout", "replay", "--policy", str(SHIPPED), "--out", str(out), *asked]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_the_demo_runs_in_a_project_that_was_demonstrated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("RADASSIST_RECORDS_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    assert main(["rollout", "demo"]) == 2
    assert "run it from the project's root" in capsys.readouterr().err
    (tmp_path / "dags").mkdir()
    assert main(["rollout", "demo"]) == 2
    assert "no model is registered yet; run `make demo` first" in capsys.readouterr().err
