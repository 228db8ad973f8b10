"""What is known beside the image: its words, its slots, and the decoders that read it."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.configurations import build_reporter
from model.errors import BadInput
from model.generation import generate
from model.prompt import NOTHING_ID, prompt_batch, prompt_ids, prompt_text
from model.reporter import Reporter, forced
from model.tokenizer import BOS_ID, EOS_ID, PAD_ID, ReportTokenizer

TOKENIZER = ReportTokenizer.train(["60s female. Cough and fever.", "Chest pain."], 400)


def images(count: int) -> torch.Tensor:
    return torch.rand(count, 1, 64, 64, generator=torch.Generator().manual_seed(1))


def prompts(count: int) -> torch.Tensor:
    """Of unlike length, the slots that are left filled."""
    ids = torch.randint(4, 40, (count, 6), generator=torch.Generator().manual_seed(2))
    for study in range(count):
        ids[study, 6 - study :] = NOTHING_ID
    return ids


def report_ids() -> torch.Tensor:
    ids = torch.randint(4, 40, (2, 9), generator=torch.Generator().manual_seed(2))
    ids[:, 0] = BOS_ID
    ids[0, 8], ids[1, 5], ids[1, 6:] = EOS_ID, EOS_ID, PAD_ID
    return ids


@pytest.fixture
def told(architecture: dict[str, Any]) -> Reporter:
    """A reporter of each architecture that reads prompts of 6 tokens and writes up to 12."""
    torch.manual_seed(0)
    return build_reporter({**architecture, "prompt_tokens": 6, "max_tokens": 12}).eval()


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ((64, "F", "Cough and\nfever."), "60s female. Cough and fever."),
        ((64, None, None), "60s."),
        ((None, "M", ""), "male."),
        ((7, "O", "Fall."), "0s other sex. Fall."),
        ((None, None, "Fall."), "Fall."),
        ((None, None, None), ""),
    ],
)
def test_what_is_not_known_is_not_said(known: tuple[int | None, str | None, str | None], words: str) -> None:
    assert prompt_text(*known) == words


@pytest.mark.parametrize("age", [90, 91, 300, -1])
def test_an_age_that_no_training_set_names_is_not_said(age: int) -> None:
    assert prompt_text(age, "F", None) == "female."
    assert prompt_text(89, "F", None) == "80s female."


@given(st.text(max_size=60), st.integers(0, 20))
def test_a_prompt_fills_its_slots_and_is_cut_at_a_word(text: str, length: int) -> None:
    ids = prompt_ids(TOKENIZER, text, length)
    assert len(ids) == length
    words = text.split()
    read = TOKENIZER.decode(ids).split(" ")
    assert " ".join(words).startswith(" ".join(read))
    assert read == [""] or read == words[: len(read)]


def test_words_are_tokens_as_in_a_whole_text() -> None:
    text = "60s female. Cough and fever."
    assert prompt_ids(TOKENIZER, text, 20)[:12] == (TOKENIZER.pieces(text) + [NOTHING_ID] * 20)[:12]


def test_what_the_model_is_told_changes_what_it_says(told: Reporter) -> None:
    both = told(images(1).expand(2, -1, -1, -1), report_ids()[:1].expand(2, -1), prompt=prompts(2)).logits
    assert (both[0] - both[1]).abs().amax(-1).min() > 1e-5


def test_only_written_words_are_shown_and_taught(told: Reporter) -> None:
    ids, patches = report_ids(), told.grid[0] * told.grid[1]
    target = torch.zeros(2, 9, patches + 1)
    target[0, 3, 5] = 1.0
    out = told(images(2), ids, target, prompt=prompts(2))
    assert out.logits.shape == (2, 9, 40)
    assert out.attention.shape == (2, 4, 9, patches)
    likely = out.logits.log_softmax(-1)
    words = [(b, t) for b, last in ((0, 8), (1, 5)) for t in range(last)]
    wanted = -sum(likely[b, t, ids[b, t + 1]] for b, t in words) / len(words)
    torch.testing.assert_close(out.losses["ce"], wanted)
    if told.config["grounding_loss"] == "kl":
        torch.testing.assert_close(out.losses["ground"], -out.attention[0, :, 3, 5].mean().log())


def test_nothing_known_is_a_prompt_of_nothing(told: Reporter) -> None:
    empty = torch.full((2, 6), NOTHING_ID)
    torch.testing.assert_close(
        told(images(2), report_ids()).logits, told(images(2), report_ids(), prompt=empty).logits, rtol=0, atol=0
    )


def test_word_by_word_is_as_all_at_once(told: Reporter) -> None:
    drafted = told.draft(images(3), prompts(3))
    again = forced(told, images(3), drafted.ids.clone(), prompts(3))
    torch.testing.assert_close(again.attention, drafted.attention)
    torch.testing.assert_close(again.log_probability, drafted.log_probability, atol=1e-5, rtol=1e-4)


def test_alone_is_as_in_a_batch(told: Reporter) -> None:
    batch = told.draft(images(3), prompts(3))
    for study in range(3):
        alone = told.draft(images(3)[study : study + 1], prompts(3)[study : study + 1])
        length = alone.ids.shape[1]
        assert batch.ids[study, :length].tolist() == alone.ids[0].tolist()
        torch.testing.assert_close(batch.attention[study, : length - 1], alone.attention[0])


def test_a_greedy_search_is_the_draft(told: Reporter) -> None:
    drafted, searched = told.draft(images(2), prompts(2)), generate(told, images(2), prompts(2), beams=1)
    assert searched.ids.tolist() == drafted.ids.tolist()
    torch.testing.assert_close(searched.attention, drafted.attention)


def test_each_beam_reads_the_prompt_of_its_study(told: Reporter) -> None:
    """Beams write reports to the full length, and a study's are the same alone as in a batch."""
    batch = generate(told, images(2), prompts(2), beams=3, length_penalty=3.0)
    assert batch.ids.shape[1] == told.max_tokens
    assert batch.ids[:, 0].tolist() == [BOS_ID, BOS_ID]
    alone = generate(told, images(2)[1:], prompts(2)[1:], beams=3, length_penalty=3.0)
    assert batch.ids[1, : alone.ids.shape[1]].tolist() == alone.ids[0].tolist()


