"""Validation, by what a person learns of a set: real sets on disk in, exit code, lines, page and figures out."""

import contextlib
import io
import json
import math
import re
import shutil
from collections.abc import Callable
from contextlib import closing, redirect_stderr, redirect_stdout
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.stats import chi2_contingency

from model.errors import BadInput
from model.findings import OBSERVATIONS
from pipelines.cli import main
from pipelines.manifest import SCHEMA, write_manifest
from pipelines.shards import ShardWriter
from pipelines.validation.agreement import CONVENTIONS, Agreement, agreement, counted
from pipelines.validation.members import member_faults
from pipelines.validation.policy import Chance, load_policy
from pipelines.validation.prevalence import effect, last_version
from pipelines.validation.tables import measure

SHIPPED = Path(__file__).parents[2]
POLICY = SHIPPED / "policy" / "data.yaml"
CHANCE = Chance(z=3, positives=20)
Row = dict[str, Any]
Edit = Callable[[list[Row]], None]

REPORTS = (
    ("The lungs are clear. No pleural effusion or pneumothorax.", "No acute disease.", {"No Finding": 1}),
    ("There is a right pleural effusion. The heart is normal.", "Right effusion.", {"Pleural Effusion": 1}),
    ("The heart is enlarged. No focal consolidation is seen.", "Cardiomegaly.", {"Cardiomegaly": 1}),
    ("There is a left pneumothorax after the procedure.", "Left pneumothorax.", {"Pneumothorax": 1}),
)
N_STUDIES = 240


def png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def row(number: int) -> Row:
    """Study `sNNN`, two a patient; every second one has a mask."""
    findings, impression, labels = REPORTS[number % 3 if number % 8 else 3]
    patient = number // 2
    split = "test" if patient % 4 == 0 else "validate" if patient % 4 == 1 else "train"
    name = f"s{number:03d}"
    region = {"mask": f"{name}/mask_00.png", "boxes": None} if number % 2 else {"mask": None, "boxes": [[1, 2, 30, 40]]}
    return {
        **dict.fromkeys(SCHEMA.names),
        "study_id": name,
        "patient_id": f"{patient:016x}",
        "split": split,
        "source": "mimic_cxr",
        "images": [{"member": f"{name}/image_0.png", "view": "PA"}],
        "pixels_sha256": f"{number:064x}",
        "content_sha256": "0" * 64,
        "width": 80,
        "height": 64,
        "findings": findings,
        "impression": impression,
        "sentences": [{"text": findings, "section": "findings", "groundable": True, **region}],
        "labels": dict.fromkeys(OBSERVATIONS) | labels,
        "age": 20 + number % 70,
        "sex": "FM"[patient % 2],
        "race_ethnicity": "WHITE",
        "site": "A",
        "device": "Ray 1",
        "modality": "CR",
    }


def write_set(data: Path, *edits: Edit, mask: tuple[int, int] = (64, 80)) -> Path:
    """A set in `data` as ingest leaves one, its rows edited before the manifest is written."""
    rows = [row(number) for number in range(N_STUDIES)]
    picture, region = png(np.zeros((64, 80), np.uint8)), png(np.ones(mask, bool))
    (data / "shards").mkdir(parents=True)
    with TemporaryDirectory() as folder, closing(ShardWriter(Path(folder))) as writer:
        for r in rows:
            members = [r["images"][0]["member"], *(s["mask"] for s in r["sentences"] if s["mask"])]
            writer.add(0, {name: region if "mask" in name else picture for name in members})
        shard = writer.finish(data / "shards")[0]
    for r in rows:
        r["shard"] = shard
    test = sorted({r["patient_id"] for r in rows if r["split"] == "test"})
    (data / "splits.json").write_text(json.dumps({"test": {"name": "t", "patients": test}}))
    for edit in edits:
        edit(rows)
    write_manifest(data, pa.Table.from_pylist(rows, SCHEMA))
    return data


class Run:
    """A validation in the folder of a set, and what it left."""

    def __init__(self, root: Path) -> None:
        output, errors = io.StringIO(), io.StringIO()
        with contextlib.chdir(root), redirect_stdout(output), redirect_stderr(errors):
            self.code = main(["validate"])
        self.output, self.errors, self.root, self.out = output.getvalue(), errors.getvalue(), root, root / "validation"

    @cached_property
    def content(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.out / "results.json").read_text())
        return found

    @cached_property
    def metrics(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.root / "metrics" / "validate.json").read_text())
        return found

    @cached_property
    def expectations(self) -> dict[str, dict[str, Any]]:
        return {e["name"]: e for e in self.content["expectations"]}

    def named(self, outcome: str) -> set[str]:
        return {name for name, e in self.expectations.items() if e["outcome"] == outcome}


