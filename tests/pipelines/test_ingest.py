"""Ingest, by what stands on disk after it: small DICOM studies in, the set read back as the next stage reads it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian

from model.errors import BadInput
from model.geometry import Box
from model.pixels import to_display
from model.study import Section, Sentence, Study, StudyImage
from pipelines import ingest as stage
from pipelines.cli import main
from pipelines.ingest import ingest
from pipelines.manifest import StudyRow, read_manifest, study_rows
from pipelines.shards import read_member
from pipelines.sources import Rejected


@dataclass
class InMemory:
    """A source of given studies."""

    items: list[Study | Rejected]
    reports_only: bool = False

    def __len__(self) -> int:
        return len(self.items)

    def studies(self) -> Iterator[Study | Rejected]:
        yield from self.items


def dicom(path: Path, pixels: np.ndarray, patient: str = "p") -> Path:
    """A CR image of 8 bits with the identity window, whose pixels are what is displayed."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = ComputedRadiographyImageStorage, f"1.2.3.{abs(hash(path.name)) % 10**9}"
    ds.Modality, ds.ViewPosition, ds.Manufacturer, ds.ManufacturerModelName = "CR", "AP", "Acme", "Ray 1"
    ds.PatientID, ds.PatientName = patient, f"Doe^{patient}"
    ds.Rows, ds.Columns = pixels.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.PixelData = pixels.tobytes() + b"\0" * (pixels.size % 2)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.save_as(path, enforce_file_format=True)
    return path


def picture(number: int, height: int = 20, width: int = 30) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (height, width), np.uint8)


def study(folder: Path, number: int, patient: str | None = None) -> Study:
    """Study `sNN`; two studies a patient unless named."""
    path = folder / f"{number:03d}.dcm"
    if not path.exists():
        dicom(path, picture(number))
    mask = np.zeros((20, 30), bool)
    mask[number % 10 : 15, 3:9] = True
    return Study(
        study_id=f"s{number:03d}",
        patient_id=patient or f"patient {number // 2}",
        images=(StudyImage(path, "PA"),),
        sentences=(
            Sentence("Frontal view.", Section.FINDINGS, groundable=False),
            Sentence(f"Opacity number {number}.", Section.FINDINGS, mask=mask, groundable=True),
            Sentence("Fracture.", Section.IMPRESSION, boxes=(Box(1, 2, 3.5, 4),)),
        ),
        findings=f"Frontal view. Opacity number {number}.",
        impression="Fracture.",
        labels={"Fracture": 1, "Edema": -1},
        age=61,
    )


def studies(folder: Path, numbers: range) -> list[Study]:
    return [study(folder, number) for number in numbers]


def bring(items: list[Study | Rejected], data: Path, processes: int = 0) -> stage.IngestFigures:
    return ingest(InMemory(items), "test", data, processes)


def rows(data: Path) -> dict[str, StudyRow]:
    return {row["study_id"]: row for row in study_rows(read_manifest(data))}


def quarantine(data: Path) -> dict[str, str]:
    return {row["study_id"]: row["reason"] for row in pq.read_table(data / "quarantine.parquet").to_pylist()}


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def identities(folder: Path) -> dict[str, tuple[int, int]]:
    return {p.name: (p.stat().st_ino, p.stat().st_mtime_ns) for p in folder.rglob("*") if p.is_file()}


def test_a_study_is_read_back_as_it_was_handed_in(tmp_path: Path) -> None:
    given = study(tmp_path, 7)
    figures = bring([given], tmp_path / "data")
    row = rows(tmp_path / "data")["s007"]

    assert (figures.n_studies, figures.n_new, figures.n_quarantined, figures.changed) == (1, 1, 0, True)
    assert row["images"] == [{"member": "s007/image_0.dcm", "view": "PA"}]
    assert (row["width"], row["height"], row["source"]) == (30, 20, "test")
    assert (row["findings"], row["impression"], row["indication"]) == (given.findings, "Fracture.", None)
    assert (row["age"], row["sex"], row["site"]) == (61, None, None)
    assert (row["device"], row["modality"]) == ("Acme Ray 1", "CR")  # the source knew neither, the header does
    assert row["labels"] is not None
    assert {name: value for name, value in row["labels"].items() if value is not None} == {"Fracture": 1, "Edema": -1}
    assert [s["groundable"] for s in row["sentences"]] == [False, True, None]
    assert [s["boxes"] for s in row["sentences"]] == [None, None, [[1.0, 2.0, 3.5, 4.0]]]
    assert [s["mask"] for s in row["sentences"]] == [None, "s007/mask_01.png", None]

    image = read_member(tmp_path / "data", row["shard"], "s007/image_0.dcm")
    assert np.array_equal(to_display(image), to_display(given.images[0].path))
    assert np.array_equal(pydicom.dcmread(BytesIO(image)).pixel_array, picture(7))
    mask = Image.open(BytesIO(read_member(tmp_path / "data", row["shard"], "s007/mask_01.png")))
    assert mask.mode == "1"
    assert np.array_equal(np.asarray(mask), given.sentences[1].mask)


