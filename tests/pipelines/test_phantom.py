"""The phantom: the same bytes for the same seed, valid DICOM, masks and words that agree with the pixels."""

import csv
import json
from collections import Counter, defaultdict
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.pixels import apply_windowing

import pipelines.phantom
from model.errors import BadInput
from model.findings import Side, Zone
from model.labeler import label_sentence
from pipelines.cli import main
from pipelines.phantom import DRAFT, SEAL, PhantomArguments, write_phantom
from pipelines.sources.phantom import radiograph as drawing
from pipelines.sources.phantom.abnormalities import DEPICTED, Abnormality, Size
from pipelines.sources.phantom.plan import StudyPlan, plan_studies
from pipelines.sources.phantom.png import one_bit_png
from pipelines.sources.phantom.radiograph import Radiograph, radiograph
from pipelines.sources.phantom.regions import Region
from pipelines.sources.phantom.writer import write_study

SMALL = PhantomArguments(studies=12, seed=3, size=64)

# Changes with any byte that the phantom writes: raise pipelines.phantom.EDITION along with it.
SMALL_SHA256 = "c716675e24f1ae5dc8d0ed511ac55419e2844de6220ba1fb09e8ca2bce98eee1"

ONE_OF_EACH = (
    Abnormality("Cardiomegaly", Size.SMALL),
    Abnormality("Consolidation", Size.SMALL, Side.LEFT, Zone.UPPER),
    Abnormality("Lung Lesion", Size.SMALL, Side.RIGHT, Zone.MIDDLE),
    Abnormality("Pleural Effusion", Size.SMALL, Side.LEFT),
    Abnormality("Pneumothorax", Size.SMALL, Side.RIGHT),
)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("phantom") / "set"
    write_phantom(out, SMALL)
    return out


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def draw(plan: StudyPlan, abnormalities: tuple[Abnormality, ...], side: int = 128) -> Radiograph:
    return radiograph(plan.patient.body, plan.pose, abnormalities, plan.key, side)


# -- the same seed, the same bytes


def test_bytes_are_those_of_every_other_platform(small: Path) -> None:
    assert json.loads((small / SEAL).read_text()) == {**asdict(SMALL), "sha256": SMALL_SHA256}


def test_another_run_in_several_processes_writes_the_same_tree(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipelines.phantom, "FEW", 1)
    write_phantom(tmp_path / "set", SMALL)
    assert tree(tmp_path / "set") == tree(small)


def test_a_longer_set_begins_with_the_shorter_one(small: Path, tmp_path: Path) -> None:
    write_phantom(tmp_path, replace(SMALL, studies=5))
    shorter, longer = tree(tmp_path), tree(small)
    del shorter[SEAL]
    assert len(shorter) > 5 * 3
    for name, content in shorter.items():
        assert longer[name].startswith(content) if name.endswith(".csv") else longer[name] == content


def test_another_seed_gives_another_set(small: Path, tmp_path: Path) -> None:
    digest = write_phantom(tmp_path, replace(SMALL, seed=4))
    assert digest != SMALL_SHA256
    assert not set(map(str, tmp_path.rglob("*.dcm"))) & set(map(str, small.rglob("*.dcm")))