def test_the_longest_report_has_room_after_the_longest_prompt(told: Reporter) -> None:
    ids = torch.full((1, told.max_tokens), 7)
    assert told(images(1), ids, prompt=prompts(1)).logits.shape[1] == told.max_tokens


def test_prompts_of_another_length_are_refused(told: Reporter, reporter: Reporter) -> None:
    with pytest.raises(BadInput, match="prompts of 5 tokens: this model reads prompts of 6"):
        told.draft(images(2), prompts(2)[:, :5])
    with pytest.raises(BadInput, match="prompts of 6 tokens: this model reads prompts of 0"):
        reporter(images(2), report_ids(), prompt=prompts(2))


def test_what_only_the_prompt_says_is_learned(reporter: Reporter) -> None:
    """One image, two sexes, two reports: the words follow the prompt, which is padded and read through the cache."""
    torch.manual_seed(0)
    model = build_reporter({**reporter.config, "prompt_tokens": 4, "vocab_size": len(TOKENIZER), "decoder": SHALLOW})
    prompt = torch.from_numpy(prompt_batch(TOKENIZER, ["female.", "male."], 4))
    ids = torch.tensor([[BOS_ID, 10, 11, EOS_ID], [BOS_ID, 20, EOS_ID, PAD_ID]])
    image = images(1).expand(2, -1, -1, -1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(40):
        optimizer.zero_grad()
        model(image, ids, prompt=prompt).losses["ce"].backward()
        optimizer.step()
    assert model.eval().draft(image, prompt).ids.tolist() == ids.tolist()


SHALLOW = {"width": 32, "heads": 4, "layers": 1, "dropout": 0.0}
