"""The source folder: a CSV manifest with images and COCO boxes, on a hand-made set and on real radiographs."""

import csv
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from model.errors import BadInput
from model.geometry import Box
from model.study import Study
from pipelines.sources import Rejected, open_source
from pipelines.sources.cases import case_of, patients_of
from pipelines.sources.named_boxes import Annotation, boxes_named_by

REAL = Path(__file__).resolve().parents[2] / "../shared/realdata/cxr512"


def write_set(root: Path, rows: list[dict[str, str]], annotations: dict[str, Any] | None = None) -> Path:
    (root / "images").mkdir()
    with (root / "manifest.csv").open("w", newline="") as out:
        writer = csv.DictWriter(out, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        Image.new("L", (100, 80)).save(root / "images" / row["file"])
    if annotations:
        (root / "annotations_coco.json").write_text(json.dumps(annotations))
    return root


ROW = {"file": "flu-3-day2-PA.png", "view": "PA", "finding": "Influenza", "sex": "F", "age": "61.0"}
COCO = {
    "images": [{"id": 7, "file_name": ROW["file"], "width": 100, "height": 80}],
    "categories": [{"id": 1, "name": "Consolidation"}, {"id": 2, "name": "Left Lung"}, {"id": 3, "name": "Right Lung"}],
    "annotations": [
        {"id": 1, "image_id": 7, "category_id": 1, "bbox": [10, 20, 15, 25]},
        {"id": 2, "image_id": 7, "category_id": 3, "bbox": [5, 5, 40, 70]},
        {"id": 3, "image_id": 7, "category_id": 2, "bbox": [55, 5, 40, 70]},
    ],
}


def test_a_row_becomes_a_study(tmp_path: Path) -> None:
    notes = "Fever for 2.5 days. Consolidation in the right lung.\nThe left lung is clear. No pleural effusion."
    root = write_set(tmp_path, [{**ROW, "clinical_notes": notes}], COCO)
    source = open_source("folder", root)
    (study,) = source.studies()
    assert isinstance(study, Study)
    assert len(source) == 1
    assert (study.study_id, study.patient_id) == ("flu-3-day2-PA", "flu-3")
    assert (study.age, study.sex, study.images[0].view) == (61, "F", "PA")
    assert study.findings == " ".join(notes.split())
    assert study.impression is None
    assert study.labels == {"Pneumonia": 1}
    boxes = {s.text: s.boxes for s in study.sentences}
    assert boxes == {
        "Fever for 2.5 days.": None,
        "Consolidation in the right lung.": (Box(10, 20, 25, 45),),
        "The left lung is clear.": (Box(55, 5, 95, 75),),
        "No pleural effusion.": None,
    }
    assert [s.groundable for s in study.sentences] == [None, True, True, None]


def test_a_row_without_text_or_columns_is_still_a_study(tmp_path: Path) -> None:
    (study,) = open_source("folder", write_set(tmp_path, [{"file": "a.png"}])).studies()
    assert isinstance(study, Study)
    assert study.findings is study.labels is study.age is study.sex is study.images[0].view is None
    assert study.sentences == ()


def test_a_missing_image_is_rejected(tmp_path: Path) -> None:
    root = write_set(tmp_path, [ROW, {**ROW, "file": "gone.png"}])
    (root / "images" / "gone.png").unlink()
    kept, gone = open_source("folder", root).studies()
    assert isinstance(kept, Study)
    assert gone == Rejected("gone", "image images/gone.png is missing")


@pytest.mark.parametrize(
    ("finding", "labels"),
    [
        ("No Finding", {"No Finding": 1}),
        ("Pneumonia", {"Pneumonia": 1}),
        ("COVID-19", {"Pneumonia": 1}),
        ("COVID-19, ARDS", {"Pneumonia": 1}),
        ("Pneumonia/Viral/COVID-19", {"Pneumonia": 1}),
        ("ARDS", None),
        ("todo", None),
        ("", None),
    ],
)
def test_labels_of_a_diagnosis(tmp_path: Path, finding: str, labels: dict[str, int] | None) -> None:
    (study,) = open_source("folder", write_set(tmp_path, [{**ROW, "finding": finding}])).studies()
    assert isinstance(study, Study)
    assert study.labels == labels


def test_a_folder_without_a_manifest_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"manifest\.csv"):
        open_source("folder", tmp_path)