def test_the_picture_does_not_depend_on_the_strips_it_is_drawn_in(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = next(plan_studies(1, 1))
    whole = draw(plan, ONE_OF_EACH)
    monkeypatch.setattr(drawing, "PIXELS_AT_ONCE", 128 * 7)
    strips = draw(plan, ONE_OF_EACH)
    assert np.array_equal(whole.image, strips.image)
    assert all(np.array_equal(whole.masks[a], strips.masks[a]) for a in ONE_OF_EACH)


# -- the folder: finished, cut short, or somebody else's


def test_a_finished_set_is_left_alone(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipelines.phantom, "plan_studies", lambda *_: pytest.fail("it planned the set again"))
    assert write_phantom(small, SMALL) == SMALL_SHA256


def test_a_set_cut_short_is_continued(tmp_path: Path) -> None:
    first, second, *_ = plan_studies(SMALL.seed, SMALL.studies)
    (tmp_path / DRAFT).write_text(json.dumps(asdict(SMALL)))
    kept = write_study(tmp_path, first, SMALL.size)
    write_study(tmp_path, second, SMALL.size)
    damaged = next(tmp_path.glob(f"files/*/*/s{second.study_id}/*.dcm"))
    damaged.write_bytes(b"cut short")
    next(tmp_path.glob(f"files/*/*/s{second.study_id}.txt")).unlink()
    before = {name: (tmp_path / name).stat().st_mtime_ns for name in kept}
    assert write_phantom(tmp_path, SMALL) == SMALL_SHA256
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in kept} == before
    assert not (tmp_path / DRAFT).exists()


@pytest.mark.parametrize("other", [replace(SMALL, seed=4), replace(SMALL, size=65), replace(SMALL, studies=11)])
def test_another_phantom_in_the_folder_is_refused(small: Path, other: PhantomArguments) -> None:
    with pytest.raises(BadInput, match="something else than this phantom"):
        write_phantom(small, other)