def project(root: Path, *edits: Edit, **options: Any) -> Path:
    """A set in root/data, beside the shipped policy."""
    (root / "policy").mkdir(parents=True)
    shutil.copy(POLICY, root / "policy")
    write_set(root / "data", *edits, **options)
    return root


def validated(root: Path, *edits: Edit, **options: Any) -> Run:
    return Run(project(root, *edits, **options))


def of_study(number: int, **values: Any) -> Edit:
    def edit(rows: list[Row]) -> None:
        rows[number] |= values

    return edit


def everywhere(**values: Any) -> Edit:
    def edit(rows: list[Row]) -> None:
        for r in rows:
            r |= values

    return edit


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A set that keeps every promise."""
    return validated(tmp_path_factory.mktemp("sound") / "project")


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A set with many faults, none of which hides another."""
    return validated(tmp_path_factory.mktemp("broken") / "project", *(edit for edit, _, _ in FAULTS))


def test_a_sound_set_passes_and_its_figures_are_flat_numbers(sound: Run) -> None:
    assert sound.code == 0
    assert not [line for line in sound.errors.splitlines() if line.startswith("radassist")]
    assert (sound.named("failed"), sound.named("warning")) == (set(), set())
    assert sound.named("not measured") == {"prevalence", "prevalence of the same world"}
    assert (sound.out / "passed").read_text() == "Nothing critical failed.\n"
    assert all(isinstance(value, (int, float)) for value in sound.metrics.values())
    assert sound.metrics["n_checks"] == sound.metrics["n_passed"] + 2 == len(sound.expectations)
    assert sound.metrics["label_agreement"] == pytest.approx(1)
    assert sound.expectations["age"]["found"] == "all of 240 studies"
    assert {s["split"]: s["patients"] for s in sound.content["splits"]} == {"train": 60, "validate": 30, "test": 30}


def test_the_same_set_gives_the_same_bytes(sound: Run, tmp_path: Path) -> None:
    again = validated(tmp_path / "again")
    for path in sound.out.iterdir():
        assert (again.out / path.name).read_bytes() == path.read_bytes()


def swapped_reports(rows: list[Row]) -> None:
    """Every study gets the labels of another's report, as a wrong join gives them."""
    labels = [r["labels"] for r in rows]
    np.random.default_rng(1).shuffle(labels)  # type: ignore[arg-type]
    for r, other in zip(rows, labels, strict=True):
        r["labels"] = other


def twice(rows: list[Row]) -> None:
    rows.append(dict(rows[7]))


def boxes(first: int, last: int, *box: float) -> Edit:
    def edit(rows: list[Row]) -> None:
        for r in rows[first:last]:
            r["sentences"] = [{**r["sentences"][0], "mask": None, "boxes": [list(box)]}]

    return edit


def new_patient_in_test(rows: list[Row]) -> None:
    rows[20]["patient_id"], rows[20]["split"] = "f" * 16, "test"


FAULTS: tuple[tuple[Edit, str, str], ...] = (
    (of_study(0, split="train"), "a patient in one split", "not so in 1 of 122 patients (0.8 %)"),
    (of_study(45, pixels_sha256=f"{40:064x}"), "a picture in one split", "not so in 2 of 241 studies (0.8 %)"),
    (of_study(44, patient_id="MRN-0815"), "patient ids are hashed", "not so in 1 of 241 studies (0.4 %)"),
    (of_study(54, shard="00-gone.tar"), "members in their shards", "not so in 1 of 241 studies (0.4 %)"),
    (of_study(64, modality="CT"), "modality", "not so in 1 of 241 studies (0.4 %)"),
    (of_study(74, width=20), "image width", "not so in 1 of 241 studies (0.4 %)"),
    (new_patient_in_test, "the test set is frozen", "test 1"),
    (boxes(100, 120, 40, 10, 80.5, 20), "regions of these images", "not so in 21 of 241 studies (8.7 %)"),
    (twice, "a study stands once", "not so in 2 of 241 studies (0.8 %)"),
)


@pytest.mark.parametrize(("name", "found"), [(name, found) for _, name, found in FAULTS])
def test_what_is_critical_ends_with_3_and_says_which_what_and_how_much(broken: Run, name: str, found: str) -> None:
    assert broken.code == 3
    e = broken.expectations[name]
    [line] = [line for line in broken.errors.splitlines() if f"failed: {name}:" in line]
    expected = f"radassist validate: failed: {name}: {found}; expected: {e['table']}.{e['column']} {e['rule']}"
    assert line.startswith(expected)
    assert broken.metrics["passed"] == 0


