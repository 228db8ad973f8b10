"""The loop on made-up batches: shares that add up, an epoch that goes on where it was cut."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from model.checkpoint import load_checkpoint, part, random_state, restore, save_checkpoint, set_random_state, weights
from model.configurations import build_reporter
from model.reporter import Reporter
from model.training import Running, counts, train_one_epoch, validate


@dataclass
class Batch:
    image: Tensor
    text_ids: Tensor
    grounding_masks: Tensor
    finding_masks: Tensor
    prompt: Tensor

    def pieces(self, count: int) -> Iterator["Batch"]:
        parts = (self.image, self.text_ids, self.grounding_masks, self.finding_masks, self.prompt)
        yield from (Batch(*piece) for piece in zip(*(part.chunk(count) for part in parts), strict=True))


def made_up(studies: int, seed: int) -> Batch:
    """Reports of unlike length; regions on some words, a finding on some patches."""
    draw = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, 40, (studies, 9), generator=draw)
    ids[:, 0] = 1
    masks, findings = torch.zeros(studies, 9, 65), torch.zeros(studies, 64, 14)
    for study in range(studies):
        ids[study, 4 + study % 5 :] = 0
        masks[study, : 1 + study % 3, 5 * study : 5 * study + 4] = 0.25
        findings[study, : 3 * study, 2] = 1.0
    findings[:, :, 5] = torch.nan
    image = torch.rand(studies, 1, 64, 64, generator=draw)
    return Batch(image, ids, masks, findings, torch.zeros(studies, 0, dtype=torch.long))


def certain(config: dict[str, Any]) -> Reporter:
    """Without dropout and stochastic depth: what is learned from a batch does not depend on how it is cut."""
    torch.manual_seed(0)
    encoder = config["encoder"] | {
        "stem_channels": [8, 8, 16],
        "stem_blocks": [0, 0, 1],
        "depths": [1],
        "num_heads": [2],
    }
    return build_reporter(config | {"encoder": encoder, "decoder": config["decoder"] | {"dropout": 0.0}})


def test_what_each_term_is_a_mean_over() -> None:
    """Two studies: 4 and 5 words, of which 1 and 2 are supervised; 0 and 3 patches with a finding."""
    assert {name: int(value) for name, value in counts(made_up(2, 0)).items()} == {
        "studies": 2, "ce": 7, "ground": 3, "findings": 3, "entropy": 6,
    }  # fmt: skip


@pytest.mark.parametrize("pieces", [2, 3, 6])
def test_a_batch_in_pieces_is_the_same_step(reporter: Reporter, pieces: int) -> None:
    learned = []
    for accumulation in (1, pieces):
        model = certain(reporter.config)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        figures = train_one_epoch(model, [made_up(6, 1), made_up(6, 2)], optimizer, 1.0, 0.5, accumulation=accumulation)
        learned.append((weights(model), figures))
    (whole, figures), (cut, cut_figures) = learned
    for name, value in whole.items():
        torch.testing.assert_close(cut[name], value, rtol=0, atol=1e-5, msg=name)
    assert cut_figures == pytest.approx(figures, rel=1e-4)


class Killed(Exception):
    pass


@pytest.mark.parametrize("killed_at", [1, 2, 4])
def test_an_epoch_cut_after_any_step_goes_on_bit_for_bit(tmp_path: Path, reporter: Reporter, killed_at: int) -> None:
    """Dropout and stochastic depth draw on, means go on, and AdamW's moments and the schedule with them."""
    batches = [made_up(3, seed) for seed in range(4)]
    start = weights(reporter)
    path, cpu = tmp_path / "c.safetensors", torch.device("cpu")

    def begin(done: int) -> tuple[Reporter, torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
        model = build_reporter(reporter.config)
        model.load_state_dict(start)
        optimizer = torch.optim.AdamW([{"params": model.parameters(), "initial_lr": 1e-3}], lr=1e-3)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step), last_epoch=done - 1)
        torch.manual_seed(3)
        return model, optimizer, schedule

    whole, optimizer, schedule = begin(0)
    figures = train_one_epoch(whole, batches, optimizer, schedule=schedule)

    model, optimizer, schedule = begin(0)

    def kill(running: Running) -> None:
        if running.steps == killed_at:
            save_checkpoint(path, model, {}, optimizer, random_state(cpu), {"fingerprint": "f", **asdict(running)})
            raise Killed

    with pytest.raises(Killed):
        train_one_epoch(model, batches, optimizer, schedule=schedule, on_step=kill)
    found = load_checkpoint(path, "f")
    assert found is not None
    tensors, state = found
    del state["fingerprint"]
    model, optimizer, schedule = begin(killed_at)
    restore(tensors, model, optimizer)
    set_random_state(part(tensors, "random."), cpu)
    running = Running(**state)
    again = train_one_epoch(model, batches[running.steps :], optimizer, schedule=schedule, running=running)
    assert again == figures
    for name, value in whole.state_dict().items():
        assert torch.equal(value, model.state_dict()[name]), name


def test_the_spread_of_attention_is_over_words_not_batches(reporter: Reporter) -> None:
    """Validated as one batch or as two of unlike size: the same mean, the same standard deviation."""
    batch = made_up(6, 4)
    parts = (batch.image, batch.text_ids, batch.grounding_masks, batch.finding_masks, batch.prompt)
    two = [Batch(*(p[:2] for p in parts)), Batch(*(p[2:] for p in parts))]
    one, cut = validate(reporter, [batch], 1.0, 0.0), validate(reporter, two, 1.0, 0.0)
    for name in ("attention_entropy", "attention_entropy_std", "attention_entropy_located"):
        assert 0 < one[name] < 1.0001
        assert cut[name] == pytest.approx(one[name], rel=1e-4)


def test_attention_that_looks_everywhere_has_entropy_one(reporter: Reporter) -> None:
    with torch.no_grad():
        for layer in reporter.decoder.layers:
            layer.cross_attention.query.weight.zero_()
            layer.cross_attention.query.bias.zero_()
    figures = validate(reporter, [made_up(4, 5)], 1.0, 0.0)
    assert figures["attention_entropy_located"] == pytest.approx(1.0, abs=1e-4)
    assert figures["attention_entropy_std"] == pytest.approx(0.0, abs=1e-3)
