"""The source mimic_cxr, on a small data set in the layout of MIMIC-CXR with reports made up for it."""

import csv
import gzip
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from model.errors import BadInput
from model.findings import OBSERVATIONS
from model.geometry import Box
from model.study import Section, Sentence, Study
from pipelines.phantom import PhantomArguments, write_phantom
from pipelines.sources import Rejected, open_source
from pipelines.sources.mimic_cxr import load_mimic_cxr
from pipelines.sources.mimic_tables import race_group
from pipelines.sources.ms_cxr import Phrase, with_boxes

REPORT = """\
                                 FINAL REPORT
 EXAMINATION:  CHEST (PA AND LAT)

 INDICATION:  ___M with fever.

 FINDINGS:

 There is a 2.5 cm nodule in the right
 upper lobe.  No effusion.

 IMPRESSION:

 1. Nodule, as told to Dr. ___ at 9 a.m.
 2. No effusion.
"""


METADATA = [
    *("dicom_id", "subject_id", "study_id", "ViewPosition", "StudyDate", "StudyTime"),
    *("ViewCodeSequence_CodeMeaning", "Site"),
]


class Mimic:
    """Builds a data set study by study."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.metadata: list[dict[str, Any]] = []
        self.splits: list[dict[str, Any]] = []
        self.labels: list[dict[str, Any]] = []

    def image(
        self, subject: str, study: str, dicom: str, view: str, suffix: str | None = ".jpg", **columns: str
    ) -> Path:
        folder = self.root / "files" / f"p{subject[:2]}" / f"p{subject}" / f"s{study}"
        folder.mkdir(parents=True, exist_ok=True)
        ids = {"dicom_id": dicom, "subject_id": subject, "study_id": study}
        self.metadata.append({**ids, "ViewPosition": view, "StudyDate": "21500601", **columns})
        self.splits.append({**ids, "split": "train"})
        if suffix:
            Image.new("L", (8, 6)).save(folder / f"{dicom}.jpg")
            (folder / f"{dicom}.jpg").rename(folder / f"{dicom}{suffix}")
        return folder / f"{dicom}{suffix}"

    def report(self, subject: str, study: str, text: str = REPORT, place: str = "files") -> None:
        path = self.root / place / f"p{subject[:2]}" / f"p{subject}" / f"s{study}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def archived(self, reports: dict[str, str]) -> None:
        with zipfile.ZipFile(self.root / "mimic-cxr-reports.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in reports.items():
                archive.writestr(f"files/p10/p10000001/{name}.txt", text)

    def write(self, version: str = "2.0.0", compressed: bool = False) -> Path:
        columns = ["subject_id", "study_id", *sorted(OBSERVATIONS)]
        for name, rows, header in (
            ("metadata", self.metadata, METADATA),
            ("split", self.splits, ["dicom_id", "subject_id", "study_id", "split"]),
            ("chexpert", self.labels, columns),
        ):
            self.table(f"mimic-cxr-{version}-{name}.csv", rows, header, compressed)
        return self.root

    def table(self, name: str, rows: list[dict[str, Any]], header: list[str], compressed: bool = False) -> None:
        path = self.root / (f"{name}.gz" if compressed else name)
        with gzip.open(path, "wt") if compressed else path.open("w") as out:
            writer = csv.DictWriter(out, header)
            writer.writeheader()
            writer.writerows(rows)


@pytest.fixture
def mimic(tmp_path: Path) -> Mimic:
    return Mimic(tmp_path)


def only_study(root: Path) -> Study:
    (study,) = open_source("mimic_cxr", root).studies()
    assert isinstance(study, Study)
    return study


@pytest.mark.parametrize("version", ["2.0.0", "2.1.0"])
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("place", ["files", "mimic-cxr-reports", "mimic-cxr-reports/files"])
def test_a_study_of_the_published_layout(mimic: Mimic, version: str, compressed: bool, place: str) -> None:
    path = mimic.image("10000032", "50414267", "02aa804e-bde0afdd", "PA")
    mimic.report("10000032", "50414267", place=place)
    mimic.labels.append(
        {"subject_id": "10000032", "study_id": "50414267", "Lung Lesion": "1.0", "Pneumonia": "-1.0", "Edema": "0.0"}
    )
    study = only_study(mimic.write(version, compressed))
    assert (study.study_id, study.patient_id, study.split) == ("50414267", "10000032", "train")
    assert [(image.path, image.view) for image in study.images] == [(path, "PA")]
    assert study.findings == "There is a 2.5 cm nodule in the right upper lobe. No effusion."
    assert study.impression == "1. Nodule, as told to Dr. ___ at 9 a.m. 2. No effusion."
    assert study.indication == "___M with fever."
    assert study.technique is study.comparison is None
    assert study.labels == {"Lung Lesion": 1, "Pneumonia": -1, "Edema": 0}
    assert [(s.text, s.section) for s in study.sentences] == [
        ("There is a 2.5 cm nodule in the right upper lobe.", Section.FINDINGS),
        ("No effusion.", Section.FINDINGS),
        ("Nodule, as told to Dr. ___ at 9 a.m.", Section.IMPRESSION),
        ("No effusion.", Section.IMPRESSION),
    ]
    assert all(s.groundable is s.mask is s.boxes is None for s in study.sentences)
    assert study.age is study.sex is study.race_ethnicity is None


def test_frontal_images_come_first(mimic: Mimic) -> None:
    for dicom, view in (("a", "LATERAL"), ("b", "AP"), ("c", ""), ("d", "LL"), ("e", "PA")):
        mimic.image("10000001", "50000001", dicom, view)
    mimic.report("10000001", "50000001")
    assert [image.view for image in only_study(mimic.write()).images] == ["PA", "AP", None, "LATERAL", "LL"]


def test_of_several_frontal_images_the_earliest_leads(mimic: Mimic) -> None:
    for dicom, view, time in (
        ("a", "AP", "080000"),
        ("b", "PA", ""),
        ("c", "PA", "93000.5"),
        ("d", "PA", "091500.250"),
    ):
        mimic.image("10000001", "50000001", dicom, view, StudyTime=time)
    mimic.report("10000001", "50000001")
    study = only_study(mimic.write())
    assert [image.path.stem for image in study.images] == ["d", "c", "b", "a"]


def test_the_view_by_its_code_where_the_position_is_empty(mimic: Mimic) -> None:
    mimic.image("10000001", "50000001", "a", "", ViewCodeSequence_CodeMeaning="lateral")
    mimic.image("10000001", "50000001", "b", "", ViewCodeSequence_CodeMeaning="antero-posterior", Site="North")
    mimic.report("10000001", "50000001")
    study = only_study(mimic.write())
    assert [image.view for image in study.images] == ["AP", "LATERAL"]
    assert study.site == "North"


def test_a_missing_lateral_image_is_noted(mimic: Mimic) -> None:
    mimic.image("10000001", "50000001", "a", "PA")
    mimic.image("10000001", "50000001", "b", "LATERAL", suffix=None)
    mimic.report("10000001", "50000001")
    study = only_study(mimic.write())
    assert len(study.images) == 1
    assert study.notes == {"images_not_there": "b"}


def test_what_cannot_be_used_is_rejected_with_its_reason_and_nothing_is_lost(mimic: Mimic) -> None:
    mimic.image("10000001", "50000001", "a", "PA", suffix=None)  # no image
    mimic.report("10000001", "50000001")
    mimic.image("10000001", "50000002", "b", "PA", suffix=None)  # the frontal one is missing
    mimic.image("10000001", "50000002", "c", "LATERAL")
    mimic.report("10000001", "50000002")
    mimic.image("10000001", "50000003", "d", "PA")  # no report
    mimic.image("10000001", "50000004", "e", "PA")
    mimic.report("10000001", "50000004", text="\n \n")
    mimic.labels.append({"subject_id": "10000001", "study_id": "50000005"})  # only labels
    mimic.image("10000001", "50000006", "f", "LATERAL")  # a lateral study is a study
    mimic.report("10000001", "50000006")
    source = open_source("mimic_cxr", mimic.write())
    found = {item.study_id: item for item in source.studies()}
    assert len(source) == len(found) == 6
    reasons = {study: item.reason for study, item in found.items() if isinstance(item, Rejected)}
    assert list(reasons) == [f"5000000{k}" for k in (1, 2, 3, 4, 5)]
    assert "image a is missing" in reasons["50000001"]
    assert "image b is missing" in reasons["50000002"]
    assert "report files/p10/p10000001/s50000003.txt is missing" in reasons["50000003"]
    assert "empty" in reasons["50000004"]
    assert "no image" in reasons["50000005"]


def test_a_report_without_headers_gives_its_text_as_findings(mimic: Mimic) -> None:
    mimic.image("10000001", "50000001", "a", "AP")
    mimic.report(
        "10000001",
        "50000001",
        " FINAL REPORT\n COMPARISON:  None.\n\n The tube is high, above the clavicles.\n\n IMPRESSION: Tube is high.\n",
    )
    study = only_study(mimic.write())
    assert (study.findings, study.impression) == ("The tube is high, above the clavicles.", "Tube is high.")


def test_age_moves_on_from_the_anchor_year(mimic: Mimic) -> None:
    mimic.image("10000001", "50000001", "a", "PA")
    mimic.report("10000001", "50000001")
    patient = {"subject_id": "10000001", "gender": "F", "anchor_age": "52", "anchor_year": "2148"}
    mimic.table("patients.csv", [patient], list(patient), compressed=True)
    races = ("UNKNOWN", "ASIAN", "ASIAN - CHINESE", "ASIAN")
    mimic.table("admissions.csv", [{"subject_id": "10000001", "race": race} for race in races], ["subject_id", "race"])
    study = only_study(mimic.write())
    assert (study.age, study.sex, study.race_ethnicity) == (54, "F", "ASIAN")


def test_age_and_sex_of_the_dicom_header_where_no_table_has_them(mimic: Mimic) -> None:
    path = mimic.image("10000001", "50000001", "a", "PA", ".dcm")
    header = Dataset()
    header.SOPClassUID, header.SOPInstanceUID = UID("1.2.840.10008.5.1.4.1.1.1"), UID("2.25.1")
    header.PatientAge, header.PatientSex = "067Y", "M"
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.save_as(path, enforce_file_format=True)
    mimic.report("10000001", "50000001")
    study = only_study(mimic.write())
    assert (study.age, study.sex, study.race_ethnicity) == (67, "M", None)


def test_an_image_that_is_no_dicom_is_left_to_the_decoder(mimic: Mimic) -> None:
    mimic.image("10000001", "50000001", "a", "PA", ".dcm")  # a JPEG's bytes
    mimic.report("10000001", "50000001")
    assert only_study(mimic.write()).age is None


def test_annotated_sentences_replace_the_split_ones(mimic: Mimic) -> None:
    mimic.image("10000001", "50000001", "a", "PA")
    mimic.report("10000001", "50000001")
    folder = mimic.root / "sentence_masks/p10/p10000001/s50000001"
    folder.mkdir(parents=True)
    mask = np.arange(48).reshape(6, 8) % 3 == 0
    Image.fromarray(mask).save(folder / "m.png")
    stated = [
        {"text": "A nodule.", "section": "findings", "groundable": True, "mask": "m.png", "findings": []},
        {"text": "Frontal view.", "section": "findings", "groundable": False, "mask": None, "findings": []},
    ]
    (folder / "sentences.json").write_text(json.dumps(stated))
    nodule, view = only_study(mimic.write()).sentences
    assert nodule.groundable is True
    assert nodule.mask is not None
    assert nodule.mask.dtype == bool
    assert np.array_equal(nodule.mask, mask)
    assert (view.text, view.groundable, view.mask) == ("Frontal view.", False, None)
    (folder / "m.png").unlink()
    (rejected,) = open_source("mimic_cxr", mimic.root).studies()
    assert isinstance(rejected, Rejected)
    assert "sentence masks" in rejected.reason


@pytest.mark.parametrize("table", ["metadata", "split", "chexpert"])
def test_a_missing_table_is_bad_input(mimic: Mimic, table: str) -> None:
    root = mimic.write()
    (root / f"mimic-cxr-2.0.0-{table}.csv").unlink()
    with pytest.raises(BadInput, match=f"mimic-cxr-2.0.0-{table}.csv"):
        open_source("mimic_cxr", root)


def test_a_table_without_a_column_is_bad_input(mimic: Mimic) -> None:
    mimic.image("10000001", "50000001", "a", "PA")
    root = mimic.write()
    mimic.table("mimic-cxr-2.0.0-split.csv", [{"subject_id": "1", "study_id": "2"}], ["subject_id", "study_id"])
    with pytest.raises(BadInput, match="lacks split"):
        open_source("mimic_cxr", root)


@pytest.mark.parametrize(
    ("damaged", "content"),
    [
        ("mimic-cxr-2.0.0-split.csv.gz", gzip.compress(b"subject_id,study_id,split\n" * 99, mtime=0)[:-9]),
        ("mimic-cxr-2.0.0-metadata.csv.gz", b"no gzip"),
        ("mimic-cxr-2.0.0-chexpert.csv", b"subject_id,study_id,Edema\n1,2,often\n"),
        ("mimic-cxr-reports.zip", b"PK no zip"),
    ],
    ids=["gzip cut short", "no gzip", "a word for a label", "no zip"],
)
def test_a_damaged_table_or_archive_is_bad_input(mimic: Mimic, damaged: str, content: bytes) -> None:
    root = mimic.write()
    (root / damaged.removesuffix(".gz")).unlink(missing_ok=True)
    (root / damaged).write_bytes(content)
    with pytest.raises(BadInput):
        open_source("mimic_cxr", root)


def test_labels_of_negbio_where_chexpert_has_none(mimic: Mimic) -> None:
    mimic.image("10000001", "50000001", "a", "PA")
    mimic.report("10000001", "50000001")
    mimic.labels.append({"subject_id": "10000001", "study_id": "50000001", "Edema": "-1.0"})
    root = mimic.write()
    (root / "mimic-cxr-2.0.0-chexpert.csv").rename(root / "mimic-cxr-2.0.0-negbio.csv")
    assert only_study(root).labels == {"Edema": -1}


@pytest.mark.parametrize(
    ("race", "group"),
    [
        ("ASIAN - SOUTH EAST ASIAN", "ASIAN"),
        ("BLACK/CAPE VERDEAN", "BLACK/AFRICAN AMERICAN"),
        ("HISPANIC/LATINO - PUERTO RICAN", "HISPANIC OR LATINO"),
        ("WHITE - RUSSIAN", "WHITE"),
        ("AMERICAN INDIAN/ALASKA NATIVE", "AMERICAN INDIAN/ALASKA NATIVE"),
        ("PATIENT DECLINED TO ANSWER", None),
        (None, None),
    ],
)
def test_race_groups(race: str | None, group: str | None) -> None:
    assert race_group(race) == group


# -- reports


def words(count: int) -> str:
    return " FINAL REPORT\n FINDINGS: " + "clear " * (count - 2) + "\n IMPRESSION: All clear.\n"


def test_reports_are_read_in_the_archive_as_published(mimic: Mimic) -> None:
    for number in range(1, 4):
        mimic.image("10000001", f"5000000{number}", f"d{number}", "PA")
    mimic.report("10000001", "50000003", words(30))  # a file of its own goes first
    mimic.archived({"s50000001": REPORT, "s50000003": words(20)})
    first, second, third = open_source("mimic_cxr", mimic.write()).studies()
    assert isinstance(first, Study)
    assert first.indication == "___M with fever."
    assert isinstance(second, Rejected)
    assert "s50000002.txt is missing" in second.reason
    assert isinstance(third, Study)
    assert len((third.findings or "").split()) == 28


def test_a_report_out_of_bounds_or_damaged_is_rejected_before_it_is_unpacked(mimic: Mimic) -> None:
    for number in (1, 2):
        mimic.image("10000001", f"5000000{number}", f"d{number}", "PA")
    mimic.archived({"s50000001": "clear " * 10**6, "s50000002": words(40)})
    archive = mimic.root / "mimic-cxr-reports.zip"
    whole = archive.read_bytes()
    start = whole.index(b"s50000002.txt") + len(b"s50000002.txt")
    archive.write_bytes(whole[:start] + b"\xff" * 8 + whole[start + 8 :])
    large, damaged = open_source("mimic_cxr", mimic.write()).studies()
    assert isinstance(large, Rejected)
    assert large.reason == "its report has more than 65536 bytes"
    assert isinstance(damaged, Rejected)
    assert "mimic-cxr-reports.zip cannot be read" in damaged.reason


@pytest.mark.parametrize(("tokens", "kept"), [(9, False), (10, True), (200, True), (201, False)])
def test_short_and_long_reports_are_left_out_under_one_reason_each(mimic: Mimic, tokens: int, kept: bool) -> None:
    mimic.image("10000001", "50000001", "a", "PA")
    mimic.report("10000001", "50000001", words(tokens))
    (study,) = open_source("mimic_cxr", mimic.write()).studies()
    if kept:
        assert isinstance(study, Study)
    else:
        bound = "fewer than 10" if tokens < 10 else "more than 200"
        assert study == Rejected("50000001", f"its report has {bound} tokens")


# -- MS-CXR

PHRASES = """ FINAL REPORT
 FINDINGS: There is no right pleural effusion.  There is a large left pleural effusion with atelectasis.
 The heart is enlarged.
 IMPRESSION: Left lower lobe pneumonia.
