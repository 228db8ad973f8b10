"""The phantom on disk: DICOM in many encodings that show one picture; masks, boxes, tables and reports that agree."""

import csv
import json
from collections import Counter
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.uid import ExplicitVRLittleEndian

from model.pixels import PixelParams, to_display, to_model_input
from model.sections import sections
from pipelines.deidentify import stored_form
from pipelines.phantom import PhantomArguments, write_phantom
from pipelines.pseudonyms import Pseudonyms
from pipelines.sources.mimic_layout import LABEL_COLUMNS, MS_CXR_FILE, image_folder
from pipelines.sources.phantom.dicom import encode
from pipelines.sources.phantom.fields import Field
from pipelines.sources.phantom.lateral import lateral_radiograph
from pipelines.sources.phantom.ms_cxr import CATEGORIES, boxes_of
from pipelines.sources.phantom.plan import LARGE_AT, LARGE_FORMATS, Shot, StudyPlan, plan_studies
from pipelines.sources.phantom.png import one_bit_png
from pipelines.sources.phantom.radiograph import radiograph
from pipelines.sources.phantom.scenario import Scenario
from pipelines.sources.phantom.storage import SYNTAXES, Storage, Voi

SET = PhantomArguments(studies=48, seed=9, size=64)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("phantom") / "set"
    write_phantom(out, SET)
    return out


@pytest.fixture(scope="module")
def plans() -> list[StudyPlan]:
    return list(plan_studies(SET.seed, SET.studies, SET.scenario))


def file_of(root: Path, plan: StudyPlan, shot: Shot) -> Path:
    return root / image_folder(plan.patient.subject_id, plan.study_id) / f"{shot.dicom_id}.dcm"


def drawn(plan: StudyPlan, shot: Shot) -> Field:
    given = plan.patient.body, plan.pose, shot.exposure, plan.abnormalities, plan.key, *plan.shape(SET.size)
    return lateral_radiograph(*given) if shot.view == "LATERAL" else radiograph(*given).image


# -- one picture, whatever the encoding

PLAIN = Storage(ExplicitVRLittleEndian, 12, False, False, 1, 0, Voi.LINEAR, 0.0)
ENCODINGS = [
    *(replace(PLAIN, syntax=syntax) for syntax in SYNTAXES),
    *(replace(PLAIN, syntax=syntax, bits=16, inverted=True, margin=0.1) for syntax in SYNTAXES),
    *(replace(PLAIN, bits=bits, margin=0.15) for bits in (10, 14, 15)),
    *(replace(PLAIN, voi=voi, margin=0.2, inverted=inverted) for voi in Voi for inverted in (False, True)),
    *(replace(PLAIN, syntax=syntax, voi=Voi.TABLE) for syntax in SYNTAXES),
    *(replace(PLAIN, signed=True, voi=voi, margin=0.1) for voi in (Voi.LINEAR, Voi.LINEAR_EXACT, Voi.NONE)),
    *(replace(PLAIN, slope=2, intercept=-1024, signed=signed, voi=Voi.LINEAR) for signed in (False, True)),
]


@pytest.fixture(scope="module")
def full_range(plans: list[StudyPlan]) -> Field:
    """A picture with a black and a white pixel."""
    image = drawn(plans[0], plans[0].shots[0])
    return (image - image.min()) / (image.max() - image.min())


@pytest.mark.parametrize("storage", ENCODINGS, ids=str)
def test_every_encoding_shows_the_same_picture(plans: list[StudyPlan], full_range: Field, storage: Storage) -> None:
    site = replace_site(plans[0], "CR")
    content = encode(site, replace(site.shots[0], storage=storage), full_range)
    assert pydicom.dcmread(_bytes(content)).file_meta.TransferSyntaxUID == storage.syntax
    shown = to_display(content).astype(int)
    assert np.abs(shown - np.rint(255 * full_range).astype(int)).max() <= 1
    plain = encode(site, replace(site.shots[0], storage=PLAIN), full_range)
    seen, expected = (to_model_input(file, PixelParams(size=64)).image.astype(int) for file in (content, plain))
    assert np.abs(seen - expected).mean() < 2.5  # CLAHE multiplies a grey level


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.name)
def test_an_encoding_gives_the_same_bytes_again(plans: list[StudyPlan], full_range: Field, syntax: str) -> None:
    shot = replace(plans[0].shots[0], storage=replace(PLAIN, syntax=syntax))
    assert encode(plans[0], shot, full_range) == encode(plans[0], shot, full_range)


