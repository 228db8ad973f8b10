"""What somebody who signs, or who checks a signature, relies on: nothing that was signed can be changed unseen."""

import copy
import dataclasses
import functools
import json
import operator
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.cli import main
from pipelines.report_checks import check_report, ledger_check, read_document
from records import ledger
from records.canonical import canonical, sha256
from records.database import open_database, writing
from records.ledger import Anchor, Entry
from records.signatures import Meaning, enter_key, sign

LONG_AGO = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def signed_run(passed_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose report Jane approved and John reviewed: to copy."""
    root = tmp_path_factory.mktemp("signed") / "run"
    root.mkdir()
    shutil.copytree(passed_run / "report", root / "report")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        for name, role, meaning in (("Jane Doe", "radiologist", "approved"), ("John Roe", "manager", "reviewed")):
            file = f"{name}.pem"
            assert main(["report", "key", "--name", name, "--role", role, "--out", file]) == 0
            assert main(["report", "sign", "report/report.json", "--key", file, "--meaning", meaning]) == 0
    return root


@pytest.fixture
def run(signed_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(signed_run, tmp_path / "run")
    monkeypatch.chdir(tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def verified(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, list[str], list[str]]]:
    """Verify the report: the exit code, the lines that hold, and those that do not."""

    def verify(*options: str) -> tuple[int, list[str], list[str]]:
        capsys.readouterr()
        code = main(["report", "verify", "report/report.json", *options])
        lines = capsys.readouterr().out.splitlines()
        holds = [line.removeprefix("holds  ") for line in lines if line.startswith("holds  ")]
        fails = [line.removeprefix("FAILS  ") for line in lines if line.startswith("FAILS  ")]
        assert len(holds) + len(fails) == len(lines)
        return code, holds, fails

    return verify


Verify = Callable[..., tuple[int, list[str], list[str]]]


def ledger_file(run: Path) -> Path:
    return run / "var" / "records" / "records.db"


def rows(run: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(ledger_file(run))) as connection:
        return connection.execute("SELECT * FROM ledger ORDER BY seq").fetchall()


def rewrite(run: Path, changed: list[tuple[Any, ...]]) -> None:
    """Put other rows in the ledger's place, as one can who has the file."""
    with closing(sqlite3.connect(ledger_file(run))) as connection, connection:
        connection.execute("DROP TRIGGER ledger_refuses_delete")
        connection.execute("DELETE FROM ledger")
        connection.executemany("INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?)", changed)


def rechained(changed: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The rows with numbers and hashes that fit."""
    done, before = [], "0" * 64
    for seq, (_, key, kind, entry, _, _) in enumerate(changed, start=1):
        text = canonical(json.loads(entry) | {"seq": seq})
        done.append((seq, key, kind, text, before, sha256(before + text)))
        before = done[-1][-1]
    return done


def test_a_signed_report_holds_line_by_line(run: Path, verified: Verify) -> None:
    code, holds, fails = verified()
    assert (code, fails) == (0, [])
    digest = sha256((run / "report" / "report.json").read_bytes())
    assert holds[:3] == [
        f"report.json is canonical JSON, sha256 {digest}",
        "files: all 7 of report.json",
        "index.html is the page that was signed",
    ]
    assert holds[3].startswith("ledger: 4 entries, head 4:")
    assert holds[4].startswith("entry 2: approved by Jane Doe, radiologist, 20")
    assert holds[5].startswith("entry 4: reviewed by John Roe, manager, 20")
    assert len(holds) == 6
    assert digest in (run / "report" / "index.html").read_text()


def test_signing_prints_the_anchor_that_verify_takes(
    run: Path, verified: Verify, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "sign", "report/report.json", "--key", "Jane Doe.pem", "--meaning", "responsible"]) == 0
    said = capsys.readouterr().out
    anchor = said.partition("anchor ")[2].split()[0]
    assert "responsible by Jane Doe, radiologist, in entry 5" in said
    assert verified("--anchor", anchor)[0] == 0
    rewrite(run, rows(run)[:4])
    assert verified()[0] == 0  # the chain that is left holds by itself
    assert verified("--anchor", anchor)[2] == [
        "ledger: entry 5 truncated: the anchor is entry 5, and the ledger ends before it"
    ]


def leaves(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of each value that is no list or object."""
    children = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    if not isinstance(content, dict | list):
        yield path
    for key, value in children:
        yield from leaves(value, (*path, key))


def test_every_section_of_the_report_is_covered(run: Path, verified: Verify, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "pipelines.report_page.inlined", lambda path: path.name
    )  # what takes time in drawing the page again
    file = run / "report" / "report.json"
    content = json.loads(file.read_text())
    for section in content:
        changed = copy.deepcopy(content)
        place: Any = changed
        *way, last = next(leaves(content[section], (section,)))
        for step in way:
            place = place[step]
        place[last] = "tampered" if place[last] != "tampered" else None
        file.write_text(canonical(changed))
        code, _, fails = verified()
        assert code == 1, section
        assert any("changed since, or never signed" in line for line in fails), section
        del changed[section]
        file.write_text(canonical(changed))
        assert verified()[0] == 1, section


@pytest.fixture(scope="module")
def signed(signed_run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Entry]]:
    """The report and the ledger's entries, in a place of their own that may be written to."""
    root = tmp_path_factory.mktemp("signed_copy") / "run"
    shutil.copytree(signed_run, root)
    entries = [Entry(*row) for row in rows(root)]
    assert all(check.holds for check in check_report(read_document(root / "report" / "report.json"), entries))
    return root / "report" / "report.json", entries


values = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9)
)


