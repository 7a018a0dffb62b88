"""The layers against their formulas."""

from __future__ import annotations

import torch
from torch import nn

from generator.networks.layers import SelfAttention, UpsamplingConv


def test_attention_starts_as_identity_and_matches_its_formula() -> None:
    torch.manual_seed(0)
    layer, x = SelfAttention(64), torch.randn(2, 64, 8, 8)
    assert torch.equal(layer(x), x)
    with torch.no_grad():
        layer.gain.fill_(1)
        pool = nn.MaxPool2d(2)
        query, key, value = layer.query(x).flatten(2), pool(layer.key(x)).flatten(2), pool(layer.value(x)).flatten(2)
        weights = torch.einsum("ncq,nck->nqk", query, key).softmax(dim=-1)
        expected = x + layer.out(torch.einsum("nqk,nck->ncq", weights, value).view(2, -1, 8, 8))
        assert torch.allclose(layer(x), expected, atol=1e-5)


def test_upsampling_convolution_is_nearest_upsampling_and_a_convolution() -> None:
    torch.manual_seed(0)
    layer, x = UpsamplingConv(4, 6), torch.randn(2, 4, 8, 8)
    weight = layer.weight.detach().transpose(0, 1).flip(2, 3)  # transposed convolutions turn their kernel around
    expected = nn.functional.conv2d(nn.functional.interpolate(x, scale_factor=2.0), weight, padding=1)
    assert torch.allclose(layer(x), expected, atol=1e-5)
