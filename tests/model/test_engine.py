"""The exported graphs against the model they came from."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from model.artefact import seal
from model.configurations import build_reporter
from model.engine import Engine, session
from model.errors import BadInput
from model.graphs import export_graphs
from model.pixels import PixelParams
from model.prompt import prompt_batch
from model.reporter import Reporter
from model.tokenizer import BOS_ID, ReportTokenizer

PROMPTS = ["60s female. Cough.", "", "20s male.", "Shortness of breath, fever, and a fall.", "80s male. Chest pain."]


@pytest.fixture(scope="module")
def trained(architecture: dict[str, Any]) -> tuple[Reporter, ReportTokenizer]:
    """A reporter whose head is sharpened, so that its greedy words are no coin toss."""
    tokenizer = ReportTokenizer.train(["The heart is enlarged.", "No pneumothorax.", *PROMPTS], 300)
    torch.manual_seed(3)
    lengths = {"max_tokens": 16, "prompt_tokens": 6, "vocab_size": len(tokenizer)}
    reporter = build_reporter({**architecture, **lengths})
    head = next(p for p in reporter.decoder.parameters() if len(p) == len(tokenizer))
    with torch.no_grad():
        head.mul_(20)
    return reporter.eval(), tokenizer


@pytest.fixture(scope="module")
def exported(trained: tuple[Reporter, ReportTokenizer], tmp_path_factory: pytest.TempPathFactory) -> Path:
    reporter, tokenizer = trained
    folder = tmp_path_factory.mktemp("exported")
    save_file(reporter.state_dict(), folder / "model.safetensors")
    tokenizer.save(folder / "tokenizer.json")
    config = {**reporter.config, "grid": reporter.grid, "pixels": asdict(PixelParams(size=64))}
    (folder / "config.json").write_text(json.dumps(config))
    export_graphs(reporter, folder)
    seal(folder, {})
    return folder


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (5, 64, 64), dtype=np.uint8)


def test_same_words_and_same_maps_as_torch(
    trained: tuple[Reporter, ReportTokenizer], exported: Path, images: np.ndarray
) -> None:
    reporter, tokenizer = trained
    told = torch.from_numpy(prompt_batch(tokenizer, PROMPTS, 6))
    wanted = reporter.draft(torch.from_numpy(images)[:, None].float() / 255, told)
    given = Engine(exported).draft(images, PROMPTS)
    for ids, attention, scores, draft in zip(wanted.ids, wanted.attention, wanted.log_probability, given, strict=True):
        np.testing.assert_array_equal(ids.numpy(), draft.ids)
        np.testing.assert_allclose(attention.numpy(), draft.attention, atol=1e-5)
        np.testing.assert_allclose(scores.numpy(), draft.log_probability, atol=1e-3)


def test_alone_as_in_a_batch(exported: Path, images: np.ndarray) -> None:
    engine = Engine(exported)
    batch = engine.draft(images, PROMPTS)
    for index in range(len(images)):
        alone = engine.draft(images[index : index + 1], PROMPTS[index : index + 1])[0]
        np.testing.assert_array_equal(alone.ids, batch[index].ids[: len(alone.ids)])


def test_the_step_graph_with_a_cache_equals_the_whole_text_at_once(exported: Path, images: np.ndarray) -> None:
    engine = Engine(exported)
    draft = engine.draft(images[:1], PROMPTS[:1])[0]
    cross_key, cross_value = engine._encoder.run(None, {"image": images[:1, None].astype(np.float32) / 255})
    empty = np.zeros((2, 1, 4, 0, 8), np.float32)
    feed = {"cross_key": cross_key, "cross_value": cross_value, "past_key": empty, "past_value": empty}
    told = prompt_batch(engine.tokenizer, PROMPTS[:1], 6)
    _, attention, *_ = engine._step.graph.run(None, {"ids": np.concatenate([told, draft.ids[None]], axis=1), **feed})
    assert draft.ids[0] == BOS_ID
    np.testing.assert_allclose(attention[0, 6 : 6 + len(draft.attention)], draft.attention, atol=1e-5)


def test_a_study_without_its_prompt_is_refused(exported: Path, images: np.ndarray) -> None:
    with pytest.raises(BadInput, match="4 prompts for 5 images: this model reads a prompt of 6 tokens"):
        Engine(exported).draft(images, PROMPTS[:4])


def test_a_provider_that_is_not_there_is_an_error_and_not_a_slow_day(exported: Path) -> None:
    with pytest.raises(BadInput, match="provider NopeExecutionProvider"):
        session(exported / "encoder.onnx", [("NopeExecutionProvider", {})], 1)