@settings(max_examples=40)
@given(st.data())
def test_no_value_of_the_report_can_be_changed_unseen(signed: tuple[Path, list[Entry]], data: st.DataObject) -> None:
    file, entries = signed
    whole = file.read_text()
    content = json.loads(whole)
    *way, last = data.draw(st.sampled_from(list(leaves(content))))
    place = functools.reduce(operator.getitem, way, content)
    place[last] = data.draw(values.filter(lambda value: json.dumps(value) != json.dumps(place[last])))
    try:
        file.write_text(canonical(content), encoding="utf-8")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("pipelines.report_page.inlined", lambda path: path.name)
            checks = check_report(read_document(file), entries)
    finally:
        file.write_text(whole, encoding="utf-8")
    assert any("changed since, or never signed" in str(check) for check in checks if not check.holds)


@given(st.data())
def test_no_letter_of_the_ledger_can_be_changed_unseen(signed: tuple[Path, list[Entry]], data: st.DataObject) -> None:
    _, entries = signed
    place = data.draw(st.integers(0, len(entries) - 1))
    column = data.draw(st.sampled_from(["key", "kind", "entry", "prev_sha256", "sha256"]))
    text = getattr(entries[place], column)
    at = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.characters(codec="ascii", exclude_characters=text[at]))
    changed = dataclasses.replace(entries[place], **{column: text[:at] + letter + text[at + 1 :]})
    check = ledger_check([*entries[:place], changed, *entries[place + 1 :]], ledger.START)
    assert not check.holds
    assert check.what.startswith(f"ledger: entry {place + 1} ")


@given(st.data())
def test_no_other_order_of_the_ledger_holds(signed: tuple[Path, list[Entry]], data: st.DataObject) -> None:
    _, entries = signed
    order = data.draw(st.lists(st.sampled_from(entries), max_size=6).filter(lambda order: order != entries))
    assert not ledger_check(order, Anchor(entries[-1].seq, entries[-1].sha256)).holds


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (lambda text: text + "\n", "report.json is not the canonical JSON of its content, sha256"),
        (lambda text: text.replace(",", ", "), "report.json is not the canonical JSON of its content, sha256"),
        (lambda text: text.replace('"verdict":', '"verdict":null,"verdict":'), "report.json is not the canonical"),
        (lambda text: text[:-1], "report.json is no validation report"),
        (lambda _: "[]", "report.json is no validation report"),
        (lambda _: "", "report.json is no validation report"),
    ],
)
def test_the_same_content_in_other_bytes_is_not_what_was_signed(
    run: Path, verified: Verify, written: Callable[[str], str], said: str
) -> None:
    file = run / "report" / "report.json"
    file.write_text(written(file.read_text()))
    code, _, fails = verified()
    assert code == 1
    assert fails[0].startswith(said)