def test_patient_ids_are_hashed_and_study_ids_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(studies(tmp_path, range(6)), tmp_path / "data")
    monkeypatch.setenv("RADASSIST_PATIENT_KEY", "another secret")
    bring(studies(tmp_path, range(6)), tmp_path / "other")
    one, other = rows(tmp_path / "data"), rows(tmp_path / "other")

    assert list(one) == [f"s{n:03d}" for n in range(6)]
    assert one["s000"]["patient_id"] == one["s001"]["patient_id"] != one["s002"]["patient_id"]
    assert one["s000"]["shard"] == one["s001"]["shard"]
    assert all(len(row["patient_id"]) == 16 and int(row["patient_id"], 16) >= 0 for row in one.values())
    assert {r["patient_id"] for r in one.values()}.isdisjoint({r["patient_id"] for r in other.values()})
    assert b"patient 0" not in b"".join(tree(tmp_path / "data").values())


def test_a_set_refuses_another_patient_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(studies(tmp_path, range(4)), tmp_path / "data")
    before = tree(tmp_path / "data")
    monkeypatch.setenv("RADASSIST_PATIENT_KEY", "another secret")
    with pytest.raises(BadInput, match="RADASSIST_PATIENT_KEY"):
        bring(studies(tmp_path, range(4, 8)), tmp_path / "data")
    assert tree(tmp_path / "data") == before


def test_the_same_batch_again_changes_nothing(tmp_path: Path) -> None:
    batch = [*studies(tmp_path, range(8)), Rejected("s900", "no report")]
    bring(batch, tmp_path / "data")
    before = identities(tmp_path / "data")
    again = bring(batch, tmp_path / "data")
    assert (again.n_new, again.n_skipped, again.n_quarantined, again.changed) == (0, 8, 1, False)
    assert identities(tmp_path / "data") == before


def test_a_second_batch_adds_shards_and_touches_none(tmp_path: Path) -> None:
    data = tmp_path / "data"
    bring(studies(tmp_path, range(10)), data)
    before, test_set = tree(data / "shards"), (data / "splits.json").read_bytes()
    kept = rows(data)
    figures = bring(studies(tmp_path, range(5, 30)), data)
    after = tree(data / "shards")

    assert (figures.n_studies, figures.n_new, figures.n_skipped) == (30, 20, 5)
    assert {name: after[name] for name in before} == before
    assert len(after) > len(before)
    assert (data / "splits.json").read_bytes() == test_set
    assert {study_id: row for study_id, row in rows(data).items() if study_id in kept} == kept
    for row in rows(data).values():
        assert read_member(data, row["shard"], row["images"][0]["member"])


def test_patients_stay_in_one_split_and_the_test_set_takes_nobody_in(tmp_path: Path) -> None:
    data = tmp_path / "data"
    bring([study(tmp_path, n) for n in range(0, 40, 2)], data)  # one study of each of 20 patients
    first = {row["patient_id"]: row["split"] for row in rows(data).values()}
    frozen = json.loads((data / "splits.json").read_text())["test"]
    assert frozen["patients"] == sorted(p for p, split in first.items() if split == "test")
    assert (frozen["n_patients"], frozen["n_studies"]) == (2, 2)

    later = [replace(study(tmp_path, n), split="test") for n in range(1, 60, 2)]  # their second studies, 10 newcomers
    figures = bring(later, data)
    splits = {p: {r["split"] for r in rows(data).values() if r["patient_id"] == p} for p in first}
    assert splits == {patient: {split} for patient, split in first.items()}
    assert {row["patient_id"] for row in rows(data).values() if row["split"] == "test"} == set(frozen["patients"])
    assert figures.n_patients == 30
    assert figures.n_train + figures.n_validate + figures.n_test == figures.n_studies == 50


