"""params.yaml as it is shipped, and what is refused of it."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from model.configurations import build_reporter
from model.errors import BadInput
from model.timm_encoder import TimmEncoder, TimmMemory
from pipelines.params import Params, load_params, load_presets
from pipelines.schedules import freeze
from pipelines.train import model_config
from pipelines.vocabulary import make_tokenizer

SHIPPED = Path(__file__).parents[2] / "params.yaml"
PRESETS = load_presets(SHIPPED).presets
PUBMEDBERT = "microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract"
VOCABULARY = {PUBMEDBERT: 30_522}

Edit = Callable[[dict[str, Any]], None]


def edited(folder: Path, edit: Edit) -> Path:
    """The shipped file with a change."""
    written = yaml.safe_load(SHIPPED.read_text())
    edit(written)
    (folder / "params.yaml").write_text(yaml.safe_dump(written))
    return folder / "params.yaml"


def config(params: Params) -> dict[str, Any]:
    """Of an artefact, at the preset's own size."""
    tokenizer = params.prepare.tokenizer.model_dump()
    prepared = {
        "pixels": params.pixels.model_dump(),
        "max_tokens": params.prepare.max_tokens,
        "prompt_tokens": params.prepare.prompt_tokens,
        "vocab_size": tokenizer.get("bpe") or VOCABULARY[tokenizer["wordpiece"]],
    }
    return model_config(prepared, params)


def test_the_demo_is_chosen_and_another_by_its_name(tmp_path: Path) -> None:
    assert load_params(SHIPPED) == PRESETS["demo"]
    other = edited(tmp_path, lambda written: written.update(preset="baseline"))
    assert load_params(other) == PRESETS["baseline"]


def test_a_preset_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as refused:
        load_params(edited(tmp_path, lambda written: written.update(preset="swinbart")))
    assert "preset=swinbart: the presets are " in str(refused.value)
    assert all(name in str(refused.value) for name in ("demo", "swin_bart", "grounded_2048", "baseline"))


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (
            lambda demo: demo["model"]["encoder"].update(stem_blocks=[0, 2]),
            "presets.demo.model.grounded.encoder.stem: stem_blocks has one number for each of stem_channels;",
        ),
        (
            lambda demo: demo["model"]["encoder"].update(num_heads=[4, 8]),
            "presets.demo.model.grounded.encoder.stem: num_heads has one number for each of depths;",
        ),
        (lambda demo: demo["train"].update(epoch=1), "presets.demo.train.epoch=1: Extra inputs are not permitted;"),
        (
            lambda demo: demo["model"].update(encoder={"name": "swin_base_patch4_window7_224", "windows": 8}),
            "presets.demo.model.grounded.encoder.timm.windows=8: Extra inputs are not permitted;",
        ),
        (
            lambda demo: demo["model"].update(pretrained={"embeddings": PUBMEDBERT}),
            f"presets.demo: model.pretrained.embeddings need prepare.tokenizer {{wordpiece: {PUBMEDBERT}}};",
        ),
    ],
)
def test_what_does_not_fit_is_one_line_that_names_the_key(tmp_path: Path, edit: Edit, told: str) -> None:
    with pytest.raises(BadInput) as refused:
        load_params(edited(tmp_path, lambda written: edit(written["presets"]["demo"])))
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_builds_at_its_own_size(name: str) -> None:
    """On the meta device: shapes and no memory. Each module that it freezes is there."""
    params = PRESETS[name]
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # timm initialises what has no memory
        reporter = build_reporter(config(params))
    if params.train.gradient_checkpointing:
        reporter.encoder.checkpoint_gradients()
    freeze(reporter, params.train.freeze, epoch=0)
    assert any(parameter.requires_grad for parameter in reporter.parameters())
    assert all(not p.requires_grad for at in params.train.freeze for p in reporter.get_submodule(at).parameters())


def test_swin_bart_is_the_published_captioner() -> None:
    params = PRESETS["swin_bart"]
    with torch.device("meta"):
        reporter = build_reporter(config(params))
    assert isinstance(reporter.encoder, TimmEncoder)
    assert (reporter.grid, reporter.encoder.width, reporter.pooling.tokens) == ((7, 7), 1024, 29)
    assert reporter.decoder.body.get_input_embeddings().weight.shape == (30_522, 768)
    assert (params.train.learning_rate, params.train.batch_size, params.prepare.max_tokens) == (1e-5, 8, 128)
    assert params.model.draft.model_dump() == {"beams": 4, "length_penalty": 1.1}


def test_grounded_2048_reads_64_by_64_positions_one_study_at_a_time() -> None:
    params = PRESETS["grounded_2048"]
    with torch.device("meta"):
        reporter = build_reporter(config(params))
    assert isinstance(reporter.encoder, TimmMemory)
    assert (reporter.grid, reporter.pooling.tokens) == ((64, 64), 64 * 64)
    assert params.train.accumulation == params.train.batch_size
    assert params.train.gradient_checkpointing


def test_the_tokenizer_is_learned_or_read_from_the_published_vocabulary(tmp_path: Path) -> None:
    learned = make_tokenizer(PRESETS["demo"].prepare, ["The heart is enlarged."])
    assert "Ġheart" in learned.vocabulary()
    published = tmp_path / PUBMEDBERT
    published.mkdir(parents=True)
    (published / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nheart\n##ily\n")
    tokenizer = make_tokenizer(PRESETS["swin_bart"].prepare, [], weights=tmp_path)
    assert tokenizer.vocabulary()["heart"] == 5


def test_without_the_vocabulary_the_error_says_what_to_put_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    with pytest.raises(BadInput) as refused:
        make_tokenizer(PRESETS["swin_bart"].prepare, [], weights=tmp_path)
    assert "vocab.txt" in str(refused.value)
    assert f"https://huggingface.co/{PUBMEDBERT}" in str(refused.value)
    assert str(tmp_path / PUBMEDBERT) in str(refused.value)