"""


def annotated(root: Path, *annotations: tuple[str, str, str, list[float]]) -> None:
    """MS-CXR's file with (dicom id, category, label text, bbox) each."""
    categories = sorted({category for _, category, _, _ in annotations})
    images = sorted({dicom for dicom, _, _, _ in annotations})
    coco = {
        "info": {"version": "1.1.0"},
        "images": [
            {"id": number, "file_name": f"{dicom}.jpg", "path": f"files/p10/{dicom}.jpg", "width": 8, "height": 6}
            for number, dicom in enumerate(images)
        ],
        "categories": [{"id": number, "name": name} for number, name in enumerate(categories)],
        "annotations": [
            {"id": n, "image_id": images.index(i), "category_id": categories.index(c), "label_text": text, "bbox": bbox}
            for n, (i, c, text, bbox) in enumerate(annotations)
        ],
    }
    (root / "ms-cxr").mkdir()
    (root / "ms-cxr" / "MS_CXR_Local_Alignment_v1.1.0.json").write_text(json.dumps(coco))


def test_boxes_go_to_the_sentence_that_says_the_phrase(mimic: Mimic) -> None:
    mimic.image("10000001", "50000001", "a", "PA")
    mimic.image("10000001", "50000001", "b", "LATERAL")
    mimic.report("10000001", "50000001", PHRASES)
    annotated(
        mimic.root,
        ("a", "Pleural Effusion", "pleural effusion", [1, 2, 3, 2.5]),  # the denied one holds these words too
        ("a", "Pleural Effusion", "Large left pleural effusion", [5, 2, 2, 3]),
        ("a", "Pneumonia", "left lower lobe pneumonia", [4, 1, 2, 2]),
        ("a", "Pneumothorax", "apical pneumothorax", [0, 0, 2, 2]),
        ("b", "Cardiomegaly", "The heart is enlarged", [0, 0, 2, 2]),
    )
    study = only_study(mimic.write())
    boxes = {s.text: s.boxes for s in study.sentences}
    assert boxes == {
        "There is no right pleural effusion.": None,
        "There is a large left pleural effusion with atelectasis.": (Box(1, 2, 4, 4.5), Box(5, 2, 7, 5)),
        "The heart is enlarged.": None,
        "Left lower lobe pneumonia.": (Box(4, 1, 6, 3),),
    }
    assert [s.groundable for s in study.sentences] == [None, True, None, True]
    assert study.notes == {"boxes_without_sentence": "1", "boxes_of_other_images": "1"}


