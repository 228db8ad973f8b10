"""What a person reads of the monitors' rules before they trust them, and one line on what is wrong."""

import pytest

from pipelines.cli import main


def test_the_backtest_shows_quiet_streams_and_planted_drifts(capsys: pytest.CaptureFixture[str]) -> None:
    few = ["--quiet", "1", "--runs", "1", "--windows", "3", "--reference", "500"]
    assert main(["monitor", "backtest", *few]) == 0
    said = capsys.readouterr().out
    assert "as literally specified" in said
    assert "entropy + 0.3 sd" in said


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--runs", "0"], "--runs 0: it takes 1 or more"),
        (["--reference", "5"], "--reference 5: it takes 100 or more"),
        (["--policy", "nowhere.yaml"], "policy nowhere.yaml: monitors need a policy file"),
    ],
)
def test_what_cannot_be_ends_with_2_and_one_line(
    asked: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["monitor", "backtest", *asked]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