def test_a_folder_of_other_things_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    assert main(["phantom", "--out", str(tmp_path), "--studies", "2", "--seed", "1"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("option", [("--studies", "0"), ("--seed", "-1"), ("--size", "63"), ("--size", "5000")])
def test_arguments_out_of_range_are_refused(tmp_path: Path, option: tuple[str, str]) -> None:
    given = {"--out": str(tmp_path / "set"), "--studies": "2", "--seed": "1"} | dict([option])
    assert main(["phantom", *(word for pair in given.items() for word in pair)]) == 2
    assert not (tmp_path / "set").exists()


# -- DICOM


@pytest.fixture(scope="module")
def images(small: Path) -> list[pydicom.FileDataset]:
    return [pydicom.dcmread(path) for path in sorted(small.rglob("*.dcm"))]


def test_two_kinds_of_device(images: list[pydicom.FileDataset]) -> None:
    kinds = {(i.Modality, i.PhotometricInterpretation, i.SOPClassUID.name) for i in images}
    assert kinds == {
        ("DX", "MONOCHROME2", "Digital X-Ray Image Storage - For Presentation"),
        ("CR", "MONOCHROME1", "Computed Radiography Image Storage"),
    }
    assert {i.ViewPosition for i in images} == {"PA", "AP"}
    assert {i.PatientSex for i in images} == {"F", "M"}
    assert all(i.BitsStored == 12 and i.pixel_array.max() < 4096 for i in images)


def test_uids_are_uuids_of_their_own(images: list[pydicom.FileDataset]) -> None:
    uids = [uid for i in images for uid in (i.SOPInstanceUID, i.SeriesInstanceUID, i.StudyInstanceUID)]
    assert len(set(uids)) == 3 * SMALL.studies
    assert all(uid.is_valid and uid.startswith("2.25.") for uid in uids)


def test_no_attribute_that_the_standard_requires_is_missing(images: list[pydicom.FileDataset]) -> None:
    """Types 1 and 2 of the mandatory modules, from highdicom's copy of PS3.3."""
    spec = find_spec("highdicom")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "_standard"
    iods, modules, attributes = (
        json.loads((folder / f"{name}.json").read_text())
        for name in ("sop_class_iod_map", "iod_module_map", "module_attribute_map")
    )
    for image in images:
        mandatory = [m["key"] for m in modules[iods[image.SOPClassUID]] if m["usage"] == "M"]
        wanted = [a for key in mandatory for a in attributes[key] if a["type"] in ("1", "2") and not a["path"]]
        assert len(wanted) >= 28
        assert [a["keyword"] for a in wanted if a["keyword"] not in image] == []
        assert [a["keyword"] for a in wanted if a["type"] == "1" and image[a["keyword"]].is_empty] == []


def test_both_kinds_show_the_drawn_picture(images: list[pydicom.FileDataset]) -> None:
    plans = {plan.study_id: plan for plan in plan_studies(SMALL.seed, SMALL.studies)}
    for image in images:
        shown = apply_windowing(image.pixel_array, image) / 4095
        if image.PhotometricInterpretation == "MONOCHROME1":
            shown = 1 - shown
        plan = plans[image.StudyID]
        assert np.abs(shown - draw(plan, plan.abnormalities, SMALL.size).image).max() < 1 / 2000


def test_mask_files_are_readable_by_others(tmp_path: Path) -> None:
    mask = np.random.default_rng(0).random((900, 701)) < 0.3  # longer than one stored block
    (tmp_path / "mask.png").write_bytes(one_bit_png(mask))
    with Image.open(tmp_path / "mask.png") as image:
        assert image.mode == "1"
        assert np.array_equal(np.asarray(image), mask)


# -- masks and pixels


@pytest.mark.parametrize("size", Size)
@pytest.mark.parametrize("found", ONE_OF_EACH, ids=lambda a: a.observation)
def test_an_abnormality_shows_where_its_mask_says(found: Abnormality, size: Size) -> None:
    """Against the same study without it: gas darkens, all else brightens, and nothing happens elsewhere."""
    abnormality = replace(found, size=size)
    for plan in plan_studies(seed=11, n=4):
        mask = draw(plan, (abnormality,)).masks[abnormality]
        change = draw(plan, (abnormality,)).image - draw(plan, ()).image
        inside, outside = change[mask], change[~_grown(mask, 6)]
        assert mask.sum() >= 25
        if abnormality.observation == "Cardiomegaly":  # the heart was there before; only its rim is new
            inside = inside[np.abs(inside) > 0.02]
        assert np.sign(inside.mean()) == (-1 if abnormality.observation == "Pneumothorax" else 1)
        assert abs(inside.mean()) > 0.04
        assert np.abs(outside).mean() < 0.004


@pytest.mark.parametrize("found", ONE_OF_EACH, ids=lambda a: a.observation)
def test_sizes_can_be_told_apart(found: Abnormality) -> None:
    areas = defaultdict(list)
    for plan in plan_studies(seed=12, n=6):
        for size in Size:
            abnormality = replace(found, size=size)
            areas[size].append(draw(plan, (abnormality,), 96).masks[abnormality].sum())
    assert np.mean(areas[Size.SMALL]) * 1.1 < np.mean(areas[Size.MODERATE]) < np.mean(areas[Size.LARGE]) / 1.1


def test_side_and_zone_are_the_patients() -> None:
    plan = next(plan_studies(5, 1))
    centres = {}
    for side in (Side.RIGHT, Side.LEFT):
        for zone in Zone:
            lesion = Abnormality("Lung Lesion", Size.MODERATE, side, zone)
            rows, columns = np.nonzero(draw(plan, (lesion,)).masks[lesion])
            centres[side, zone] = rows.mean(), columns.mean()
    for zone in Zone:
        assert centres[Side.RIGHT, zone][1] < 64 < centres[Side.LEFT, zone][1]
    for side in (Side.RIGHT, Side.LEFT):
        upper, middle, lower = (centres[side, zone][0] for zone in Zone)
        assert upper + 8 < middle < lower - 8


def test_lungs_are_dark_and_the_heart_is_bright() -> None:
    for plan in plan_studies(seed=2, n=5):
        drawn = draw(plan, ())
        lungs, heart = drawn.regions[Region.LUNGS], drawn.regions[Region.HEART]
        assert drawn.image[lungs].mean() + 0.15 < drawn.image[heart].mean()
        assert not (lungs & heart).any()
        assert (drawn.regions[Region.ANGLES] <= lungs).all()
        assert (drawn.regions[Region.APICES] <= lungs).all()


def _grown(mask: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    shifted = [np.roll(np.roll(mask, down, 0), across, 1) for down in (-by, 0, by) for across in (-by, 0, by)]
    return np.logical_or.reduce(shifted)


# -- words, labels, splits


@pytest.fixture(scope="module")
def many() -> list[StudyPlan]:
    return list(plan_studies(seed=7, n=1500))


def test_each_sentence_says_what_its_findings_say(many: list[StudyPlan]) -> None:
    """The labeler, which knows nothing of the phantom, reads the same findings, certainties, sides and zones."""
    sentences = {s.text: s for plan in many for s in plan.statements if s.rests_on is not Region.CHEST}
    assert len(sentences) > 100
    assert [s.text for s in sentences.values() if set(label_sentence(s.text)) != set(s.findings)] == []


def test_sentences_masks_and_labels_agree(small: Path) -> None:
    with (small / "mimic-cxr-2.0.0-chexpert.csv").open() as lines:
        labels = {row["study_id"]: row for row in csv.DictReader(lines)}
    for plan in plan_studies(SMALL.seed, SMALL.studies):
        folder = next(small.glob(f"sentence_masks/*/*/s{plan.study_id}"))
        stated = json.loads((folder / "sentences.json").read_text())
        positive = {f["observation"] for s in stated for f in s["findings"] if f["certainty"] != "negated"}
        row = labels[plan.study_id]
        assert {name for name, value in row.items() if value == "1.0"} == positive
        assert positive == ({a.observation for a in plan.abnormalities} or {"No Finding"})
        assert {name for name, value in row.items() if value == "0.0"} == set(DEPICTED) - positive
        for sentence in stated:
            assert sentence["groundable"] == (sentence["mask"] is not None) == bool(sentence["findings"])
            if sentence["mask"]:
                with Image.open(folder / sentence["mask"]) as mask:
                    assert mask.size == (SMALL.size, SMALL.size)
                    assert np.asarray(mask).any()
        assert {path.name for path in folder.iterdir()} == {s["mask"] for s in stated} - {None} | {"sentences.json"}


def test_no_finding_hides_another() -> None:
    for plan in plan_studies(seed=21, n=40):
        drawn = draw(plan, plan.abnormalities, 96)
        for abnormality, mask in drawn.masks.items():
            assert mask.sum() >= 8, (plan.number, abnormality)


def test_prevalence_and_variety(many: list[StudyPlan]) -> None:
    counts = Counter(a.observation for plan in many for a in plan.abnormalities)
    assert all(0.2 < counts[observation] / len(many) < 0.3 for observation in DEPICTED)
    assert 0.25 < sum(not plan.abnormalities for plan in many) / len(many) < 0.45
    unillustrated = sum(s.rests_on is None for plan in many for s in plan.statements)
    assert 0.1 < unillustrated / len(many) < 0.2
    assert max(Counter(p.patient.number for p in many).values()) == 3


def test_a_patient_is_in_one_split(many: list[StudyPlan]) -> None:
    splits = defaultdict(set)
    for plan in many:
        splits[plan.patient.subject_id].add(plan.patient.split)
    assert all(len(found) == 1 for found in splits.values())
    shares = Counter(split for found in splits.values() for split in found)
    for split, share in {"train": 0.8, "validate": 0.08, "test": 0.12}.items():
        assert shares[split] / len(splits) == pytest.approx(share, abs=0.01)


def test_a_small_set_has_every_split() -> None:
    assert {plan.patient.split for plan in plan_studies(seed=1, n=16)} == {"train", "validate", "test"}


def test_a_patient_stays_the_same_and_grows_older(many: list[StudyPlan]) -> None:
    by_patient = defaultdict(list)
    for plan in many:
        by_patient[plan.patient.number].append(plan)
    for plans in by_patient.values():
        assert len({plan.patient for plan in plans}) == 1
        assert [plan.earlier for plan in plans[1:]] == [plan.day for plan in plans[:-1]]
        assert plans == sorted(plans, key=lambda plan: plan.day)
        assert 18 <= plans[0].age <= plans[-1].age <= 95
