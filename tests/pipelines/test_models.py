import pytest
import torch

from model.configurations import build_reporter
from model.generation import generate
from pipelines.models import drafter
from tests.tiny import MODEL


@pytest.mark.parametrize("settings", [{"beams": 1, "length_penalty": 1.0}, {"beams": 3, "length_penalty": 0.0}])
def test_a_model_drafts_as_its_configuration_says(settings: dict[str, float]) -> None:
    torch.manual_seed(0)
    reporter = build_reporter({"size": 64, "max_tokens": 12, "vocab_size": 40, **MODEL, "draft": settings}).eval()
    images = torch.rand(2, 1, 64, 64)
    drafted, searched = drafter(reporter)(images), generate(reporter, images, **settings)
    assert torch.equal(drafted.ids, searched.ids)
    torch.testing.assert_close(drafted.attention, searched.attention, atol=1e-5, rtol=1e-4)
