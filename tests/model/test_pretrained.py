"""Published layouts, written tiny by the tests, through the loaders that read the real ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import timm
import torch
from safetensors.torch import save_file
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
)

from model.errors import BadInput
from model.pretrained import load_embeddings, load_encoder, load_pretrained
from model.reporter import Reporter
from model.timm_encoder import TimmEncoder

Make = Callable[[str], Reporter]

SWIN = "swin_tiny_patch4_window7_224.ms_in1k"
TINY_SWIN = {"embed_dim": 16, "depths": (1, 1), "num_heads": (2, 2)}


@pytest.fixture
def published_swin(tmp_path: Path) -> Any:
    """Three colours, 1000 classes, window 7 at 56 px, as on timm's hub."""
    swin = timm.create_model(SWIN, img_size=56, window_size=7, **TINY_SWIN)
    folder = tmp_path / "timm" / SWIN
    folder.mkdir(parents=True)
    save_file(swin.state_dict(), folder / "model.safetensors")
    return swin


def test_swins_three_colours_are_summed_and_its_windows_interpolated(published_swin: Any, tmp_path: Path) -> None:
    encoder = TimmEncoder("swin_tiny_patch4_window7_224", 64, window_size=4, **TINY_SWIN)
    load_encoder(encoder, SWIN, tmp_path)
    wanted = published_swin.patch_embed.proj.weight.sum(1, keepdim=True)
    torch.testing.assert_close(encoder.body.patch_embed.proj.weight, wanted)
    torch.testing.assert_close(encoder.body.norm.weight, published_swin.norm.weight)
    assert torch.equal(
        encoder.body.layers[0].blocks[0].mlp.fc1.weight, published_swin.layers[0].blocks[0].mlp.fc1.weight
    )


def test_a_swin_of_the_same_size_computes_what_the_published_one_does(published_swin: Any, tmp_path: Path) -> None:
    encoder = TimmEncoder("swin_tiny_patch4_window7_224", 56, window_size=7, **TINY_SWIN).eval()
    load_encoder(encoder, SWIN, tmp_path)
    grey = torch.rand(1, 1, 56, 56)
    colours = ((grey - 0.449) / 0.226).expand(-1, 3, -1, -1)
    wanted = published_swin.eval().forward_features(colours).flatten(1, 2)
    torch.testing.assert_close(encoder(grey), wanted, atol=1e-4, rtol=1e-4)


def test_barts_layers_and_first_positions_are_taken(make_reporter: Make, tmp_path: Path) -> None:
    config = BartConfig(
        vocab_size=60, d_model=32, max_position_embeddings=50, encoder_layers=1, decoder_layers=2, encoder_ffn_dim=128,
        decoder_ffn_dim=128, encoder_attention_heads=4, decoder_attention_heads=4,
    )  # fmt: skip
    published = BartForConditionalGeneration(config)
    published.save_pretrained(tmp_path / "facebook" / "bart-tiny")
    reporter = make_reporter("swin_bart")
    before = reporter.decoder.body.embed_tokens.weight.clone()
    load_pretrained(reporter, {"decoder": "facebook/bart-tiny"}, tmp_path)
    taken, given = reporter.decoder.body, published.model.decoder
    torch.testing.assert_close(taken.layers[1].encoder_attn.k_proj.weight, given.layers[1].encoder_attn.k_proj.weight)
    torch.testing.assert_close(taken.embed_positions.weight, given.embed_positions.weight[: 24 + 2])
    assert torch.equal(taken.embed_tokens.weight, before)  # another vocabulary's


def test_gpt_2s_blocks_are_taken_and_what_was_inserted_is_left(make_reporter: Make, tmp_path: Path) -> None:
    published = GPT2LMHeadModel(GPT2Config(vocab_size=60, n_positions=50, n_embd=32, n_layer=2, n_head=4))
    published.save_pretrained(tmp_path / "gpt2-tiny")
    reporter = make_reporter("baseline")
    before = reporter.decoder.body.h[0].crossattention.c_attn.weight.clone()
    load_pretrained(reporter, {"decoder": "gpt2-tiny"}, tmp_path)
    taken, given = reporter.decoder.body, published.transformer
    torch.testing.assert_close(taken.h[1].mlp.c_fc.weight, given.h[1].mlp.c_fc.weight)
    torch.testing.assert_close(taken.wpe.weight, given.wpe.weight[:24])
    assert torch.equal(taken.h[0].crossattention.c_attn.weight, before)


def test_berts_special_embeddings_stand_where_ours_do(make_reporter: Make, tmp_path: Path) -> None:
    published = BertForMaskedLM(BertConfig(vocab_size=40, hidden_size=32, num_hidden_layers=1, num_attention_heads=4))
    folder = tmp_path / "microsoft" / "bert-tiny"
    published.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *map(str, range(35))]))
    reporter = make_reporter("swin_bart")
    load_pretrained(reporter, {"embeddings": "microsoft/bert-tiny"}, tmp_path)
    rows = published.bert.embeddings.word_embeddings.weight
    taken = reporter.decoder.body.embed_tokens.weight
    torch.testing.assert_close(taken[:6], rows[[0, 2, 3, 4, 1, 5]])  # pad, start, end, impression; unknown, "0"
    torch.testing.assert_close(taken[6:], rows[6:])


def test_embeddings_of_another_vocabulary_are_refused(make_reporter: Make, tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    save_file({"bert.embeddings.word_embeddings.weight": torch.ones(5, 32)}, folder / "model.safetensors")
    (folder / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n")
    with pytest.raises(BadInput, match=r"embeddings \(5, 32\), not \(40, 32\)"):
        load_embeddings(make_reporter("swin_bart").decoder, "small", tmp_path)  # type: ignore[arg-type]


def test_layers_of_another_width_are_refused(make_reporter: Make, tmp_path: Path) -> None:
    GPT2LMHeadModel(GPT2Config(vocab_size=60, n_positions=50, n_embd=16, n_layer=2, n_head=4)).save_pretrained(
        tmp_path / "narrow"
    )
    with pytest.raises(BadInput, match="weights narrow: they do not fit"):
        load_pretrained(make_reporter("baseline"), {"decoder": "narrow"}, tmp_path)


def test_without_a_network_the_error_says_what_to_put_where(
    make_reporter: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    with pytest.raises(BadInput) as refused:
        load_pretrained(make_reporter("swin_bart"), {"decoder": "facebook/bart-base"}, tmp_path / "weights")
    line = str(refused.value)
    assert "config.json and model.safetensors" in line
    assert "https://huggingface.co/facebook/bart-base" in line
    assert str(tmp_path / "weights" / "facebook" / "bart-base") in line


def test_a_reporter_with_nothing_published_says_so(make_reporter: Make, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"pretrained\.encoder"):
        load_pretrained(make_reporter("grounded"), {"encoder": SWIN}, tmp_path)