def test_a_changed_picture_or_page_is_found(run: Path, verified: Verify) -> None:
    picture, page = run / "report" / "pictures" / "draft_2.png", run / "report" / "index.html"
    whole = picture.read_bytes()
    for changed in (whole + b"\0", (run / "report" / "pictures" / "draft_1.png").read_bytes()):
        picture.write_bytes(changed)
        assert verified()[2] == ["files: pictures/draft_2.png not as report.json says"]
    picture.unlink()
    assert verified()[2] == ["files: pictures/draft_2.png not as report.json says"]
    picture.write_bytes(whole)
    page.write_text(page.read_text().replace("Passed", "passed"))
    code, _, fails = verified()
    assert (code, fails[0]) == (1, "index.html is another page than the one that was signed")
    assert [line.rpartition(": ")[2] for line in fails[1:]] == ["it is under another index.html"] * 2
    page.unlink()
    assert verified()[2][0] == "index.html is missing"


def test_a_file_outside_the_report_is_not_read(run: Path, verified: Verify) -> None:
    file = run / "report" / "report.json"
    content = json.loads(file.read_text())
    content["files"]["../Jane Doe.pem"] = sha256(Path("Jane Doe.pem").read_bytes())
    file.write_text(canonical(content))
    assert "files: ../Jane Doe.pem not as report.json says" in verified()[2]


def edited(row: tuple[Any, ...], old: str, new: str) -> tuple[Any, ...]:
    assert old in row[3]
    return (*row[:3], row[3].replace(old, new), *row[4:])


def test_a_touched_ledger_is_found_at_the_entry_that_was_touched(run: Path, verified: Verify) -> None:
    one, two, three, four = rows(run)
    for touched, said in (
        ([one, edited(two, '"approved"', '"reviewed"'), three, four], "entry 2 changed: its hash"),
        ([one, three, four], "entry 2 missing: entry 3 comes after entry 1"),
        ([one, (3, *two[1:]), (2, *three[1:]), four], "entry 2 reordered: it was written as entry 3"),
    ):
        copied = ledger_file(run).read_bytes()
        rewrite(run, touched)
        code, _, fails = verified()
        assert code == 1
        assert any(line.startswith(f"ledger: {said}") for line in fails)
        ledger_file(run).write_bytes(copied)
    assert verified()[0] == 0


def test_a_ledger_made_anew_without_the_keys_does_not_hold(run: Path, verified: Verify) -> None:
    one, two, three, four = rows(run)
    rewrite(run, rechained([one, edited(two, "Jane Doe", "John Roe"), three, four]))
    code, holds, fails = verified()
    assert code == 1
    assert any(line.startswith("ledger: 4 entries") for line in holds)
    assert [line.rpartition(": ")[2] for line in fails] == ["its key did not sign this statement"]


def test_a_signature_before_its_key_does_not_hold(run: Path, verified: Verify) -> None:
    one, two, three, four = rows(run)
    rewrite(run, rechained([two, one, three, four]))
    code, _, fails = verified()
    assert code == 1
    assert [line.rpartition(": ")[2] for line in fails] == [
        "no such key was entered before it under this name and role"
    ]