def test_a_refused_set_leaves_its_page_and_no_leave_to_train(broken: Run) -> None:
    assert broken.named("failed") == {name for _, name, _ in FAULTS}
    assert "Refused" in (broken.out / "index.html").read_text()
    assert not (broken.out / "passed").exists()


def test_labels_of_other_patients_reports_are_critical(tmp_path: Path) -> None:
    run = validated(tmp_path / "project", swapped_reports)
    assert run.code == 3
    assert run.named("failed") == {"labels belong to their reports"}
    assert abs(run.metrics["label_agreement"]) < 0.1


def test_warnings_let_the_run_go_on_and_change_nothing_that_training_reads(sound: Run, tmp_path: Path) -> None:
    run = validated(tmp_path / "project", everywhere(site=None), boxes(0, 2, 40, 10, 80.5, 20), of_study(5, age=130))
    assert run.code == 0
    assert run.named("warning") == {"site known", "regions within their image", "age"}
    assert (run.out / "passed").read_bytes() == (sound.out / "passed").read_bytes()
    assert "failed" not in run.errors
    assert "warning: site known: missing in 240 of 240 studies (100 %)" in run.output


def test_masks_of_another_size_lie_outside(tmp_path: Path) -> None:
    data = write_set(tmp_path / "data", mask=(80, 64))
    missing, misfits = member_faults(data)
    assert missing == [0] * N_STUDIES
    assert misfits == [0, 1] * (N_STUDIES // 2)


@pytest.mark.parametrize("harm", ["cut", "gone", "no tar"])
def test_a_shard_that_is_not_whole_lacks_members(tmp_path: Path, harm: str) -> None:
    data = write_set(tmp_path / "data")
    [shard] = (data / "shards").iterdir()
    content = shard.read_bytes()
    shard.unlink()
    if harm != "gone":
        shard.write_bytes(content[: len(content) // 2] if harm == "cut" else b"no tar" * 1000)
    missing, misfits = member_faults(data)
    assert sum(missing) == pytest.approx(180 if harm == "cut" else 360, abs=1)
    assert sum(misfits) == 0


def test_a_mask_that_is_no_picture_is_a_misfit(tmp_path: Path) -> None:
    data = write_set(tmp_path / "data")
    [shard] = (data / "shards").iterdir()
    shard.write_bytes(shard.read_bytes().replace(b"\x89PNG", b"no PNG"[:4]))
    assert member_faults(data)[1] == [0, 1] * (N_STUDIES // 2)


def test_a_manifest_of_another_schema_is_named_by_its_columns_and_the_rest_is_not_measured(tmp_path: Path) -> None:
    path = project(tmp_path / "project") / "data" / "manifest.parquet"
    table = pq.read_table(path)
    age = table.schema.get_field_index("age")
    other = table.set_column(age, "age", pc.cast(table["age"], pa.string())).drop_columns(["sex"])
    pq.write_table(other.append_column("height_cm", table["width"]), path)
    run = Run(tmp_path / "project")
    assert run.code == 3
    assert run.expectations["the manifest's columns"]["found"] == "age string, height_cm unknown, sex missing"
    assert run.metrics["n_not_measured"] == run.metrics["n_checks"] - 1
    assert run.metrics["label_agreement"] is None


def test_reports_without_images_pass_with_warnings(tmp_path: Path) -> None:
    def text_only(rows: list[Row]) -> None:
        for r in rows:
            r |= {"images": [], "shard": "", "width": 0, "height": 0, "pixels_sha256": None, "modality": None}
            r["sentences"] = [{**s, "mask": None, "boxes": None} for s in r["sentences"]]

    run = validated(tmp_path / "project", text_only)
    assert run.code == 0
    assert run.named("warning") == {"image", "view known", "regions in each split"}
    assert {"image width", "modality", "a picture in one split", "regions of these images"} <= run.named("not measured")


PLANTED = (
    "SECRET-STUDY",
    "Doe^Jane",
    "zebra stripes",
    "Ward Doe",
    "VIEWDOE",
    "Q-DOE",
    "SHARD-DOE",
    "MEMBER-DOE",
    "113",
)


def test_nothing_of_a_patient_is_written_anywhere(tmp_path: Path) -> None:
    def plant(rows: list[Row]) -> None:
        for r in rows[:200]:
            r |= {"findings": "zebra stripes", "impression": None, "sex": "Q-DOE", "site": "Ward Doe", "age": 1130}
            r |= {"patient_id": "Doe^Jane", "shard": "SHARD-DOE", "study_id": "SECRET-STUDY", "modality": "Q-DOE"}
            r |= {"split": "Ward Doe", "pixels_sha256": "SECRET-STUDY", "width": 1, "device": "Ward Doe"}
            r["images"] = [{"member": "MEMBER-DOE", "view": "VIEWDOE"}]
            r["sentences"] = [{"text": "zebra stripes", "section": "findings", "mask": "MEMBER-DOE", "boxes": None}]

    run = validated(tmp_path / "project", plant)
    assert run.code == 3
    planted_in = {"study_id", "patient_id", "missing_members", "modality", "width", "split", "age", "sex", "view"}
    assert planted_in <= {run.expectations[name]["column"] for name in run.named("failed") | run.named("warning")}
    written = [path.read_text() for path in [*run.out.iterdir(), *(run.root / "metrics").iterdir()]]
    text = "\n".join([*written, run.errors, run.output])
    assert not [planted for planted in PLANTED if planted in text]
    assert not re.search(r"\bs\d{3}\b", text)


def test_the_page_needs_nothing_but_itself_and_shows_each_expectation(broken: Run) -> None:
    class Page(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.tags: set[str] = set()
            self.addresses: list[str | None] = []
            self.words: list[str] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.tags.add(tag)
            self.addresses += [value for name, value in attrs if name in ("src", "href", "srcset", "data")]

        def handle_data(self, data: str) -> None:
            self.words.append(data)

    page, html = Page(), (broken.out / "index.html").read_text()
    page.feed(html)
    text = " ".join(" ".join(page.words).split())
    assert page.addresses == []
    assert not page.tags & {"script", "link", "iframe", "object", "img"}
    assert not re.search(r"url\(|@import|https?:", html)
    for e in broken.content["expectations"]:
        assert e["because"] in text
        assert e["found"] in text
    top = text.split("Schema", 1)[0]
    assert "A patient in one split : not so in 1 of 122 patients" in top
    assert "A picture of one patient : not so in" in top


@pytest.mark.parametrize(
    ("before", "named"),
    [(0.15, "warning"), (0.01, "failed")],
)
def test_prevalence_is_held_against_the_last_version(tmp_path: Path, before: float, named: str) -> None:
    """Today 70 of 240 studies have an effusion."""
    root = project(tmp_path / "project")
    labels = [row(number)["labels"] for number in range(N_STUDIES)]
    now = {name: sum(given[name] == 1 for given in labels) / N_STUDIES for name in OBSERVATIONS}
    assert now["Pleural Effusion"] == 70 / 240
    last = {"version": "b", "n_labelled": 2400, "positive_share": now | {"Pleural Effusion": before}}
    profile = {"version": "a", "n_labelled": 240, "positive_share": now, "last": last}
    (root / "data.profile.json").write_text(json.dumps(profile))
    run = Run(root)
    assert run.code == (3 if named == "failed" else 0)
    outcomes = {name: run.expectations[name]["outcome"] for name in ("prevalence", "prevalence of the same world")}
    assert named in outcomes.values()
    h = 2 * math.asin(math.sqrt(70 / 240)) - 2 * math.asin(math.sqrt(before))
    for name, outcome in outcomes.items():
        if outcome != "passed":
            assert run.expectations[name]["found"] == f"Pleural Effusion {h:.3f}"


def test_a_profile_that_no_ingest_wrote_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "data.profile.json").write_text('{"n_labelled": "many"}')
    with pytest.raises(BadInput, match=r"data\.profile\.json n_labelled"):
        last_version(tmp_path)
    assert last_version(tmp_path / "elsewhere") is None


@given(
    st.integers(1, 4000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    st.integers(1, 4000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
)
def test_a_change_counts_where_the_chi_squared_test_says_so(now: tuple[int, int], before: tuple[int, int]) -> None:
    """Two-proportion z squared is Pearson's chi squared of the 2 x 2 table, without correction."""
    (k, n), (m, o) = now, before
    h = effect(k, n, m / o, o, z=3)
    if k + m in (0, n + o):
        assert h == 0
        return
    chi_squared = chi2_contingency([[k, n - k], [m, o - m]], correction=False).statistic
    if not math.isclose(chi_squared, 9, rel_tol=1e-9):
        assert (h != 0) == (chi_squared > 9)
    assert h == 0 or (h > 0) == (k / n > m / o)


def table(both: int, given: int, read: int, neither: int) -> np.ndarray:
    return np.array([[neither, read], [given, both]], np.int64)


def kappas(*tables: np.ndarray) -> Agreement:
    """The agreement of a set whose first observations have these counts, in both conventions."""
    counts = np.zeros((len(CONVENTIONS), len(OBSERVATIONS), 2, 2), np.int64)
    counts[:, :, 0, 0] = tables[0].sum()
    for index, one in enumerate(tables):
        counts[:, index] = one
    return agreement(counts, [index < len(tables) for index in range(len(OBSERVATIONS))], CHANCE)


def test_kappa_by_hand() -> None:
    """20 yes-yes, 5 and 10 of one alone, 15 no-no: observed 0.7, expected 0.5, kappa 0.4."""
    found = kappas(table(20, 5, 10, 15))
    assert found.overall == pytest.approx(0.4)
    assert found.overall_at_most == pytest.approx(0.4 + 3 * math.sqrt(0.7 * 0.3 / 50) / 0.5)
    assert found.by_observation[0] == pytest.approx(0.4)
    assert found.by_observation[1:] == (None,) * 13
    assert found.read[0] == 30


def test_observations_weigh_as_much_as_chance_leaves_to_gain() -> None:
    """Beside it one without agreement, expected 0.5 and observed 0.5: (0.2 + 0) / (0.5 + 0.5)."""
    found = kappas(table(20, 5, 10, 15), table(20, 5, 20, 5))
    assert found.by_observation[:2] == (pytest.approx(0.4), pytest.approx(0))
    assert found.overall == pytest.approx(0.2)


def test_too_few_positives_are_not_measured() -> None:
    found = kappas(table(19, 0, 0, 81))
    assert (found.overall, found.by_observation[0]) == (None, None)
    assert kappas(table(0, 0, 20, 80)).by_observation[0] == pytest.approx(0)


def test_the_convention_that_fits_is_found_and_processes_count_alike() -> None:
    """ "Possible pneumonia" is uncertain to CheXpert's labeler and no assertion; "likely edema" is both."""
    given = {"Edema": 1, "Pneumonia": None}
    studies = [("There is likely edema. Possible pneumonia.", given), ("No edema.", {"Edema": 0})] * 30
    chunks = [studies[:20], studies[20:]]
    counts = counted(chunks, n_studies=len(studies))
    assert np.array_equal(counts, counted(chunks, n_studies=8192))
    found = agreement(counts, [name in given for name in OBSERVATIONS], CHANCE)
    assert found.overall == pytest.approx(1)
    assert found.by_observation[OBSERVATIONS.index("Edema")] == pytest.approx(1)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("severity", "fatal", "severity='fatal'"),
        ("mostly", 1.5, "mostly=1.5"),
        ("colum", "age", "colum='age'"),
        ("column", "weight", "studies.weight"),
        ("table", "people", "people.age"),
        ("expect", "column_distinct_values_to_be_in_set", "expect"),
        ("min_value", "old", "min_value='old'"),
        ("because", "", "because=''"),
    ],
)
def test_a_policy_that_asks_for_what_there_is_not_is_refused_by_name(
    tmp_path: Path, key: str, value: object, told: str
) -> None:
    policy = yaml.safe_load(POLICY.read_text())
    age = next(e for e in policy["expectations"]["ranges"] if e["name"] == "age")
    age[key] = value
    path = tmp_path / "data.yaml"
    path.write_text(yaml.safe_dump(policy))
    with pytest.raises(BadInput) as refused:
        load_policy(path)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_name_stands_for_one_expectation(tmp_path: Path) -> None:
    policy = yaml.safe_load(POLICY.read_text())
    policy["expectations"]["ranges"][1]["name"] = "age"
    (tmp_path / "data.yaml").write_text(yaml.safe_dump(policy))
    with pytest.raises(BadInput, match="'age'"):
        load_policy(tmp_path / "data.yaml")


def test_a_bound_that_does_not_fit_its_column_is_bad_input(tmp_path: Path) -> None:
    root = project(tmp_path / "project")
    policy = yaml.safe_load(POLICY.read_text())
    policy["expectations"]["ranges"][0]["column"] = "site"
    (root / "policy" / "data.yaml").write_text(yaml.safe_dump(policy))
    run = Run(root)
    assert run.code == 2
    assert "radassist validate: expectation 'age'" in run.errors


def test_no_set_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="run radassist ingest"):
        measure(tmp_path, CHANCE, None)
