"""A set that is reports alone enters the data, and stays out of what a model is trained on."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.errors import BadInput
from model.pixels import PixelParams
from model.study import Section, Sentence, Study
from pipelines.admission import Admitted, Candidate, Refused, admit
from pipelines.evaluation_set import SourceEvaluation
from pipelines.ingest import ingest
from pipelines.manifest import StudyRow, read_manifest, study_rows
from pipelines.params import load_params
from pipelines.prepare import prepare
from pipelines.pseudonyms import Pseudonyms
from pipelines.sources import Source, open_source

ROOT = Path(__file__).resolve().parents[2]
REPORT = (
    '<eCitation><AbstractText Label="FINDINGS">Heart number {0} is large. No effusion.</AbstractText>'
    '<AbstractText Label="IMPRESSION">Cardiomegaly.</AbstractText></eCitation>'
)


@pytest.fixture
def reports(tmp_path: Path) -> Source:
    folder = tmp_path / "openi" / "ecgen-radiology"
    folder.mkdir(parents=True)
    for number in range(40):
        (folder / f"{number}.xml").write_text(REPORT.format(number))
    return open_source("openi", tmp_path / "openi")


@pytest.fixture
def pictures(tmp_path: Path) -> Source:
    images = tmp_path / "folder" / "images"
    images.mkdir(parents=True)
    lines = ["file,clinical_notes,split"]
    for number in range(6):
        pixels = np.random.default_rng(number).integers(0, 256, (48, 40), np.uint8)
        Image.fromarray(pixels).save(images / f"case{number}.png")
        lines.append(f"case{number}.png,{'' if number == 5 else 'The heart is large. No effusion.'},{SPLITS[number]}")
    (tmp_path / "folder" / "manifest.csv").write_text("\n".join(lines))
    return open_source("folder", tmp_path / "folder")


SPLITS = ("train", "train", "train", "validate", "test", "train")


def rows(data: Path) -> dict[str, StudyRow]:
    return {row["study_id"]: row for row in study_rows(read_manifest(data))}


def test_they_are_stored_without_an_invented_picture(reports: Source, tmp_path: Path) -> None:
    data = tmp_path / "data"
    figures = ingest(reports, "openi", data, 0)
    assert (figures.n_new, figures.n_quarantined, figures.n_duplicate_pixels) == (40, 0, 0)
    row = rows(data)["CXR7"]
    assert row["images"] == []
    assert (row["width"], row["height"], row["shard"]) == (0, 0, "")
    assert row["image_sha256"] is row["pixels_sha256"] is row["modality"] is row["device"] is None
    assert row["findings"] == "Heart number 7 is large. No effusion."
    assert [sentence["text"] for sentence in row["sentences"]][-1] == "Cardiomegaly."
    assert not list((data / "shards").iterdir())
    again = ingest(reports, "openi", data, 0)
    assert (again.n_new, again.n_skipped, again.changed) == (0, 40, False)


def test_beside_studies_with_images_they_are_left_out_of_training_and_counted(
    reports: Source, pictures: Source, tmp_path: Path
) -> None:
    data, out = tmp_path / "data", tmp_path / "prepared"
    ingest(reports, "openi", data, 0)
    with pytest.raises(BadInput, match="training needs an image and a report"):
        prepare(data, out, load_params(ROOT / "params.yaml"), processes=0)
    figures = ingest(pictures, "folder", data, 0)
    assert (figures.n_studies, figures.n_duplicate_pixels) == (46, 0)
    prepared = prepare(data, out, load_params(ROOT / "params.yaml"), processes=0)
    assert (prepared["n_without_image"], prepared["n_without_report"], prepared["n_studies"]) == (40, 1, 5)


def test_elsewhere_a_study_without_an_image_is_refused() -> None:
    study = Study("s1", "p1", (), (Sentence("Clear.", Section.FINDINGS),), findings="Clear.")
    pseudonyms = Pseudonyms(b"a key of thirty-two bytes or more")
    assert admit(Candidate(study), "test", pseudonyms) == Refused("s1", "no image")
    assert isinstance(admit(Candidate(study), "test", pseudonyms, reports_only=True), Admitted)
    masked = Study("s1", "p1", (), (Sentence("Clear.", Section.FINDINGS, mask=np.ones((2, 2), bool)),))
    refused = admit(Candidate(masked), "test", pseudonyms, reports_only=True)
    assert isinstance(refused, Refused)
    assert "mask of sentence 0" in refused.reason


def test_no_model_is_graded_on_them(reports: Source) -> None:
    found = SourceEvaluation(reports, PixelParams(size=64))
    assert len(found) == 0
    assert found.left_out == {"no image": 40}
