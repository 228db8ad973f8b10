"""Which signatures release a model, and which do not."""

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.cli import main
from pipelines.manifest import read_manifest, write_manifest
from pipelines.origin import Origin, origin_of
from records.canonical import canonical, sha256
from records.sign_off import Automatic
from records.signatures import Meaning
from tests.pipelines.signing import begin_run, git, sign_as

JOHN = "John Roe <john@example.org>"


@pytest.fixture
def run(passed_run: Path, tmp_path: Path) -> Path:
    """The files of a run that passed; `begin_run` makes it one for git."""
    shutil.copytree(passed_run, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def signed_off(run: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[], tuple[int, str]]:
    """`radassist sign-off`: its exit code and its one line."""

    def ask() -> tuple[int, str]:
        code = main(["sign-off", str(run)])
        said = capsys.readouterr()
        [line] = (said.out + said.err).splitlines()
        return code, line

    return ask


SignedOff = Callable[[], tuple[int, str]]


def drawn_on(run: Path, *devices: str | None) -> None:
    """Say which machines the studies come from, in turn."""
    table = read_manifest(run / "data")
    column = pa.array([devices[n % len(devices)] for n in range(len(table))], pa.string())
    write_manifest(run / "data", table.set_column(table.schema.get_field_index("device"), "device", column))


def test_an_approval_by_somebody_else_releases_the_model(run: Path, signed_off: SignedOff) -> None:
    begin_run(run, triggered_by="john")
    sign_as(run, "Jane Doe")
    code, line = signed_off()
    assert code == 0
    assert line.startswith("approved by Jane Doe, radiologist, 20")
    assert line.endswith(" UTC, in entry 3 of the ledger")


def test_a_report_that_nobody_signed_releases_nothing(run: Path, signed_off: SignedOff) -> None:
    begin_run(run)
    (run / "var" / "records" / "records.db").unlink()
    digest = sha256((run / "report" / "report.json").read_bytes())
    code, line = signed_off()
    assert code == 3
    assert f"nobody signed its report, sha256 {digest}: radassist report sign report/report.json" in line
    assert not (run / "var" / "records" / "records.db").exists()


@pytest.mark.parametrize(
    ("triggered_by", "author", "accounts", "reason"),
    [
        ("jdoe", JOHN, ["jdoe"], "Jane Doe triggered the run"),
        ("Jane  DOE", JOHN, [], "Jane Doe triggered the run"),
        (Automatic.NEW_DATA, "J. D. <jane@example.org>", ["jane@example.org"], "Jane Doe wrote its commit"),
        (Automatic.SCHEDULE, JOHN, ["john@example.org"], "Jane Doe wrote its commit"),
        (None, JOHN, [], "nobody knows who triggered the run"),
    ],
)
def test_who_triggered_the_run_or_wrote_its_commit_cannot_release_it(
    run: Path,
    signed_off: SignedOff,
    triggered_by: str | Automatic | None,
    author: str,
    accounts: list[str],
    reason: str,
) -> None:
    begin_run(run, triggered_by=triggered_by, author=author)
    sign_as(run, "Jane Doe", accounts=accounts)
    code, line = signed_off()
    assert code == 3
    assert line.endswith(f"no signature of its report counts: entry 3 by Jane Doe: {reason}")


def test_the_author_of_the_commit_that_the_run_starts_from_cannot_release_it(run: Path, signed_off: SignedOff) -> None:
    begin_run(run)
    sign_as(run, "John Roe")
    assert signed_off()[1].endswith("entry 3 by John Roe: John Roe wrote its commit")


def test_outside_of_a_run_nobody_knows_whose_work_it_is(run: Path, signed_off: SignedOff) -> None:
    begin_run(run)
    git(run, "checkout", "-q", "-b", "mine")
    sign_as(run, "Jane Doe")
    code, line = signed_off()
    assert code == 3
    assert "nobody knows who wrote its commit" in line


def test_only_an_approval_counts_and_one_that_counts_is_enough(run: Path, signed_off: SignedOff) -> None:
    begin_run(run, triggered_by="ann")
    sign_as(run, "Jane Doe", meaning=Meaning.REVIEWED)
    sign_as(run, "Ann Poe", accounts=["ann"])
    code, line = signed_off()
    assert code == 3
    assert "entry 3 by Jane Doe: it means reviewed, not approved; entry 5 by Ann Poe: Ann Poe triggered" in line
    sign_as(run, "Jane Doe")
    assert signed_off()[0] == 0


def test_a_demo_identity_releases_a_model_of_phantoms_and_no_other(run: Path, signed_off: SignedOff) -> None:
    begin_run(run)
    sign_as(run, "Demo Reviewer", demo=True)
    for devices in (
        (None,),
        ("RadAssist Phantom DX", "Siemens Ysio"),
        ("RadAssist Phantom DX", None),
        ("RadAssistant X",),
    ):
        drawn_on(run, *devices)
        code, line = signed_off()
        assert code == 3, devices
        assert "Demo Reviewer is a DEMO identity" in line
    drawn_on(run, "RadAssist Phantom DX", "RadAssist Phantom CR")
    code, line = signed_off()
    assert code == 0
    assert line.startswith("approved by Demo Reviewer (DEMO, nobody real), radiologist")


def test_the_phantom_is_known_by_its_manufacturer_as_the_ingest_writes_it(tmp_path: Path) -> None:
    from pipelines.sign_off import is_of_phantoms

    phantom, data = tmp_path / "phantom", tmp_path / "data"
    assert main(["phantom", "--out", str(phantom), "--studies", "3", "--seed", "1", "--size", "64"]) == 0
    assert main(["ingest", "--source", "mimic_cxr", "--root", str(phantom), "--data", str(data)]) == 0
    assert is_of_phantoms(data)


def test_what_was_signed_must_still_be_what_stands_there(run: Path, signed_off: SignedOff) -> None:
    begin_run(run)
    sign_as(run, "Jane Doe")
    report, page, picture = (run / "report" / name for name in ("report.json", "index.html", "pictures/draft_1.png"))
    signed = {path: path.read_bytes() for path in (report, page, picture)}
    for path, changed, said in (
        (report, canonical(json.loads(signed[report]) | {"limits": []}).encode(), "nobody signed its report"),
        (report, signed[report] + b"\n", "is not the canonical JSON"),
        (page, signed[page] + b"<!-- -->", "it is under another index.html"),
        (picture, b"another picture", "pictures/draft_1.png not as report.json says"),
    ):
        path.write_bytes(changed)
        code, line = signed_off()
        assert code == 3, said
        assert said in line
        path.write_bytes(signed[path])
    assert signed_off()[0] == 0


def test_a_signature_older_than_its_report_does_not_count(run: Path, signed_off: SignedOff) -> None:
    begin_run(run)
    sign_as(run, "Jane Doe", at=datetime(2020, 1, 2, tzinfo=UTC))
    assert signed_off()[1].endswith("entry 3 by Jane Doe: it is older than the report")


def test_the_signed_report_of_another_model_releases_nothing(run: Path, signed_off: SignedOff) -> None:
    begin_run(run)
    report = run / "report" / "report.json"
    content = json.loads(report.read_text())
    content["identity"]["model_sha256"] = "0" * 64
    report.write_text(canonical(content))
    sign_as(run, "Jane Doe")
    assert signed_off() == (3, "radassist sign-off: refused: report/report.json is the report of another model")


@pytest.mark.parametrize("triggered_by", ["jdoe", "Jane Doe", "schedule", *Automatic, None])
def test_a_run_says_what_started_it_and_who_wrote_it(tmp_path: Path, triggered_by: str | Automatic | None) -> None:
    for folder in ("policy", "metrics"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "file").touch()
    (tmp_path / "params.yaml").touch()
    begin_run(tmp_path, "a", triggered_by, author="Ann Poe <ann@example.org>")
    assert origin_of(tmp_path) == Origin(triggered_by, ("Ann Poe <ann@example.org>", JOHN))


def test_a_name_cannot_pass_for_no_person(tmp_path: Path) -> None:
    for folder in ("policy", "metrics"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "file").touch()
    (tmp_path / "params.yaml").touch()
    begin_run(tmp_path, "a", "jdoe\n\nStarted-by: schedule")
    assert origin_of(tmp_path).triggered_by == "jdoe Started-by: schedule"
