"""What is known of a study beside its image, from the source to the decoder."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.pixels import PixelParams
from model.study import Section, Sentence, Study, StudyImage
from model.tokenizer import ReportTokenizer
from pipelines.evaluation_set import PreparedEvaluation, SourceEvaluation
from pipelines.ingest import ingest
from pipelines.params import load_params
from pipelines.prepare import prepare
from pipelines.prepared import PreparedSet, collate, prepared_config

ROOT = Path(__file__).resolve().parents[2]
KNOWN = [(64, "F", "Cough and\nfever."), (None, "M", None), (91, None, "Fall."), (None, None, None)]
SAID = ["60s female. Cough and fever.", "male.", "Fall.", ""]


class InMemory:
    reports_only = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __len__(self) -> int:
        return len(KNOWN)

    def studies(self) -> Iterator[Study]:
        for number, (age, sex, indication) in enumerate(KNOWN):
            path = self.folder / f"{number}.png"
            Image.fromarray(np.random.default_rng(number).integers(0, 256, (48, 40), np.uint8)).save(path)
            said = (Sentence("The heart is large.", Section.FINDINGS),)
            known = {"age": age, "sex": sex, "indication": indication}
            yield Study(f"s{number}", f"p{number}", (StudyImage(path),), said, split="train", **known)  # type: ignore[arg-type]


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    ingest(InMemory(tmp_path), "memory", tmp_path / "data", 0)
    params = load_params(ROOT / "params.yaml")
    told = params.prepare.model_copy(update={"prompt_tokens": 7})
    prepare(tmp_path / "data", tmp_path / "prepared", params.model_copy(update={"prepare": told}))
    return tmp_path / "prepared"


def test_a_model_is_graded_with_what_it_was_trained_to_read(prepared: Path, tmp_path: Path) -> None:
    trained = PreparedEvaluation(prepared, "train")
    graded = SourceEvaluation(InMemory(tmp_path), PixelParams(size=64))
    assert [trained[index].prompt for index in range(4)] == SAID
    assert [graded[index].prompt for index in range(4)] == SAID


def test_a_batch_holds_its_prompts_cut_at_a_word(prepared: Path) -> None:
    studies = PreparedSet(prepared, "train", (8, 8))
    batch = collate([studies[index] for index in range(4)])
    assert batch.prompt.shape == (4, prepared_config(prepared)["prompt_tokens"]) == (4, 7)
    tokenizer = ReportTokenizer.load(prepared / "tokenizer.json")
    assert [tokenizer.decode(row) for row in batch.prompt.tolist()] == ["60s female. Cough and", *SAID[1:]]
    assert [len(piece.prompt) for piece in batch.pieces(3)] == [2, 2]
