from pathlib import Path

import torch

from model.checkpoint import load_checkpoint, restore, save_checkpoint, weights
from model.configurations import build_reporter
from model.reporter import Reporter


def step(model: Reporter, optimizer: torch.optim.Optimizer) -> None:
    torch.manual_seed(5)
    loss = model(torch.rand(2, 1, 64, 64), torch.tensor([[1, 5, 6, 2], [1, 7, 8, 2]])).losses["ce"]
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def test_training_goes_on_bit_for_bit(tmp_path: Path, reporter: Reporter) -> None:
    optimizer = torch.optim.AdamW(reporter.parameters())
    step(reporter, optimizer)
    save_checkpoint(
        tmp_path / "c.safetensors", reporter, weights(reporter), optimizer, {}, {"fingerprint": "f", "epoch": 1}
    )
    step(reporter, optimizer)

    other = build_reporter(reporter.config).eval()
    other_optimizer = torch.optim.AdamW(other.parameters())
    found = load_checkpoint(tmp_path / "c.safetensors", "f")
    assert found is not None
    tensors, state = found
    restore(tensors, other, other_optimizer)
    step(other, other_optimizer)
    assert state["epoch"] == 1
    for name, value in reporter.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def test_a_checkpoint_of_other_data_is_not_used(tmp_path: Path, reporter: Reporter) -> None:
    optimizer = torch.optim.AdamW(reporter.parameters())
    save_checkpoint(tmp_path / "c.safetensors", reporter, {}, optimizer, {}, {"fingerprint": "one"})
    assert load_checkpoint(tmp_path / "c.safetensors", "two") is None
    assert load_checkpoint(tmp_path / "none.safetensors", "one") is None
