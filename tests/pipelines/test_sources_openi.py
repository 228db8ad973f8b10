"""The source openi: made-up reports in the published layout, and the real archive."""

import csv
import io
import tarfile
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from model.errors import BadInput
from model.study import Section, Study
from pipelines.sources import Rejected, open_source
from pipelines.sources.openi import MAX_BYTES, labels_of, view_of

REAL = Path(__file__).resolve().parents[2] / "../shared/realdata/openi"


def report(number: int, findings: str = "", impression: str = "", images: str = "", doctype: str = "") -> bytes:
    return f"""<?xml version="1.0" encoding="utf-8"?>{doctype}
<eCitation>
   <uId id="CXR{number}"/>
   <MedlineCitation><Article><Abstract>
      <AbstractText Label="COMPARISON">None.</AbstractText>
      <AbstractText Label="INDICATION">Positive TB test</AbstractText>
      <AbstractText Label="FINDINGS">{findings}</AbstractText>
      <AbstractText Label="IMPRESSION">{impression}</AbstractText>
   </Abstract></Article></MedlineCitation>
   <MeSH><major>Cardiomegaly/mild</major><major>Scoliosis</major><automatic>cardiomegaly</automatic></MeSH>
   {images}
</eCitation>""".encode()


def image(image_id: str, caption: str = "PA and lateral views of the chest") -> str:
    return f'<parentImage id="{image_id}"><caption>{caption}</caption></parentImage>'


def packed(root: Path, reports: dict[str, bytes]) -> Path:
    with tarfile.open(root / "NLMCXR_reports.tgz", "w:gz") as archive:
        for name, content in reports.items():
            info = tarfile.TarInfo(f"ecgen-radiology/{name}.xml")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return root


def test_reports_alone(tmp_path: Path) -> None:
    own = report(7, "Heart is\n enlarged.  No effusion.", "1. Big heart. 2. No edema.", image("CXR7_IM-2263-1001"))
    packed(tmp_path, {"10": report(10, impression="Normal."), "7": own, "8": report(8)})
    (tmp_path / "gold_labels.csv").write_text("filename,Cardiomegaly,Mass,Infiltration,normal\nCXR7,1,0,0,0\n")
    source = open_source("openi", tmp_path)
    assert source.reports_only
    assert len(source) == 3
    first, empty, last = source.studies()
    assert empty == Rejected("CXR8", "its report is empty")
    assert isinstance(first, Study)
    assert isinstance(last, Study)
    assert (first.study_id, first.patient_id, first.images) == ("CXR7", "CXR7", ())
    assert (first.findings, first.impression) == ("Heart is enlarged. No effusion.", "1. Big heart. 2. No edema.")
    assert (first.indication, first.comparison, first.technique) == ("Positive TB test", "None.", None)
    assert [(s.text, s.section) for s in first.sentences] == [
        ("Heart is enlarged.", Section.FINDINGS),
        ("No effusion.", Section.FINDINGS),
        ("Big heart.", Section.IMPRESSION),
        ("No edema.", Section.IMPRESSION),
    ]
    assert first.labels is not None
    assert first.labels["Cardiomegaly"] == 1
    assert first.labels["Lung Lesion"] == 0
    assert "Lung Opacity" not in first.labels
    assert first.notes == {"mesh_major": "Cardiomegaly/mild; Scoliosis", "mesh_automatic": "cardiomegaly"}
    assert (last.findings, last.labels) == (None, None)


def test_images_of_a_study_the_lateral_ones_last(tmp_path: Path) -> None:
    two = image("CXR1_1_IM-0001-3001") + image("CXR1_1_IM-0001-4001")
    gone = image("CXR2_IM-0652-1001") + image("../../secret")
    packed(tmp_path, {"1": report(1, "Clear.", images=two), "2": report(2, "Clear.", images=gone)})
    (tmp_path / "NLMCXR_png").mkdir()
    for number in (3001, 4001):
        Image.new("L", (4, 4)).save(tmp_path / "NLMCXR_png" / f"CXR1_1_IM-0001-{number}.png")
    Image.new("L", (4, 4)).save(tmp_path / "secret.png")
    (tmp_path / "indiana_projections.csv").write_text(
        "uid,filename,projection\n1,1_IM-0001-4001.dcm.png,Frontal\n1,1_IM-0001-3001.dcm.png,Lateral\n"
    )
    source = open_source("openi", tmp_path)
    assert not source.reports_only
    first, second = source.studies()
    assert isinstance(first, Study)
    assert [(i.path.stem[-4:], i.view) for i in first.images] == [("4001", "PA"), ("3001", "LATERAL")]
    assert second == Rejected("CXR2", "none of its 2 images is there")