def test_a_phrase_goes_to_its_equal_before_a_longer_sentence() -> None:
    said = [Sentence(text, Section.FINDINGS) for text in ("Mild edema, as before.", "Mild  edema.", "Mild edema.")]
    found, unsaid = with_boxes(said, [Phrase("mild edema", "Edema", Box(0, 0, 1, 1))])
    assert [s.boxes is not None for s in found] == [False, True, False]
    assert unsaid == 0


def test_broken_ms_cxr_annotations_are_bad_input(mimic: Mimic) -> None:
    root = mimic.write()
    annotated(root, ("a", "Edema", "edema", [0, 0, 0, 1]))
    with pytest.raises(BadInput, match="MS_CXR"):
        open_source("mimic_cxr", root)


# -- on the phantom


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("phantom")
    write_phantom(out, PhantomArguments(studies=40, seed=5, size=64))
    return out


def test_the_phantom_is_read_back_whole(phantom: Path) -> None:
    source = open_source("mimic_cxr", phantom)
    studies = [study for study in source.studies() if isinstance(study, Study)]
    assert len(studies) == len(source) == 40
    for study in studies:
        assert study.findings == " ".join(s.text for s in study.sentences if s.section is Section.FINDINGS)
        assert study.impression == " ".join(s.text for s in study.sentences if s.section is Section.IMPRESSION)
        assert study.age is not None
        assert study.sex in ("F", "M")
        assert study.race_ethnicity != "UNKNOWN"
        assert all((s.mask is not None) == s.groundable for s in study.sentences)
    again = [study.study_id for study in source.studies()]
    assert again == [study.study_id for study in studies]


