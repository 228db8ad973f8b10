"""timm's encoders, tiny in use and real in size. A model on the meta device has shapes and no memory."""

import pytest
import torch

from model.bart_decoder import BartDecoder
from model.errors import BadInput
from model.gpt2_decoder import Gpt2Decoder
from model.timm_encoder import TimmEncoder

TINY_SWIN = {"embed_dim": 16, "depths": (1, 1), "num_heads": (2, 2), "window_size": 4}


def parameters(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_a_rectangle_gives_a_rectangular_grid_in_reading_order() -> None:
    torch.manual_seed(0)
    encoder = TimmEncoder("swin_tiny_patch4_window7_224", (32, 64), **TINY_SWIN).eval()
    assert encoder.grid == (4, 8)
    image = torch.zeros(1, 1, 32, 64)
    lit = image.clone()
    lit[..., 8:16, 40:48] = 1  # row 1, column 5
    changed = (encoder(lit) - encoder(image)).norm(dim=-1)[0]
    assert changed.shape == (32,)
    assert changed.argmax() == 1 * 8 + 5


def test_a_vits_class_token_is_no_position() -> None:
    encoder = TimmEncoder("vit_tiny_patch16_224", 64, embed_dim=16, depth=1, num_heads=2)
    assert encoder.grid == (4, 4)
    assert encoder(torch.rand(2, 1, 64, 64)).shape == (2, 16, 16)


def test_a_swin_whose_window_nobody_states_is_refused() -> None:
    with pytest.raises(BadInput, match="without window_size"):
        TimmEncoder("swin_tiny_patch4_window7_224", 64)


def test_a_size_between_two_grids_is_refused() -> None:
    with pytest.raises(BadInput, match="multiples of 8 px"):
        TimmEncoder("swin_tiny_patch4_window7_224", 60, **TINY_SWIN)


def test_an_encoder_that_timm_does_not_have_is_refused() -> None:
    with pytest.raises(BadInput, match="encoder swin_huge"):
        TimmEncoder("swin_huge", 64)


def test_swin_b_at_224_px_has_the_published_parameters() -> None:
    with torch.device("meta"):
        encoder = TimmEncoder("swin_base_patch4_window7_224", 224, window_size=7)
    assert (encoder.grid, encoder.width) == ((7, 7), 1024)
    two_colours = 2 * 4 * 4 * 128  # of the patch embedding, which reads one
    assert parameters(encoder) + two_colours == 86_743_224


def test_swin_t_has_the_published_parameters() -> None:
    with torch.device("meta"):
        encoder = TimmEncoder("swin_tiny_patch4_window7_224", 224, window_size=7)
    assert (encoder.grid, encoder.width) == ((7, 7), 768)
    head = 768 * 1000 + 1000  # of ImageNet's classes
    assert parameters(encoder) + 2 * 4 * 4 * 96 + head == 28_288_354


def test_swin_b_at_2048_px_sees_64_by_64_positions() -> None:
    with torch.device("meta"):
        encoder = TimmEncoder("swin_base_patch4_window7_224", 2048, window_size=8)
    assert encoder.grid == (64, 64)


def test_vit_b_16_has_the_published_parameters() -> None:
    with torch.device("meta"):
        encoder = TimmEncoder("vit_base_patch16_224", 224)
    assert (encoder.grid, encoder.width) == ((14, 14), 768)
    assert parameters(encoder) + 2 * 16 * 16 * 768 == 85_798_656


def test_gpt_2_has_the_published_parameters_and_the_inserted_ones() -> None:
    with torch.device("meta"):
        decoder = Gpt2Decoder(vocab_size=50_257, max_tokens=1024, width=768, heads=12, layers=12, dropout=0.1)
    inserted = sum(p.numel() for name, p in decoder.named_parameters() if "cross" in name or name == "null")
    assert parameters(decoder) - inserted == 124_439_808


def test_barts_decoder_has_the_published_parameters() -> None:
    with torch.device("meta"):
        decoder = BartDecoder(vocab_size=50_265, max_tokens=1024, width=768, heads=12, layers=6, dropout=0.1, tied=True)
    # A layer: two attentions of 4 (768^2 + 768), a feed-forward of 768 and 3072, three norms. Around them: the
    # embedding, 1,026 positions, a norm. Of facebook/bart-base's 139,420,416 the encoder has the rest.
    layer = 2 * 4 * (768**2 + 768) + 2 * 768 * 3072 + 3072 + 768 + 3 * 2 * 768
    assert parameters(decoder) - 768 == 6 * layer + 50_265 * 768 + 1026 * 768 + 2 * 768 == 96_103_680