def test_a_demo_identity_is_shown_as_one_and_a_signature_older_than_its_report_fails(
    run: Path, verified: Verify
) -> None:
    digests = [sha256((run / "report" / name).read_bytes()) for name in ("report.json", "index.html")]
    key = Ed25519PrivateKey.generate()
    with writing(open_database(f"sqlite:///{ledger_file(run)}")) as connection:
        enter_key(connection, key, "Demo Reviewer", "radiologist", LONG_AGO, demo=True)
        sign(connection, key, Meaning.APPROVED, digests[0], digests[1], LONG_AGO)
    code, holds, fails = verified()
    assert (code, len(holds)) == (1, 6)
    assert fails[0].startswith(
        "entry 6: approved by Demo Reviewer (DEMO, nobody real), radiologist, 2020-01-02 03:04:05"
    )
    assert fails[0].endswith(": it is older than the report")


def test_a_report_that_nobody_signed_does_not_hold(run: Path, verified: Verify) -> None:
    rewrite(run, [])
    code, holds, fails = verified()
    assert code == 1
    assert holds[2] == "index.html is drawn from report.json"
    assert len(fails) == 1
    assert fails[0].startswith("signatures: none is under sha256")
    ledger_file(run).unlink()
    assert "ledger: there is none at" in verified()[2][-1]
    assert not ledger_file(run).exists()
    ledger_file(run).write_text("Dear auditor, " * 100)
    assert main(["report", "verify", "report/report.json"]) == 2


def test_a_report_that_does_not_hold_cannot_be_signed(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = run / "report" / "index.html"
    page.write_text(page.read_text().replace("Passed", "passed"))
    sign = ["report", "sign", "report/report.json", "--key", "Jane Doe.pem", "--meaning", "authored"]
    assert main(sign) == 2
    assert "this does not hold: its page is what this version draws" in capsys.readouterr().err
    rewrite(run, rows(run)[1:])
    assert main(sign) == 2
    assert len(rows(run)) == 3


def test_a_key_under_a_password_asks_for_it(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = iter(["horse", "house", "horse", "horse", "house", "horse"])
    monkeypatch.setattr("pipelines.report_command.getpass", lambda _: next(typed))
    key = ["report", "key", "--name", "Ann Poe", "--role", "radiologist", "--out", "ann.pem", "--password"]
    sign = ["report", "sign", "report/report.json", "--key", "ann.pem", "--meaning", "approved"]
    assert [main(key), main(key), main(sign), main(sign)] == [2, 0, 2, 0]


def test_a_key_that_cannot_be_written_is_not_entered(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "key", "--name", "Ann Poe", "--role", "radiologist", "--out", "Jane Doe.pem"]) == 2
    assert "never overwritten" in capsys.readouterr().err
    assert len(rows(run)) == 4


def test_the_ledger_holds_nothing_of_a_patient_or_study(run: Path) -> None:
    content = json.loads((run / "report" / "report.json").read_text())
    ledger = "".join(row[3] for row in rows(run))
    fields = {key for row in rows(run) for key in json.loads(row[3])["body"]["content"]}
    assert fields == {
        *("kind", "public_key", "name", "role", "accounts", "demo"),
        *("signer", "meaning", "signed_at", "report_sha256", "page_sha256"),
    }
    for example in content["examples"]:
        assert f'"{example["study_id"]}"' not in ledger
        assert example["draft"]["findings"] not in ledger


def test_the_script_of_the_documentation_agrees(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "records.md").read_text()
    script = page.partition("```python\n")[2].partition("```")[0]
    shutil.copy(ledger_file(run), "records.db")
    for name in ("report.json", "index.html"):
        shutil.copy(run / "report" / name, name)
    exec(compile(script, "docs/records.md", "exec"), {})  # noqa: S102 - our own page
    assert [line.split(",")[0] for line in capsys.readouterr().out.splitlines()] == [
        "entry 2: approved by Jane Doe",
        "entry 4: reviewed by John Roe",
    ]
    one, two, three, four = rows(run)
    rewrite(run, rechained([one, edited(two, "Jane Doe", "John Roe"), three, four]))
    shutil.copy(ledger_file(run), "records.db")
    with pytest.raises(InvalidSignature):
        exec(compile(script, "docs/records.md", "exec"), {})  # noqa: S102