def test_a_study_that_comes_with_other_content_is_put_aside(tmp_path: Path) -> None:
    data = tmp_path / "data"
    batch = studies(tmp_path, range(4))
    bring(batch, data)
    kept, shards = rows(data), tree(data / "shards")
    dicom(tmp_path / "other.dcm", picture(99))
    figures = bring(
        [
            replace(batch[0], findings="Normal."),
            replace(batch[1], images=(StudyImage(tmp_path / "other.dcm", "PA"),)),
            replace(batch[2], patient_id="somebody else"),
            batch[3],
        ],
        data,
    )
    assert (figures.n_new, figures.n_skipped, figures.n_quarantined, figures.changed) == (0, 1, 3, True)
    assert (rows(data), tree(data / "shards")) == (kept, shards)
    reasons = quarantine(data)
    assert "another report" in reasons["s000"]
    assert "another image" in reasons["s001"]
    assert "another patient" in reasons["s002"]


def test_a_study_named_twice_in_one_batch(tmp_path: Path) -> None:
    one, two = study(tmp_path, 1), study(tmp_path, 2)
    figures = bring([one, one, two, replace(two, findings="Normal.")], tmp_path / "data")
    assert (figures.n_new, figures.n_skipped, figures.n_quarantined) == (2, 1, 1)
    assert rows(tmp_path / "data")["s002"]["findings"] == two.findings


def test_bad_studies_are_put_aside_with_a_reason_and_the_others_go_in(tmp_path: Path) -> None:
    good = studies(tmp_path, range(3))
    whole = (tmp_path / "001.dcm").read_bytes()
    (tmp_path / "short.dcm").write_bytes(whole[:-100])
    (tmp_path / "text.dcm").write_text("not an image")
    only = replace(good[0].sentences[1], mask=np.zeros((3, 4), bool))
    bad = {
        "short": StudyImage(tmp_path / "short.dcm"),
        "text": StudyImage(tmp_path / "text.dcm"),
        "absent": StudyImage(tmp_path / "absent.dcm"),
    }
    batch = [
        *(replace(good[0], study_id=name, images=(image,)) for name, image in bad.items()),
        good[0],
        replace(good[0], study_id="no-image", images=()),
        replace(good[0], study_id="../up"),
        replace(good[0], study_id="mask", sentences=(only,)),
        replace(good[0], study_id="split", split="dev"),
        replace(good[0], study_id="label", labels={"Gout": 1}),
        Rejected("source", "no report at all"),
        *good[1:],
    ]
    data = tmp_path / "data"
    figures = bring(batch, data)
    assert (figures.n_new, figures.n_quarantined) == (3, 9)
    assert list(rows(data)) == ["s000", "s001", "s002"]
    reasons = quarantine(data)
    assert reasons["source"] == "no report at all"
    assert "No such file" in reasons["absent"]
    assert "not_dicom" in reasons["text"]
    assert "corrupt" in reasons["short"]
    assert "(3, 4)" in reasons["mask"]
    assert {"no-image", "../up", "split", "label"} <= reasons.keys()

    mended = bring([replace(good[0], study_id="short")], data)
    assert (mended.n_new, "short" in quarantine(data)) == (1, False)


