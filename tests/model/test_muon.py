"""Muon beside torch's, which knows matrices alone, and beside AdamW."""

import pytest
import torch
from torch import nn

from model.configurations import build_reporter
from model.muon import Muon, inner_matrices, orthogonal
from tests.model.conftest import CONFIGURATIONS, TINY


def test_an_orthogonal_matrix_has_singular_values_about_one() -> None:
    torch.manual_seed(0)
    for shape in ((3, 8, 32), (2, 32, 8)):
        singular = torch.linalg.svdvals(orthogonal(torch.randn(shape) * 1e-3))
        assert 0.6 < singular.min() < singular.max() < 1.3


def steps(optimizer: torch.optim.Optimizer, parameter: nn.Parameter, count: int = 4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    for _ in range(count):
        parameter.grad = torch.randn(parameter.shape, generator=generator)
        optimizer.step()
    return parameter.detach()


def test_a_matrix_moves_as_with_torchs_muon() -> None:
    start = torch.randn(6, 10, generator=torch.Generator().manual_seed(0))
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    moved = steps(Muon([ours], [], [], lr=0.01, weight_decay=0.1, precision=torch.bfloat16), ours)
    published = torch.optim.Muon([theirs], lr=0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    torch.testing.assert_close(moved, steps(published, theirs), atol=2e-4, rtol=0.02)


def test_matrices_of_one_shape_move_as_each_would_alone_and_a_kernel_as_its_matrix() -> None:
    generator = torch.Generator().manual_seed(0)
    matrix, other = torch.randn(4, 18, generator=generator), torch.randn(4, 18, generator=generator)
    together = [nn.Parameter(matrix.clone().view(4, 2, 3, 3)), nn.Parameter(other.clone())]
    alone = nn.Parameter(matrix.clone())
    optimizer = Muon(together, [], [], lr=0.01, weight_decay=0.0)
    together[1].grad = torch.ones_like(together[1])
    moved = steps(optimizer, together[0])
    torch.testing.assert_close(moved.flatten(1), steps(Muon([alone], [], [], lr=0.01, weight_decay=0.0), alone))


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_tables_and_vectors_move_as_with_adamw(decay: float) -> None:
    start = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    moved = steps(Muon([], [ours], [], lr=0.01, weight_decay=decay), ours)
    torch.testing.assert_close(moved, steps(torch.optim.AdamW([theirs], lr=0.01, weight_decay=decay), theirs))


@pytest.mark.parametrize("name", ["grounded", "swin_bart", "baseline"])
def test_nothing_with_a_row_for_each_word_is_orthogonalised(name: str) -> None:
    reporter = build_reporter(CONFIGURATIONS[name])
    inner = inner_matrices(reporter, TINY["vocab_size"])
    assert inner
    assert all(parameter.ndim >= 2 and len(parameter) != TINY["vocab_size"] for parameter in inner)
    assert len({id(parameter) for parameter in inner}) == len(inner)


def test_a_checkpoint_of_its_state_goes_on_as_if_never_stopped() -> None:
    torch.manual_seed(0)
    start, vector = torch.randn(4, 6), torch.randn(3)

    def made() -> tuple[list[nn.Parameter], Muon]:
        parameters = [nn.Parameter(start.clone()), nn.Parameter(vector.clone())]
        return parameters, Muon(parameters[:1], [], parameters[1:], lr=0.01, weight_decay=0.1)

    def advance(parameters: list[nn.Parameter], optimizer: Muon, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        for parameter in parameters:
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        optimizer.step()

    straight, optimizer = made()
    for seed in range(4):
        advance(straight, optimizer, seed)
    broken, first = made()
    for seed in range(2):
        advance(broken, first, seed)
    resumed, second = made()
    for parameter, kept in zip(resumed, broken, strict=True):
        parameter.data.copy_(kept)
    second.load_state_dict(first.state_dict())
    for seed in range(2, 4):
        advance(resumed, second, seed)
    assert all(torch.equal(a, b) for a, b in zip(straight, resumed, strict=True))
