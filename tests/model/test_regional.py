import pytest
import torch

from model.decoder import CrossAttention, PriorCrossAttention
from model.regional import REGIONAL, Off, RegionalPrior, Single


@pytest.mark.parametrize("name", REGIONAL)
def test_every_kind_keeps_the_positions_and_its_map_sums_to_one(name: str) -> None:
    torch.manual_seed(0)
    features = torch.randn(2, 9, 16)
    weighted, alpha = REGIONAL[name](16)(features)
    assert weighted.shape == features.shape
    torch.testing.assert_close(alpha.sum(1), torch.ones(2))


@pytest.mark.parametrize("name", REGIONAL)
def test_an_even_map_leaves_the_features_alone(name: str) -> None:
    regional = REGIONAL[name](16)
    for parameter in regional.parameters():
        torch.nn.init.zeros_(parameter)
    features = torch.randn(2, 9, 16)
    torch.testing.assert_close(regional(features)[0], features)


def test_single_by_hand() -> None:
    single = Single(1)
    torch.nn.init.ones_(single.score.weight)
    features = torch.log(torch.tensor([[[1.0], [3.0]]]))  # softmax: 1/4, 3/4; two positions
    weighted, alpha = single(features)
    torch.testing.assert_close(alpha, torch.tensor([[0.25, 0.75]]))
    torch.testing.assert_close(weighted, features * torch.tensor([[[0.5], [1.5]]]))


def test_a_prior_multiplies_what_attention_would_be() -> None:
    torch.manual_seed(0)
    plain, prior = CrossAttention(8, 2), PriorCrossAttention(8, 2)
    prior.load_state_dict(plain.state_dict())
    memory, words = torch.randn(1, 3, 8), torch.randn(1, 4, 8)
    alpha = torch.tensor([[0.2, 0.3, 0.5]])
    without = plain(words, *plain.keys_values(memory))[1].attention
    told = torch.cat([memory, (3 * alpha).log()[..., None]], dim=-1)
    given = prior(words, *prior.keys_values(told))[1].attention
    wanted = without * torch.tensor([0.6, 0.9, 1.5, 1.0])  # the null token has no prior
    torch.testing.assert_close(given, wanted / wanted.sum(-1, keepdim=True))


def test_an_even_prior_is_none() -> None:
    memory = torch.randn(1, 3, 8)
    torch.testing.assert_close(RegionalPrior(Off(8))(memory)[..., -1], torch.zeros(1, 3))