def test_a_manifest_without_file_names_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("name\na.png\n")
    with pytest.raises(BadInput, match="file"):
        open_source("folder", tmp_path)


def test_broken_annotations_are_bad_input(tmp_path: Path) -> None:
    write_set(tmp_path, [ROW], {"images": []})
    with pytest.raises(BadInput, match="annotations"):
        open_source("folder", tmp_path)


# -- who is who


@pytest.mark.parametrize(
    ("case", "files"),
    [
        ("covid-19-pneumonia-20", ["covid-19-pneumonia-20.jpg", "covid-19-pneumonia-20-l-on-admission.jpg"]),
        ("covid-19-pneumonia-22", ["covid-19-pneumonia-22-day1-pa.jpg", "covid-19-pneumonia-22-day1-l.jpg"]),
        ("covid-19-pneumonia-58", ["covid-19-pneumonia-58-day-9.jpg", "covid-19-pneumonia-58-day-10.jpg"]),
        ("covid-19-pneumonia-35", ["covid-19-pneumonia-35-1.jpg", "covid-19-pneumonia-35-2.jpg"]),
        ("worse-and-worse", ["worse-and-worse-12-hours.jpg", "worse-and-worse-3-days.jpg"]),
        ("post-intubation", ["post-intubation-day1.jpg", "post-intubation-day6-1.jpg", "post-intubation-day7.jpg"]),
        ("16660", ["16660_2_1.jpg", "16660_5_1.jpg"]),
        ("000001", ["000001-2.jpg", "000001-9-a.jpg", "000001-9-b.jpg"]),
        ("jkms-35-e79", ["jkms-35-e79-g001-l-a.jpg", "jkms-35-e79-g001-l-c.jpg"]),
        ("41182", ["41182_2020_203_Fig3_HTML.jpg", "41182_2020_203_Fig5_HTML.jpg"]),
        ("lancet-case2", ["lancet-case2a.jpg", "lancet-case2b.jpg"]),
        ("evolution-1", ["evolution-1-day0-PA.jpg", "evolution-1-day0-L.jpg", "evolution-1-day6.jpg"]),
        ("00870a9c", ["00870a9c.jpg"]),
        ("pneumonia-7", ["pneumonia-7.jpg"]),
        ("legionella-pneumonia-1", ["legionella-pneumonia-1.jpg"]),
    ],
)
def test_the_case_of_a_file_name(case: str, files: list[str]) -> None:
    assert [case_of(file) for file in files] == [case] * len(files)


def test_an_address_that_names_a_case_joins_too() -> None:
    images = [
        ("a-day1.jpg", "https://x.org/cases/a"),
        ("b.jpg", "https://x.org/case/12?lang=us"),
        ("c.jpg", "https://x.org/case/12"),
        ("c-PA.jpg", ""),
        ("d.jpg", "https://x.org/collection"),
        ("e.jpg", "https://x.org/collection"),
    ]
    assert patients_of(images) == ["a", "b", "b", "b", "d", "e"]


@pytest.fixture(scope="module")
def real() -> list[Study]:
    if not REAL.is_dir():
        pytest.skip(f"the real radiographs are not at {REAL}")
    source = open_source("folder", REAL)
    studies = [study for study in source.studies() if isinstance(study, Study)]
    assert len(studies) == len(source) == 199
    return studies


