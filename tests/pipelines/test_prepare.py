"""What prepare makes of an ingested set: the model's input, the report as it is written, each region's mask."""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from model.errors import BadInput
from model.findings import OBSERVATIONS
from model.pixels import PixelParams, to_model_input
from model.tokenizer import ReportTokenizer
from pipelines import prepare as stage
from pipelines.params import Params
from pipelines.prepare import prepare
from pipelines.prepared_studies import PreparedStudies
from tests.pipelines.test_explore import HEIGHT, WIDTH, study, write_set
from tests.pipelines.test_shards import write as write_shard
from tests.pipelines.test_train import PARAMS

PARAMETERS = Params.model_validate(PARAMS)


def a_sentence(text: str, section: str, mask: str | None = None, boxes: list[list[float]] | None = None) -> Any:
    return {"text": text, "section": section, "groundable": None, "mask": mask, "boxes": boxes}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_study_is_drafted_findings_first_and_each_region_stays_with_its_sentence(tmp_path: Path) -> None:
    sentences = [
        a_sentence("Right pleural effusion.", "impression", boxes=[[0.0, 50.0, 100.0, 100.0]]),
        a_sentence("The heart is enlarged.", "findings", mask="0/mask_00.png"),
        a_sentence("No pneumothorax.", "findings"),
    ]
    write_set(tmp_path, [{**study(0), "sentences": sentences}])
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[20:60, 100:140] = True
    png, gray = io.BytesIO(), io.BytesIO()
    Image.fromarray(mask).save(png, "PNG")
    Image.fromarray(np.add.outer(np.arange(HEIGHT), np.arange(WIDTH)).astype(np.uint8)).save(gray, "PNG")
    members = {"0.png": gray.getvalue(), "0/mask_00.png": png.getvalue()}
    (tmp_path / "data/shards" / write_shard(tmp_path / "data", members)).replace(tmp_path / "data/shards/shard.tar")

    figures = prepare(tmp_path / "data", tmp_path / "out", PARAMETERS, processes=0)
    assert (figures["n_studies"], figures["n_train"], figures["n_masks"], figures["n_cut_reports"]) == (1, 1, 2, 0)
    studies = PreparedStudies(tmp_path / "out")
    row = studies.row(0)
    assert row["sentence_text"] == ["The heart is enlarged.", "No pneumothorax.", "Right pleural effusion."]
    assert row["sentence_section"] == ["findings", "findings", "impression"]
    assert row["sentence_mask"] == [0, -1, 1]
    stated = [[OBSERVATIONS[place] for place in places] for places in row["sentence_findings"]]
    assert stated == [["Cardiomegaly"], [], ["Pleural Effusion"]]
    tokenizer = ReportTokenizer.load(tmp_path / "out" / "tokenizer.json")
    assert tokenizer.decode(row["ids"]) == "The heart is enlarged. No pneumothorax. Right pleural effusion."
    wanted = to_model_input(gray.getvalue(), PixelParams(**PARAMS["pixels"]))
    picture = studies.picture(row)
    np.testing.assert_array_equal(picture.image, wanted.image)
    heart, effusion = picture.masks  # 200 x 100 px on 64 x 64, below 16 rows of padding
    assert heart[22:36, 32:45].mean() > 0.85
    assert heart.sum() < 220
    np.testing.assert_array_equal(np.argwhere(effusion)[[0, -1]], [[32, 0], [47, 31]])


def test_the_set_does_not_depend_on_who_prepared_it(tmp_path: Path) -> None:
    write_set(tmp_path, [study(number) for number in range(36)])
    alone = prepare(tmp_path / "data", tmp_path / "alone", PARAMETERS, processes=0)
    (tmp_path / "together").mkdir()
    (tmp_path / "together" / "left.tar").write_text("by a run that was killed")
    assert prepare(tmp_path / "data", tmp_path / "together", PARAMETERS, processes=2) == alone
    assert files(tmp_path / "together") == files(tmp_path / "alone")
    assert (alone["n_train"], alone["n_validate"], alone["n_test"], alone["n_masks"]) == (33, 3, 0, 18)


def killed(row: object, data: Path, params: PixelParams) -> None:
    os._exit(1)


def test_an_image_that_ends_its_reader_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_set(tmp_path, [study(0)])
    monkeypatch.setattr(stage, "read_picture", killed)
    monkeypatch.syspath_prepend(Path(__file__).parents[2])  # where the reader finds `killed`
    with pytest.raises(BadInput, match=r"study study0000: .*ended \(crashed\)"):
        prepare(tmp_path / "data", tmp_path / "out", PARAMETERS, processes=1)
    with pytest.raises(BadInput, match=r"studies\.arrow"):
        PreparedStudies(tmp_path / "out")