def replace_site(plan: StudyPlan, modality: str) -> StudyPlan:
    site = plan.patient.site.model_copy(update={"modality": modality})
    return replace(plan, patient=replace(plan.patient, site=site))


def _bytes(content: bytes) -> pydicom.filebase.DicomBytesIO:
    return pydicom.filebase.DicomBytesIO(content)


def test_the_files_show_the_drawn_pictures(root: Path, plans: list[StudyPlan]) -> None:
    for plan in plans[:16]:
        for shot in plan.shots:
            shown = to_display(file_of(root, plan, shot)).astype(float)
            assert np.abs(shown - 255 * drawn(plan, shot)).max() <= 1.5


def test_a_set_has_many_kinds_of_files() -> None:
    shots = [shot for plan in plan_studies(1, 600, Scenario()) for shot in plan.shots]
    storages = [shot.storage for shot in shots]
    native = sum(not storage.syntax.is_encapsulated for storage in storages)
    assert native / len(storages) == pytest.approx(0.8, abs=0.04)
    assert {storage.syntax for storage in storages} == set(SYNTAXES)
    assert {storage.bits for storage in storages} == {10, 12, 14, 15, 16}
    assert {storage.voi for storage in storages} == set(Voi)
    assert {(storage.signed, storage.slope) for storage in storages} == {(s, k) for s in (False, True) for k in (1, 2)}
    assert {shot.view for shot in shots} == {"PA", "AP", "LATERAL"}


# -- DICOM headers


@pytest.fixture(scope="module")
def images(root: Path) -> list[pydicom.FileDataset]:
    return [pydicom.dcmread(path) for path in sorted(root.rglob("*.dcm"))]


def test_two_modalities_three_views_two_polarities(images: list[pydicom.FileDataset]) -> None:
    assert {(i.Modality, i.SOPClassUID.name) for i in images} == {
        ("DX", "Digital X-Ray Image Storage - For Presentation"),
        ("CR", "Computed Radiography Image Storage"),
    }
    assert {(i.Modality, i.PhotometricInterpretation) for i in images} == {
        (modality, f"MONOCHROME{k}") for modality in ("DX", "CR") for k in (1, 2)
    }
    assert {i.ViewPosition for i in images} == {"PA", "AP", "LATERAL"}
    assert {i.PatientSex for i in images} == {"F", "M"}


def test_uids_are_uuids_of_their_own(images: list[pydicom.FileDataset]) -> None:
    assert len({i.SOPInstanceUID for i in images}) == len(images) > SET.studies
    assert len({i.StudyInstanceUID for i in images}) == SET.studies
    uids = [uid for i in images for uid in (i.SOPInstanceUID, i.SeriesInstanceUID, i.StudyInstanceUID)]
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


def test_modality_view_and_device_outlive_deidentification(root: Path, plans: list[StudyPlan]) -> None:
    for plan in plans[:12]:
        for shot in plan.shots:
            kept = stored_form(file_of(root, plan, shot).read_bytes(), Pseudonyms(b"k" * 32))
            site = plan.patient.site
            assert (kept.modality, kept.view, kept.device) == (site.modality, shot.view, f"RadAssist {site.device}")


# -- sizes


def test_upright_lying_square_and_now_and_then_large() -> None:
    plans = list(plan_studies(1, 800, Scenario()))
    shapes = Counter(plan.shape(256) for plan in plans)
    assert set(shapes) == {(256, 256), (256, 210), (210, 256), *LARGE_FORMATS[:2]}
    assert min(shapes[shape] for shape in ((256, 256), (256, 210), (210, 256))) > 100
    assert plans[LARGE_AT].shape(256) == (2500, 2048)
    assert plans[LARGE_AT + 500].shape(256) == (3056, 2544)
    assert max(plans[LARGE_AT].shape(4096)) == 4096


# -- masks, boxes, sentences