def test_real_images_of_a_case_share_a_patient(real: list[Study]) -> None:
    with (REAL / "manifest.csv").open(encoding="utf-8") as lines:
        rows = {Path(row["file"]).stem: row for row in csv.DictReader(lines)}
    at_address = defaultdict(set)
    people = defaultdict(list)
    for study in real:
        url = rows[study.study_id]["url"].split("?")[0]
        if "/case" in url:
            at_address[url].add(study.patient_id)
        people[study.patient_id].append(rows[study.study_id])
    assert all(len(patients) == 1 for patients in at_address.values())
    assert len(people) > 100
    numbered_downloads = people.pop("000001")  # no case in their names: all joined, as documented
    assert len(numbered_downloads) == 30
    mixed = {patient for patient, own in people.items() if len({row["sex"] for row in own if row["sex"]}) > 1}
    assert mixed == {"41182"}  # an article of two cases, its figures joined


def test_real_boxes_are_within_their_images_and_some_sentences_have_them(real: list[Study]) -> None:
    sizes = {}
    for image in json.loads((REAL / "annotations_coco.json").read_text())["images"]:
        sizes[Path(image["file_name"]).stem] = image["width"], image["height"]
    boxes = [(study.study_id, box) for study in real for s in study.sentences for box in s.boxes or ()]
    assert len(boxes) > 30
    for study_id, box in boxes:
        width, height = sizes[study_id]
        assert 0 <= box.x0 < box.x1 <= width + 1
        assert 0 <= box.y0 < box.y1 <= height + 1
    assert all(s.groundable is (True if s.boxes else None) for study in real for s in study.sentences)


def test_real_columns(real: list[Study]) -> None:
    assert {study.images[0].view for study in real} == {"PA", "AP", "LATERAL"}
    assert {study.sex for study in real} == {"M", "F", None}
    assert sum(study.age is not None for study in real) == 138
    assert {tuple(study.labels or ()) for study in real} == {("Pneumonia",), ("No Finding",), ()}
    assert any(study.findings is None for study in real)


# -- which boxes a sentence names

LUNGS = [Annotation("Right Lung", Box(0, 0, 40, 80)), Annotation("Left Lung", Box(60, 0, 100, 80))]
RIGHT, LEFT = Box(5, 50, 30, 70), Box(70, 50, 95, 70)


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("There is consolidation at both bases.", [RIGHT, LEFT]),
        ("Consolidation in the left lower lobe.", [LEFT]),
        ("Patchy opacities on the right.", [RIGHT]),
        ("Consolidation on the right is larger than on the left.", [RIGHT, LEFT]),
        ("No consolidation is seen.", []),
        ("There is no effusion, but consolidation on the left.", [LEFT]),
        ("The heart is normal.", []),
        ("Both lungs are clear.", [LUNGS[0].box, LUNGS[1].box]),
        ("The left lung is clear of consolidation.", [LUNGS[1].box]),
        ("Cough and fever.", []),
    ],
)
def test_boxes_that_a_sentence_names(sentence: str, expected: list[Box]) -> None:
    annotations = [*LUNGS, Annotation("Consolidation", RIGHT), Annotation("Consolidation", LEFT)]
    assert list(boxes_named_by(sentence, annotations)) == expected


def test_a_side_is_no_side_of_a_lateral_image() -> None:
    annotations = [*LUNGS, Annotation("Consolidation", RIGHT)]
    assert boxes_named_by("Consolidation on the left.", annotations, lateral=True) == (RIGHT,)


# -- what is no chest radiograph, and captions


@pytest.mark.parametrize(("given", "stored"), [("CR", "CR"), ("dx", "DX"), ("DR", "DX"), ("X-ray", None), ("", None)])
def test_modalities_of_radiographs(tmp_path: Path, given: str, stored: str | None) -> None:
    (study,) = open_source("folder", write_set(tmp_path, [{**ROW, "modality": given}])).studies()
    assert isinstance(study, Study)
    assert study.modality == stored


