import torch

from model.reporter import Reporter
from model.tokenizer import BOS_ID, EOS_ID, PAD_ID


def images(count: int) -> torch.Tensor:
    return torch.rand(count, 1, 64, 64, generator=torch.Generator().manual_seed(1))


def report_ids() -> torch.Tensor:
    ids = torch.randint(4, 40, (2, 9), generator=torch.Generator().manual_seed(2))
    ids[:, 0] = BOS_ID
    ids[0, 8], ids[1, 5], ids[1, 6:] = EOS_ID, EOS_ID, PAD_ID
    return ids


def test_attention_rows_sum_to_one_less_the_null_mass(reporter: Reporter) -> None:
    out = reporter(images(2), report_ids())
    assert out.logits.shape == (2, 9, 40)
    assert out.attention.shape == (2, 4, 9, 64)
    torch.testing.assert_close(out.attention.sum(-1), 1 - out.null)


def test_a_word_never_sees_the_words_after_it(reporter: Reporter) -> None:
    ids = report_ids()
    changed = ids.clone()
    changed[:, 5:] = 7
    before, after = reporter(images(2), ids), reporter(images(2), changed)
    torch.testing.assert_close(before.logits[:, :5], after.logits[:, :5])
    torch.testing.assert_close(before.attention[:, :, :5], after.attention[:, :, :5])


def test_padding_changes_neither_loss_nor_attention(reporter: Reporter) -> None:
    ids = report_ids()[1:]
    padded = reporter(images(1), ids)
    cut = reporter(images(1), ids[:, :6])
    torch.testing.assert_close(padded.losses["ce"], cut.losses["ce"])
    torch.testing.assert_close(padded.attention[:, :, :6], cut.attention)


def test_a_drafts_attention_is_that_of_one_teacher_forced_pass(reporter: Reporter) -> None:
    drafted = reporter.draft(images(3))
    ids = drafted.ids.clone()
    forced = reporter(images(3), ids)
    whole = torch.cat([forced.attention, forced.null[..., None]], dim=-1).mean(1)
    torch.testing.assert_close(drafted.attention, whole[:, : drafted.attention.shape[1]])
    likely = forced.logits.log_softmax(-1)[:, :-1].gather(2, ids[:, 1:, None])[..., 0]
    written = ids[:, 1:] != PAD_ID
    torch.testing.assert_close(drafted.log_probability[:, 1:][written], likely[written], atol=1e-5, rtol=1e-4)


def test_a_study_alone_is_drafted_as_in_a_batch(reporter: Reporter) -> None:
    batch, alone = reporter.draft(images(3)), reporter.draft(images(3)[1:2])
    assert batch.ids[1, : alone.ids.shape[1]].tolist() == alone.ids[0].tolist()


def test_every_parameter_learns(reporter: Reporter) -> None:
    target = torch.zeros(2, 9, 65)
    target[:, :5, :10] = 0.1
    lies = torch.zeros(2, 64, 14)
    lies[:, :3] = 1
    losses = reporter(images(2), report_ids(), target, lies).losses
    sum(losses.values()).backward()
    silent = [name for name, p in reporter.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert silent == []