def test_dicom_goes_before_png_and_packed_images_are_bad_input(tmp_path: Path) -> None:
    packed(tmp_path, {"12": report(12, "Clear.", images=image("CXR12_IM-0133-1001-0002", "AP chest"))})
    place = tmp_path / "NLMCXR_dcm" / "12" / "12_IM-0133-1001-0002.dcm"
    place.parent.mkdir(parents=True)
    place.touch()
    (study,) = open_source("openi", tmp_path).studies()
    assert isinstance(study, Study)
    assert [(i.path, i.view) for i in study.images] == [(place, "AP")]
    (tmp_path / "NLMCXR_png.tgz").touch()
    with pytest.raises(BadInput, match="unpack it"):
        open_source("openi", tmp_path)


def test_an_unpacked_folder_reads_as_the_archive_does(tmp_path: Path) -> None:
    archive, folder = tmp_path / "a", tmp_path / "b"
    archive.mkdir()
    (folder / "ecgen-radiology").mkdir(parents=True)
    reports = {str(number): report(number, f"Number {number}.") for number in (2, 100, 11)}
    packed(archive, reports)
    for name, content in reports.items():
        (folder / "ecgen-radiology" / f"{name}.xml").write_bytes(content)
    studies = list(open_source("openi", archive).studies())
    assert [study.study_id for study in studies] == ["CXR2", "CXR11", "CXR100"]
    assert studies == list(open_source("openi", folder).studies())


BOMB = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (report(1, "&b;", doctype=BOMB), "no plain XML: DTDForbidden"),
        (b"<eCitation>", "no plain XML: ParseError"),
        (report(1, "x" * MAX_BYTES), f"more than {MAX_BYTES} bytes"),
    ],
)
def test_hostile_reports_are_rejected(tmp_path: Path, content: bytes, reason: str) -> None:
    (rejected,) = open_source("openi", packed(tmp_path, {"1": content})).studies()
    assert isinstance(rejected, Rejected)
    assert reason in rejected.reason


def test_no_or_damaged_reports_are_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="NLMCXR_reports"):
        open_source("openi", tmp_path)
    whole = (packed(tmp_path, {"1": report(1, "Clear.")}) / "NLMCXR_reports.tgz").read_bytes()
    for broken in (whole[:-40], b"no archive"):
        (tmp_path / "NLMCXR_reports.tgz").write_bytes(broken)
        with pytest.raises(BadInput, match="damaged"):
            open_source("openi", tmp_path)


@pytest.mark.parametrize(
    ("caption", "projection", "view"),
    [
        ("PA and lateral chest", "FRONTAL", "PA"),
        ("Chest, 2 views, frontal and lateral", "FRONTAL", None),
        ("PA and lateral chest", "LATERAL", "LATERAL"),
        ("PA and lateral chest", None, None),
        ("Portable chest", None, "AP"),
        ("", None, None),
    ],
)
def test_views(caption: str, projection: str | None, view: str | None) -> None:
    assert view_of(caption, projection) == view


def test_the_real_archive() -> None:
    if not REAL.is_dir():
        pytest.skip(f"the reports of Open-i are not at {REAL}")
    items = list(open_source("openi", REAL).studies())
    studies = [item for item in items if isinstance(item, Study)]
    assert len(items) == 3955
    assert Counter(item.reason for item in items if isinstance(item, Rejected)) == {"its report is empty": 28}
    assert len({study.patient_id for study in studies}) == len(studies) == 3927
    with (REAL / "gold_labels.csv").open(newline="") as lines:
        gold = {row["filename"]: row for row in csv.DictReader(lines)}
    labelled = {study.study_id: study.labels for study in studies if study.labels is not None}
    assert labelled == {name: labels_of(gold[name]) for name in labelled}
    assert len(labelled) == 3059  # of 3,080; the others have no text
    assert sum(labels["No Finding"] for labels in labelled.values()) > 1000
    first = next(study for study in studies if study.study_id == "CXR1")
    assert first.impression == "Normal chest x-XXXX."
    assert all(study.sentences for study in studies)
