import pytest
import torch

from model.generation import generate
from model.reporter import Reporter, forced


def images(count: int) -> torch.Tensor:
    return torch.rand(count, 1, 64, 64, generator=torch.Generator().manual_seed(1))


def test_one_beam_is_the_greedy_draft(any_reporter: Reporter) -> None:
    drafted, searched = any_reporter.draft(images(2)), generate(any_reporter, images(2), beams=1)
    assert searched.ids.tolist() == drafted.ids.tolist()
    torch.testing.assert_close(searched.attention, drafted.attention)
    torch.testing.assert_close(searched.log_probability, drafted.log_probability, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_four_beams_without_a_penalty_find_a_report_no_less_likely_than_greedy(
    any_reporter: Reporter, seed: int
) -> None:
    image = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(seed))
    greedy = any_reporter.draft(image).log_probability.sum(1)
    beam = generate(any_reporter, image, beams=4, length_penalty=0.0, early_stopping=False).log_probability.sum(1)
    assert (beam >= greedy - 1e-4).all()


def test_maps_of_a_report_whose_words_are_known_are_those_of_its_draft(reporter: Reporter) -> None:
    drafted = reporter.draft(images(2))
    again = forced(reporter, images(2), drafted.ids.clone())
    torch.testing.assert_close(again.attention, drafted.attention)
