import math

import pytest
import torch

from model.decoder import Looked
from model.losses import (
    GROUNDING_LOSSES,
    attention_entropy,
    cross_entropy,
    finding_focal,
    grounding_bce,
    grounding_dice,
    grounding_kl,
    grounding_sigmoid_bce,
    literal_entropy,
    unsupervised_entropy,
)
from model.tokenizer import PAD_ID


def looked(attention: torch.Tensor) -> Looked:
    return Looked(attention, attention.log())


def test_grounding_kl_by_hand() -> None:
    attention = torch.tensor([[[[0.5, 0.25, 0.25]], [[0.1, 0.65, 0.25]]]])  # two heads, mean 0.3, 0.45, 0.25
    target = torch.tensor([[[0.5, 0.5, 0.0]]])
    wanted = 0.5 * math.log(0.5 / 0.3) + 0.5 * math.log(0.5 / 0.45)
    assert grounding_kl(looked(attention), target).item() == pytest.approx(wanted, rel=1e-5)


def test_grounding_bce_by_hand() -> None:
    attention = torch.tensor([[[[0.5, 0.25, 0.25]], [[0.1, 0.65, 0.25]]]])
    target = torch.tensor([[[0.5, 0.5, 0.0]]])  # the mask 1, 1, 0
    wanted = -(math.log(0.3) + math.log(0.45) + math.log(0.75)) / 3
    assert grounding_bce(looked(attention), target).item() == pytest.approx(wanted, rel=1e-5)


def test_the_literal_bce_cannot_reach_zero_on_two_patches() -> None:
    best = looked(torch.tensor([[[[0.5, 0.5, 0.0]]]]))
    assert grounding_bce(best, torch.tensor([[[0.5, 0.5, 0.0]]])).item() == pytest.approx(2 * math.log(2) / 3, rel=1e-5)


def test_grounding_dice_by_hand() -> None:
    attention = torch.tensor([[[[0.4, 0.4, 0.2]]]])  # over its largest: 1, 1, 0.5
    assert grounding_dice(looked(attention), torch.tensor([[[0.5, 0.5, 0.0]]])).item() == pytest.approx(1 - 4 / 4.5)
    assert grounding_dice(looked(attention), torch.tensor([[[0.0, 0.0, 1.0]]])).item() == pytest.approx(1 - 1 / 3.5)


def test_sigmoid_bce_by_hand() -> None:
    scores = torch.tensor([[[[1.0, 0.0]], [[3.0, 0.0]]]])  # head-mean 2, 0
    given = Looked(scores.softmax(-1), scores)
    wanted = (math.log(1 + math.exp(-2)) + math.log(2)) / 2
    assert grounding_sigmoid_bce(given, torch.tensor([[[1.0, 0.0]]])).item() == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("name", GROUNDING_LOSSES)
def test_a_token_that_nobody_annotated_adds_nothing(name: str) -> None:
    loss = GROUNDING_LOSSES[name]
    scores = torch.randn(1, 2, 3, 5)
    given = Looked(scores.softmax(-1), scores)
    target = torch.zeros(1, 3, 5)
    assert loss(given, target).item() == 0
    target[0, 1, 2] = 1
    alone = loss(Looked(given.attention[:, :, 1:2], scores[:, :, 1:2]), target[:, 1:2])
    assert loss(given, target).item() == pytest.approx(alone.item())


@pytest.mark.parametrize("name", ["bce", "kl", "dice", "sigmoid_bce"])
def test_looking_at_the_region_costs_less_than_looking_beside_it(name: str) -> None:
    target = torch.tensor([[[0.5, 0.5, 0.0, 0.0]]])
    at, beside = torch.tensor([3.0, 3.0, -3.0, -3.0]), torch.tensor([-3.0, -3.0, 3.0, 3.0])
    there, elsewhere = (Looked(s.softmax(-1).expand(1, 2, 1, 4), s.expand(1, 2, 1, 4)) for s in (at, beside))
    assert GROUNDING_LOSSES[name](there, target) < GROUNDING_LOSSES[name](elsewhere, target)


def test_cross_entropy_ignores_padding_and_shifts_by_one() -> None:
    logits = torch.zeros(1, 3, 4)
    logits[0, 0, 2] = 100.0  # after the start, token 2
    assert cross_entropy(logits, torch.tensor([[1, 2, PAD_ID]])).item() == pytest.approx(0, abs=1e-6)
    assert cross_entropy(logits, torch.tensor([[1, 3, PAD_ID]])).item() == pytest.approx(100, rel=1e-3)


def test_entropy_is_zero_on_one_patch_and_one_when_even() -> None:
    attention = torch.tensor([[[[1.0, 0.0, 0.0, 0.0], [0.25, 0.25, 0.25, 0.25]]]])
    assert attention_entropy(attention)[0].tolist() == pytest.approx([0, 1], abs=1e-5)
    target = torch.zeros(1, 2, 4)
    ids = torch.tensor([[5, 6]])
    assert unsupervised_entropy(attention, target, ids).item() == pytest.approx(0.5, abs=1e-5)
    target[0, 1, 0] = 1
    assert unsupervised_entropy(attention, target, ids).item() == pytest.approx(0, abs=1e-5)
    assert literal_entropy(attention, target, ids).item() == pytest.approx(0.5, abs=1e-5)


def test_the_focal_loss_of_a_finding_by_hand() -> None:
    logits = torch.tensor([[[0.0, 0.0, 3.0]]])
    target = torch.tensor([[[1.0, 0.0, float("nan")]]])
    # p = 1/2 for both: (1/2)^2 ln 2, weighted 1/4 where it is and 3/4 where it is not; one patch has one.
    torch.testing.assert_close(finding_focal(logits, target), torch.tensor(0.25 * 0.6931472))


def test_where_nobody_said_there_is_no_loss() -> None:
    assert finding_focal(torch.ones(1, 4, 2), torch.full((1, 4, 2), float("nan"))) == 0
