"""What a step does with a gradient that is not finite."""

from __future__ import annotations

import torch
from torch import nn

from train.adversary.descent import PATIENCE, Descent


def make() -> tuple[nn.Linear, Descent]:
    torch.manual_seed(0)
    network = nn.Linear(3, 1)
    return network, Descent([network], 0.1, (0.0, 0.9), torch.device("cpu"))


def test_a_gradient_that_is_not_finite_changes_nothing() -> None:
    network, descent = make()
    descent.step(network(torch.ones(2, 3)).sum())
    before, moments = network.weight.detach().clone(), descent.state()
    for bad in (float("nan"), float("inf")):
        descent.step(network(torch.full((2, 3), bad)).sum())
        assert torch.equal(network.weight, before)
    assert all(torch.equal(value, moments[name]) for name, value in descent.state().items())
    descent.step(network(torch.ones(2, 3)).sum())
    assert not torch.equal(network.weight, before)


def test_many_of_them_in_a_row_are_an_illness() -> None:
    network, descent = make()
    broken = torch.full((1, 3), float("nan"))
    for _ in range(PATIENCE - 1):
        descent.step(network(broken).sum())
    assert descent.is_well()
    descent.step(network(torch.ones(1, 3)).sum())
    descent.step(network(broken).sum())
    assert descent.is_well()
    for _ in range(PATIENCE - 1):
        descent.step(network(broken).sum())
    assert not descent.is_well()
    descent.load_state(descent.state())
    assert descent.is_well()
