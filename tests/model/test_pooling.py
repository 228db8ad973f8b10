import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import adaptive_avg_pool1d

from model.pooling import AdaptivePooling


@given(st.integers(1, 80), st.integers(1, 60))
def test_it_is_torchs_adaptive_pooling(positions: int, tokens: int) -> None:
    features = torch.randn(1, positions, 3)
    wanted = adaptive_avg_pool1d(features.transpose(1, 2), tokens).transpose(1, 2)
    torch.testing.assert_close(AdaptivePooling(positions, tokens)(features), wanted)


@given(st.integers(1, 80), st.integers(1, 60))
def test_a_row_of_attention_keeps_its_sum_on_the_grid_and_its_null_mass(positions: int, tokens: int) -> None:
    attention = torch.softmax(torch.randn(2, 5, tokens + 1), -1)
    spread = AdaptivePooling(positions, tokens).spread(attention)
    assert spread.shape == (2, 5, positions + 1)
    torch.testing.assert_close(spread.sum(-1), torch.ones(2, 5))
    torch.testing.assert_close(spread[..., -1], attention[..., -1])


def test_four_positions_read_as_two_tokens_by_hand() -> None:
    pooling = AdaptivePooling(4, 2)
    assert pooling.spread(torch.tensor([0.6, 0.2, 0.2])).tolist() == torch.tensor([0.3, 0.3, 0.1, 0.1, 0.2]).tolist()
    assert pooling.lift(torch.tensor([3.0, -1.0, 7.0])).tolist() == [3.0, 3.0, -1.0, -1.0, 7.0]


def test_a_position_of_two_tokens_has_the_mean_of_their_logits() -> None:
    # Three positions as two tokens: the middle one is read by both.
    assert AdaptivePooling(3, 2).lift(torch.tensor([2.0, 4.0, 0.0])).tolist() == [2.0, 3.0, 4.0, 0.0]