def test_other_modalities_and_body_parts_are_rejected(tmp_path: Path) -> None:
    rows = [{**ROW, "file": "a.png", "modality": "CT"}, {**ROW, "file": "b.png", "body_part": "Knee"}]
    rows = [{"modality": "", "body_part": "", **row} for row in rows]
    assert list(open_source("folder", write_set(tmp_path, rows)).studies()) == [
        Rejected("a", "modality CT: CR, DX, DR and X-ray are radiographs"),
        Rejected("b", "body part KNEE: a chest radiograph is of the chest"),
    ]


def test_a_caption_stands_for_missing_notes(tmp_path: Path) -> None:
    row = {"caption": "Chest X-ray. Clear lungs.", "split": "val", "clinical_notes": ""}
    rows = [{"file": "a.png", **row}, {"file": "b.png", **row, "clinical_notes": "Big heart.", "split": "test"}]
    first, second = open_source("folder", write_set(tmp_path, rows)).studies()
    assert isinstance(first, Study)
    assert isinstance(second, Study)
    assert (first.findings, first.labels, first.split) == ("Chest X-ray. Clear lungs.", None, "validate")
    assert [s.text for s in first.sentences] == ["Chest X-ray.", "Clear lungs."]
    assert (second.findings, second.split) == ("Big heart.", "test")


def images(root: Path, *files: str) -> None:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8)).save(root / file)


def test_the_second_layout_of_roco(tmp_path: Path) -> None:
    names = [f"ROCOv2_2023_{split}_00000{n}" for split, n in (("train", 1), ("train", 2), ("train", 3), ("valid", 1))]
    train = "".join(f'{name},"Chest radiograph, clear lungs."\n' for name in names[:3])
    (tmp_path / "train_captions.csv").write_text(f"ID,Caption\n{train}")
    (tmp_path / "valid_captions.csv").write_text(f"ID,Caption\n{names[3]},Big heart.\n")
    concepts = f"ID,CUIs\n{names[0]},C1306645;C0817096\n{names[1]},C0040405\n{names[2]},C1306645;C0023216\n"
    (tmp_path / "train_concepts.csv").write_text(concepts)
    images(tmp_path, *(f"train/{name}.jpg" for name in names[:3]), f"valid/{names[3]}.jpg")
    source = open_source("folder", tmp_path)
    assert len(source) == 4
    clear, scan, leg, heart = source.studies()
    assert isinstance(clear, Study)
    assert (clear.study_id, clear.findings) == (names[0], "Chest radiograph, clear lungs.")
    assert (clear.split, clear.images[0].path) == ("train", tmp_path / "train" / f"{names[0]}.jpg")
    assert isinstance(scan, Rejected)
    assert "modality CT" in scan.reason
    assert isinstance(leg, Rejected)
    assert "not the chest" in leg.reason.lower()
    assert isinstance(heart, Study)
    assert (heart.split, heart.modality, heart.labels) == ("validate", None, None)
    assert len({study.patient_id for study in (clear, heart)}) == 2


@pytest.mark.parametrize(("below", "split"), [("validation/", "validate"), ("", None)])
def test_the_first_layout_of_roco(tmp_path: Path, below: str, split: str | None) -> None:
    folder = tmp_path / below / "radiology"
    images(folder, "images/ROCO_00002.jpg")
    (folder / "captions.txt").write_text("ROCO_00002\t Chest X-ray  with a tube.\nROCO_00003\tNo image.\n")
    study, missing = open_source("folder", tmp_path).studies()
    assert isinstance(study, Study)
    assert (study.study_id, study.findings, study.split) == ("ROCO_00002", "Chest X-ray with a tube.", split)
    assert isinstance(missing, Rejected)
    assert "ROCO_00003.jpg is missing" in missing.reason


def test_captions_without_their_columns_are_bad_input(tmp_path: Path) -> None:
    (tmp_path / "train_captions.csv").write_text("image,text\na,b\n")
    with pytest.raises(BadInput, match="ID and Caption"):
        open_source("folder", tmp_path)