def test_the_phantom_without_its_masks_has_the_boxes_of_ms_cxr(phantom: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(phantom, bare, ignore=shutil.ignore_patterns("sentence_masks"))
    n_boxes = 0
    for masked, boxed in zip(*(open_source("mimic_cxr", root).studies() for root in (phantom, bare)), strict=True):
        assert isinstance(masked, Study)
        assert isinstance(boxed, Study)
        assert boxed.notes == {}
        masks = {sentence.text: sentence.mask for sentence in masked.sentences}
        for sentence in boxed.sentences:
            for box in sentence.boxes or ():
                rows, columns = np.nonzero(masks[sentence.text])
                assert box.x0 <= columns.max()
                assert columns.min() <= box.x1
                assert box.y0 <= rows.max()
                assert rows.min() <= box.y1
                n_boxes += 1
    assert n_boxes > 30


def test_load_mimic_cxr(phantom: Path) -> None:
    total = 0
    for split in ("train", "validate", "test"):
        images, reports, labels = load_mimic_cxr(phantom, split)
        assert len(images) == len(reports) == len(labels) > 0
        assert all(path.is_file() for path in images)
        assert all(report.findings and report.impression and report.comparison for report in reports)
        assert labels.shape == (len(images), 14)
        assert labels.dtype == np.float32
        normal = labels[:, OBSERVATIONS.index("No Finding")] == 1
        pneumothorax = labels[:, OBSERVATIONS.index("Pneumothorax")]
        assert np.isin(labels[~np.isnan(labels)], (-1, 0, 1)).all()
        assert (pneumothorax == 1).any() or (pneumothorax == 0).any()
        assert not (pneumothorax[normal] == 1).any()
        total += len(images)
    assert total == 40


def test_load_mimic_cxr_of_an_unknown_split(phantom: Path) -> None:
    with pytest.raises(BadInput, match="train, validate, test"):
        load_mimic_cxr(phantom, "valid")
