"""What every configuration of the reporter keeps to."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from model.configurations import build_reporter
from model.errors import BadInput
from model.reporter import Reporter
from model.tokenizer import BOS_ID, EOS_ID, PAD_ID


def images(count: int) -> torch.Tensor:
    return torch.rand(count, 1, 64, 64, generator=torch.Generator().manual_seed(1))


def report_ids() -> torch.Tensor:
    ids = torch.randint(4, 40, (2, 9), generator=torch.Generator().manual_seed(2))
    ids[:, 0] = BOS_ID
    ids[0, 8], ids[1, 5], ids[1, 6:] = EOS_ID, EOS_ID, PAD_ID
    return ids


def losses(reporter: Reporter) -> torch.Tensor:
    """All terms of a batch in which half of the words of the first sentence are grounded."""
    patches = reporter.grid[0] * reporter.grid[1]
    target = torch.zeros(2, 9, patches + 1)
    target[:, :5, :10] = 0.1
    lies = torch.zeros(2, patches, 14)
    lies[:, :3] = 1
    terms = reporter(images(2), report_ids(), target, lies).losses
    return torch.stack(list(terms.values())).sum()


def test_attention_rows_sum_to_one_less_the_null_mass(any_reporter: Reporter) -> None:
    out = any_reporter(images(2), report_ids())
    assert out.logits.shape == (2, 9, 40)
    assert out.attention.shape == (2, 4, 9, any_reporter.grid[0] * any_reporter.grid[1])
    torch.testing.assert_close(out.attention.sum(-1), 1 - out.null)


def test_a_word_never_sees_the_words_after_it(any_reporter: Reporter) -> None:
    ids = report_ids()
    changed = ids.clone()
    changed[:, 5:] = 7
    before, after = any_reporter(images(2), ids), any_reporter(images(2), changed)
    torch.testing.assert_close(before.logits[:, :5], after.logits[:, :5])
    torch.testing.assert_close(before.attention[:, :, :5], after.attention[:, :, :5])


def test_padding_changes_neither_loss_nor_attention(any_reporter: Reporter) -> None:
    ids = report_ids()[1:]
    padded = any_reporter(images(1), ids)
    cut = any_reporter(images(1), ids[:, :6])
    torch.testing.assert_close(padded.losses["ce"], cut.losses["ce"])
    torch.testing.assert_close(padded.attention[:, :, :6], cut.attention)


def test_a_drafts_attention_is_that_of_one_teacher_forced_pass(any_reporter: Reporter) -> None:
    drafted = any_reporter.draft(images(3))
    ids = drafted.ids.clone()
    forced = any_reporter(images(3), ids)
    whole = torch.cat([forced.attention, forced.null[..., None]], dim=-1).mean(1)
    torch.testing.assert_close(drafted.attention, whole[:, : drafted.attention.shape[1]])
    likely = forced.logits.log_softmax(-1)[:, :-1].gather(2, ids[:, 1:, None])[..., 0]
    written = ids[:, 1:] != PAD_ID
    torch.testing.assert_close(drafted.log_probability[:, 1:][written], likely[written], atol=1e-5, rtol=1e-4)


def test_a_study_alone_is_drafted_as_in_a_batch(any_reporter: Reporter) -> None:
    batch, alone = any_reporter.draft(images(3)), any_reporter.draft(images(3)[1:2])
    assert batch.ids[1, : alone.ids.shape[1]].tolist() == alone.ids[0].tolist()


def test_what_one_patch_shows_is_read_on_every_patch(reporter: Reporter, monkeypatch: pytest.MonkeyPatch) -> None:
    features = reporter.encoder(images(1))
    shown = features.clone()
    shown[0, 17] += 10 * reporter.findings.weight[3].sign()
    monkeypatch.setattr(reporter.encoder, "forward", lambda image: features)
    before, absent = reporter.read(images(1))
    monkeypatch.setattr(reporter.encoder, "forward", lambda image: shown)
    after, there = reporter.read(images(1))
    assert there[0, 17, 3] > absent[0].amax(0)[3]
    elsewhere = torch.arange(64) != 17
    torch.testing.assert_close(there[0, elsewhere], absent[0, elsewhere])
    assert (after - before)[0, elsewhere].abs().amax(-1).min() > 1e-4


def test_every_parameter_learns(any_reporter: Reporter) -> None:
    losses(any_reporter).backward()
    silent = [name for name, p in any_reporter.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    # A softmax does not see what is added to all of its logits.
    assert [name for name in silent if not name.endswith(("k_proj.bias", "score.bias"))] == []


def test_checkpointed_gradients_are_the_same_gradients(any_reporter: Reporter) -> None:
    any_reporter.train()
    torch.manual_seed(3)  # the same words and paths drop out in both passes
    losses(any_reporter).backward()
    plain = {name: p.grad.clone() for name, p in any_reporter.encoder.named_parameters() if p.grad is not None}
    any_reporter.zero_grad()
    any_reporter.encoder.checkpoint_gradients()
    torch.manual_seed(3)
    losses(any_reporter).backward()
    for name, p in any_reporter.encoder.named_parameters():
        torch.testing.assert_close(p.grad, plain[name])


def test_saved_and_loaded_it_is_the_same_reporter(any_reporter: Reporter, tmp_path: Path) -> None:
    save_file(any_reporter.state_dict(), tmp_path / "model.safetensors")
    torch.manual_seed(9)
    other = build_reporter(any_reporter.config)
    other.load_state_dict(load_file(tmp_path / "model.safetensors"))
    torch.testing.assert_close(
        other.eval()(images(2), report_ids()).logits,
        any_reporter(images(2), report_ids()).logits,
        rtol=0,
        atol=0,
    )


def test_an_unknown_architecture_is_named(reporter: Reporter) -> None:
    with pytest.raises(BadInput, match="architecture resnet"):
        build_reporter({**reporter.config, "architecture": "resnet"})