def test_a_source_without_one_readable_study_makes_no_set(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no study of 1 could be read: no report"):
        bring([Rejected("s1", "no report")], tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_a_picture_that_a_patient_shows_twice_is_counted(tmp_path: Path) -> None:
    twin = dicom(tmp_path / "twin.dcm", picture(0))
    batch = [*studies(tmp_path, range(3)), replace(study(tmp_path, 1), study_id="again", images=(StudyImage(twin),))]
    figures = bring(batch, tmp_path / "data")
    assert (figures.n_new, figures.n_duplicate_pixels, figures.n_quarantined) == (4, 1, 0)


@pytest.mark.parametrize("given", [picture(0), np.zeros((20, 30), np.uint8)], ids=["a chest", "all black"])
def test_a_picture_under_another_patient_is_put_aside(tmp_path: Path, given: np.ndarray) -> None:
    """Else it could be trained on and tested on. Which file, and which batch, it comes in makes no difference."""
    dicom(tmp_path / "000.dcm", given)
    twin = replace(study(tmp_path, 0), images=(StudyImage(dicom(tmp_path / "twin.dcm", given)),))
    here = replace(twin, study_id="here", patient_id="patient 9")
    later = replace(twin, study_id="later", patient_id="patient 8")
    data = tmp_path / "data"
    figures = bring([*studies(tmp_path, range(3)), here], data)
    assert (figures.n_new, figures.n_duplicate_pixels, figures.n_quarantined) == (3, 0, 1)
    figures = bring([later, study(tmp_path, 4)], data)
    assert (figures.n_new, figures.n_quarantined) == (1, 1)
    assert set(rows(data)) == {"s000", "s001", "s002", "s004"}
    reason = "duplicate: the picture of study s000, which is another patient's"
    assert quarantine(data) == {"here": reason, "later": reason}
    assert not bring([later, here], data).changed


def test_two_batches_give_what_one_gives_but_for_shards_and_newcomers_splits(tmp_path: Path) -> None:
    """What does not depend on the order of events: rows, members, and that patients are not torn apart."""
    apart, together = tmp_path / "apart" / "data", tmp_path / "together" / "data"
    for part in (range(12), range(9, 30)):
        bring(studies(tmp_path, part), apart)
    bring(studies(tmp_path, range(30)), together)
    one, two = rows(apart), rows(together)
    assert list(one) == list(two)
    for study_id, row in one.items():
        other = two[study_id]
        assert {**row, "shard": "", "split": ""} == {**other, "shard": "", "split": ""}
        for image in row["images"]:
            member = image["member"]
            assert read_member(apart, row["shard"], member) == read_member(together, other["shard"], member)


def test_a_study_without_a_row_in_the_split_table_goes_where_its_patient_is(tmp_path: Path) -> None:
    """The table may lack a study, or a patient whole: nobody is lost, nobody is in two splits."""
    known = {f"s{n:03d}": ("train", "validate", "test")[n // 2 % 3] for n in range(30)}
    lacking = {"s001", "s004", "s010", "s011"}
    batch = [
        replace(s, split=known[s.study_id] if s.study_id not in lacking else None) for s in studies(tmp_path, range(30))
    ]
    figures = bring(batch, tmp_path / "data")
    split = {study_id: row["split"] for study_id, row in rows(tmp_path / "data").items()}
    assert figures.n_studies == 30
    assert {s: split[s] for s in known if s not in {"s010", "s011"}} == {
        s: known[s] for s in known if s not in {"s010", "s011"}
    }
    assert split["s010"] == split["s011"] in ("train", "validate", "test")


def test_png_and_jpeg_studies(tmp_path: Path) -> None:
    Image.fromarray(picture(1)).save(tmp_path / "1.png")
    Image.fromarray(picture(2)).save(tmp_path / "2.jpg")
    one = replace(
        study(tmp_path, 1), images=(StudyImage(tmp_path / "1.png"), StudyImage(tmp_path / "2.jpg", "LATERAL"))
    )
    bring([one], tmp_path / "data")
    row = rows(tmp_path / "data")["s001"]
    assert row["images"] == [
        {"member": "s001/image_0.png", "view": None},
        {"member": "s001/image_1.jpg", "view": "LATERAL"},
    ]
    for image, given in zip(row["images"], one.images, strict=True):
        stored = read_member(tmp_path / "data", row["shard"], image["member"])
        assert np.array_equal(to_display(stored), to_display(given.path))


def test_the_set_does_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    batch = [
        *studies(tmp_path, range(20)),
        Rejected("s900", "no report"),
        replace(study(tmp_path, 3), findings="Other."),
    ]
    figures = [bring(batch, tmp_path / f"data{processes}", processes) for processes in (0, 2)]
    assert figures[0] == figures[1]
    assert tree(tmp_path / "data0") == tree(tmp_path / "data2")


def test_two_ingests_at_once_do_not_mix(tmp_path: Path) -> None:
    class Nested(InMemory):
        def studies(self) -> Iterator[Study | Rejected]:
            with pytest.raises(BadInput, match="one process at a time"):
                bring(studies(tmp_path, range(2)), tmp_path / "data")
            yield from self.items

    ingest(Nested(list(studies(tmp_path, range(4)))), "test", tmp_path / "data", 0)
    assert len(rows(tmp_path / "data")) == 4


def test_the_command_writes_the_figures_beside_the_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = InMemory([*studies(tmp_path, range(5)), Rejected("s900", "no report")])
    monkeypatch.setattr(stage, "open_source", lambda name, root: source)
    data = tmp_path / "set" / "data"
    assert main(["ingest", "--source", "test", "--root", str(tmp_path), "--data", str(data)]) == 0
    figures = json.loads((tmp_path / "set" / "metrics" / "ingest.json").read_text())
    assert figures.items() >= {
        "n_studies": 5, "n_new": 5, "n_skipped": 0, "n_quarantined": 1, "n_patients": 3,
        "changed": 1,
    }.items()  # fmt: skip
    said = capsys.readouterr().out
    assert "5 new, 0 known, 1 quarantined" in said
    assert "not versioned" in said
    assert main(["ingest"]) == 2
