"""The learning rate, what is frozen, and when training stops, over made-up epochs."""

import pytest
import torch
from torch import nn

from model.errors import BadInput
from pipelines.params import Train
from pipelines.schedules import exhausted, freeze, make_optimizer

PARAMS = Train(
    seed=1, epochs=4, batch_size=2, optimizer="adamw", learning_rate=0.5, weight_decay=0.1, warmup_fraction=0.2,
    clip_norm=1.0, lambda_ground=1.0, lambda_entropy=0.0, patience=2, processes=1, accumulation=1,
    gradient_checkpointing=False, freeze={},
)  # fmt: skip


def small() -> nn.Module:
    return nn.ModuleDict({"encoder": nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 3)), "decoder": nn.Linear(3, 2)})


def test_the_rate_warms_up_then_falls_to_nothing_by_a_cosine() -> None:
    """20 steps, 4 of them to warm up: the middle of the other 16 has half the rate."""
    optimizer, schedule = make_optimizer(small(), PARAMS, 5, done=0)
    rates = []
    for _ in range(20):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    assert rates[:5] == pytest.approx([0.125, 0.25, 0.375, 0.5, 0.5])
    assert rates[12] == pytest.approx(0.25)
    assert schedule.get_last_lr()[0] == pytest.approx(0.0)
    assert make_optimizer(small(), PARAMS, 5, done=7)[1].get_last_lr()[0] == rates[7]


def learning(model: nn.Module) -> set[str]:
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


def test_a_module_is_frozen_for_its_first_epochs_and_one_within_it_for_longer() -> None:
    model, epochs = small(), {"encoder": 1, "encoder.0": 2}
    decoder, last, first = ({f"{name}.weight", f"{name}.bias"} for name in ("decoder", "encoder.1", "encoder.0"))
    for epoch, wanted in enumerate([decoder, decoder | last, decoder | last | first]):
        freeze(model, epochs, epoch)
        assert learning(model) == wanted


def test_what_was_frozen_stays_as_it_is_and_learns_later() -> None:
    model = small()
    optimizer, _ = make_optimizer(model, PARAMS, 5, done=0)
    for epoch in range(2):
        before = [parameter.detach().clone() for parameter in model["encoder"].parameters()]  # type: ignore[index]
        freeze(model, {"encoder": 1}, epoch)
        optimizer.zero_grad()
        model["decoder"](model["encoder"](torch.ones(1, 2))).sum().backward()  # type: ignore[index]
        optimizer.step()
        after = model["encoder"].parameters()  # type: ignore[index]
        assert all(torch.equal(old, new) for old, new in zip(before, after, strict=True)) == (epoch == 0)


def test_a_module_that_is_not_there_is_named() -> None:
    with pytest.raises(BadInput, match=r"train\.freeze encodr: the model's modules are decoder, encoder"):
        freeze(small(), {"encodr": 1}, 0)


def test_training_stops_once_nothing_has_improved_for_so_many_epochs() -> None:
    history = [{"validate_loss": loss} for loss in (3.0, 2.0, 2.5, 2.1)]
    assert [exhausted(history[:epochs], 2) for epochs in range(5)] == [False, False, False, False, True]