def test_mask_files_are_readable_by_others(tmp_path: Path) -> None:
    mask = np.random.default_rng(0).random((900, 701)) < 0.3  # longer than one stored block
    (tmp_path / "mask.png").write_bytes(one_bit_png(mask))
    with Image.open(tmp_path / "mask.png") as image:
        assert image.mode == "1"
        assert np.array_equal(np.asarray(image), mask)


def test_sentences_masks_and_labels_agree(root: Path, plans: list[StudyPlan]) -> None:
    with (root / "mimic-cxr-2.0.0-chexpert.csv").open() as lines:
        labels = {row["study_id"]: row for row in csv.DictReader(lines)}
    for plan in plans:
        folder = next(root.glob(f"sentence_masks/*/*/s{plan.study_id}"))
        stated = json.loads((folder / "sentences.json").read_text())
        assert [s["text"] for s in stated] == [s.text for s in plan.statements]
        assert {path.name for path in folder.iterdir()} == {s["mask"] for s in stated} - {None} | {"sentences.json"}
        positive = {
            f["observation"] for s in stated for f in s["findings"] if f["certainty"] in ("definite", "likely")
        } - {"No Finding"}
        row = labels[plan.study_id]
        assert {name for name in LABEL_COLUMNS if row[name] == "1.0"} - {"No Finding"} == positive
        for sentence in stated:
            assert sentence["groundable"] == (sentence["mask"] is not None)
            if sentence["mask"]:
                with Image.open(folder / sentence["mask"]) as mask:
                    assert mask.size[::-1] == plan.shape(SET.size)
                    assert np.asarray(mask).any()


def test_boxes_go_around_the_parts_of_a_mask() -> None:
    mask = np.zeros((40, 60), bool)
    mask[5:15, 3:9] = mask[20:30, 40:58] = True
    mask[39, 59] = True  # a splinter
    assert boxes_of(mask) == [[3, 5, 6, 10], [40, 20, 18, 10]]
    assert boxes_of(np.zeros((4, 4), bool)) == []


def test_boxes_are_ms_cxrs(root: Path, plans: list[StudyPlan]) -> None:
    """Each annotation's phrase is a positive sentence of its image's study, its box lies on that sentence's mask."""
    coco = json.loads((root / MS_CXR_FILE).read_text())
    categories = {category["id"]: category["name"] for category in coco["categories"]}
    assert tuple(categories.values()) == CATEGORIES
    of_file = {f"{plan.shots[0].dicom_id}.dcm": plan for plan in plans}
    images = {image["id"]: image for image in coco["images"]}
    assert len(coco["annotations"]) > 40
    for annotation in coco["annotations"]:
        image = images[annotation["image_id"]]
        plan = of_file[image["file_name"]]
        assert (root / image["path"]).is_file()
        assert (image["height"], image["width"]) == plan.shape(SET.size)
        (k, statement), *_ = [(k, s) for k, s in enumerate(plan.statements) if s.text == annotation["label_text"]]
        assert categories[annotation["category_id"]] in {f.observation for f in statement.findings if f.positive}
        folder = next(root.glob(f"sentence_masks/*/*/s{plan.study_id}"))
        x, y, width, height = annotation["bbox"]
        with Image.open(folder / f"mask_{k:02d}.png") as mask:
            inside = np.asarray(mask)[y : y + height, x : x + width]
        assert inside.shape == (height, width)
        assert inside[0].any()
        assert inside[-1].any()
        assert inside[:, 0].any()
        assert inside[:, -1].any()
    per_image = Counter(annotation["image_id"] for annotation in coco["annotations"])
    assert {image["id"]: image["num_annotations"] for image in coco["images"]} == per_image


def test_reports_have_the_sections_of_real_ones(root: Path, plans: list[StudyPlan]) -> None:
    for plan in plans:
        text = next(root.glob(f"files/*/*/s{plan.study_id}.txt")).read_text()
        found = sections(text)
        assert {"examination", "indication", "technique", "comparison", "findings", "impression"} <= set(found)
        assert f"{found['findings']} {found['impression']}" == " ".join(s.text for s in plan.statements)
        assert max(map(len, text.splitlines())) <= 78
    techniques = {sections(path.read_text())["technique"] for path in root.glob("files/*/*/*.txt")}
    assert len(techniques) >= 6
