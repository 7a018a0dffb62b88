"""Equalized learning rates (Karras et al. 2018, section 4.1): weights of length 1, scaled where they are used."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn.utils import parametrize

GAIN = math.sqrt(2)
"""He's constant, for what a leaky rectifier follows."""

MOST_COLORS = 4


class _Scale(nn.Module):
    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight * self.scale


def equalize(network: nn.Module) -> nn.Module:
    """Draw every weight of a network anew from a standard normal, and scale it by He's constant in use; in place.

    Adam's steps are as long as the rate, whatever the weight's scale: so all layers learn at the same speed. A bundle
    gets the product.
    """
    for layer in list(network.modules()):
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            # Of the transposed one, that spreads a single pixel over its kernel, each output sees the inputs once.
            once = isinstance(layer, nn.ConvTranspose2d)
            inputs = layer.weight.shape[0] if once else layer.weight[0].numel()
            gain = 1.0 if len(layer.weight) <= MOST_COLORS else GAIN  # no rectifier follows colors or a score
            nn.init.normal_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
            parametrize.register_parametrization(layer, "weight", _Scale(gain / math.sqrt(inputs)), unsafe=True)
    return network
