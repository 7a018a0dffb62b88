"""Spectral normalization: PyTorch's own, without its copies."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from train.adversary.spectral import SpectralNorm, normalize

LAYERS: dict[str, Callable[[], nn.Module]] = {
    "convolution": partial(nn.Conv2d, 6, 10, 4),
    "transposed": partial(nn.ConvTranspose2d, 6, 10, 4),
}


def layer(name: str) -> nn.Module:
    torch.manual_seed(0)
    fresh = LAYERS[name]()
    weight = fresh.get_parameter("weight")
    weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    return fresh


def largest_singular_value(weight: torch.Tensor, name: str) -> float:
    outputs_first = weight if name == "convolution" else weight.transpose(0, 1)
    return float(torch.linalg.matrix_norm(outputs_first.detach().flatten(1), 2))


@pytest.mark.parametrize("name", LAYERS)
def test_training_finds_the_largest_singular_value(name: str) -> None:
    normalized = normalize(layer(name))
    before = largest_singular_value(layer(name).get_parameter("weight"), name)
    for _ in range(200):
        weight = normalized.weight
    assert isinstance(weight, torch.Tensor)
    assert abs(before - 1) > 0.1
    assert largest_singular_value(weight, name) == pytest.approx(1, abs=1e-3)
    assert weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("name", LAYERS)
def test_weights_and_gradients_are_those_of_pytorch(name: str) -> None:
    ours, theirs = normalize(layer(name)), parametrizations.spectral_norm(layer(name))
    results = []
    for one in (ours, theirs):
        for _ in range(300):  # both find the same singular vectors from other beginnings
            weight = one.weight
        assert isinstance(weight, torch.Tensor)
        target = torch.arange(weight.numel(), dtype=torch.float32).view(weight.shape).sin()
        (weight * target).sum().backward()  # type: ignore[no-untyped-call]
        gradient = one.get_parameter("parametrizations.weight.original").grad
        assert gradient is not None
        results.append((weight, gradient))
    (weight, gradient), (their_weight, their_gradient) = results
    assert torch.allclose(weight, their_weight, atol=1e-5)
    assert torch.allclose(gradient, their_gradient, atol=1e-3)


def test_a_network_that_is_only_used_stays_as_it_is() -> None:
    normalized = normalize(layer("convolution")).eval()
    before = {name: value.clone() for name, value in normalized.state_dict().items()}
    normalized(torch.randn(2, 6, 8, 8))
    assert all(torch.equal(value, before[name]) for name, value in normalized.state_dict().items())
    normalized.train()(torch.randn(2, 6, 8, 8))
    assert not torch.equal(
        normalized.state_dict()["parametrizations.weight.0.left"], before["parametrizations.weight.0.left"]
    )


def test_the_norm_is_taken_in_float32_under_autocast() -> None:
    norm = SpectralNorm(layer("convolution").get_parameter("weight"), transposed=False)
    with torch.autocast("cpu", torch.bfloat16):
        result = norm(layer("convolution").get_parameter("weight"))
    assert result.dtype == torch.float32


def test_what_is_not_a_convolution_is_refused() -> None:
    with pytest.raises(TypeError, match="Linear is not a convolution"):
        normalize(nn.Linear(2, 2))
